"""The `config.toml` of a run: the requested options and, in the table `resolved`, all options.

Values that were chosen automatically are not requests: `--config` reuses them only for the same corpus.
"""

import tomllib
from dataclasses import dataclass
from typing import Any

import tomli_w

from seqgen.config import TrainConfig, TrainOptions
from seqgen.errors import UsageError

_TABLE, _FINGERPRINT = "resolved", "fingerprint"
_COMMENT = "# All options of this run. --config reuses the automatically chosen ones only if the corpus is the same."


@dataclass(frozen=True)
class Resolved:
    """All options of a run.

    Attributes:
        fingerprint: the fingerprint of the corpus for which they were chosen.
        config: the options.
    """

    fingerprint: str
    config: TrainConfig


def to_toml(requested: TrainOptions, resolved: Resolved) -> str:
    """Return the content of the file: the requested options that differ from the defaults, and the resolved options."""
    defaults = TrainOptions().to_flat()
    changed = {name: value for name, value in requested.to_flat().items() if value != defaults.get(name)}
    table = {_TABLE: {_FINGERPRINT: resolved.fingerprint, **resolved.config.to_flat()}}
    return f"{tomli_w.dumps(changed)}\n{_COMMENT}\n{tomli_w.dumps(table)}"


def from_toml(text: str) -> tuple[dict[str, Any], Resolved | None]:
    """Return the requested options by name, and the resolved options of an earlier run if the file contains them.

    Raises:
        UsageError: an option does not exist or has an invalid value.
        ValueError: the text is not TOML.
    """
    values = tomllib.loads(text)
    table = values.pop(_TABLE, None)
    TrainOptions.from_flat(values)
    if table is None:
        return values, None
    if not isinstance(table, dict) or not isinstance(table.get(_FINGERPRINT), str):
        raise UsageError(f"the table [{_TABLE}] must contain the {_FINGERPRINT} of a corpus and the options of a run")
    fingerprint = table.pop(_FINGERPRINT)
    return values, Resolved(fingerprint, TrainConfig.from_flat(table))
