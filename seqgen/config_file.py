"""The `config.toml` of a run: the options as given and, in the table `resolved`, all options of the run.

A value that was chosen for one corpus is no request: `--config` keeps it for this corpus alone.
"""

import tomllib
from dataclasses import dataclass
from typing import Any

import tomli_w

from seqgen.config import TrainConfig, TrainOptions
from seqgen.errors import UsageError

_TABLE, _FINGERPRINT = "resolved", "fingerprint"
_COMMENT = "# All options of this run. --config keeps those that were chosen to fit, as long as the corpus is the same."


@dataclass(frozen=True)
class Resolved:
    """All options of a run.

    Attributes:
        fingerprint: of the corpus for which they were chosen.
        config: the options.
    """

    fingerprint: str
    config: TrainConfig


def to_toml(requested: TrainOptions, resolved: Resolved) -> str:
    """Return the content of the file: of the requested options those that are not defaults, and the resolved ones."""
    defaults = TrainOptions().to_flat()
    asked = {name: value for name, value in requested.to_flat().items() if value != defaults.get(name)}
    table = {_TABLE: {_FINGERPRINT: resolved.fingerprint, **resolved.config.to_flat()}}
    return f"{tomli_w.dumps(asked)}\n{_COMMENT}\n{tomli_w.dumps(table)}"


def from_toml(text: str) -> tuple[dict[str, Any], Resolved | None]:
    """Return the options that a file requests, by name, and what it says of an earlier run, if anything.

    Raises:
        UsageError: an option does not exist or breaks its rule.
        ValueError: it is not TOML.
    """
    values = tomllib.loads(text)
    table = values.pop(_TABLE, None)
    TrainOptions.from_flat(values)
    if table is None:
        return values, None
    if not isinstance(table, dict) or not isinstance(table.get(_FINGERPRINT), str):
        raise UsageError(f"the table [{_TABLE}] must hold the {_FINGERPRINT} of a corpus and the options of a run")
    fingerprint = table.pop(_FINGERPRINT)
    return values, Resolved(fingerprint, TrainConfig.from_flat(table))
