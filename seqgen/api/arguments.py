"""Keyword arguments as options, and the names of options in messages as those of arguments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, TypeVar, get_type_hints

import numpy as np

from seqgen.config import SamplingConfig, TrainOptions
from seqgen.errors import SeqgenError, UsageError
from seqgen.options import Options, field_name

Config = TypeVar("Config", bound=Options)

# Commands are kept as they are; @ marks the name of a file on the command line only.
_PHRASES = {
    "--given @FILE": "given=Path(FILE)",
    "--prime @FILE": "prime=read_music(FILE)[0]",
    "@FILE with music": "a score",
}
_OPTION = re.compile(
    r"(?P<command>\b(?:seqgen (?:train|sample|evaluate|inspect)|pandoc|soffice) --[^;,\n]*)"
    rf"|(?P<phrase>{'|'.join(map(re.escape, _PHRASES))})"
    r"|--(?P<name>[a-z][a-z-]*[a-z])(?: (?P<value>[\w./-]+(?:,\d{3})*)(?P<is_last>(?=[,;:)]|$))?)?"
)
_NUMBER = re.compile(r"\d+(,\d{3})*(\.\d+)?(e-?\d+)?")
_DURATION = re.compile(r"\d+(\.\d+)?[dhms]")


def _declared(*kinds: type[Options]) -> dict[str, Field[Any]]:
    return {item.name: item for kind in kinds for item in fields(kind)}


_FIELDS = _declared(SamplingConfig, *get_type_hints(TrainOptions).values())


def python_terms(message: str) -> str:
    """Return a message with options as arguments: `top_k` for `--top-k`, and `cell='lstm'` for `--cell lstm`."""
    return _OPTION.sub(_argument, message)


def _argument(match: re.Match[str]) -> str:
    if match["name"] is None:
        return _PHRASES.get(match[0], match[0])
    name, value = field_name(match["name"]), match["value"]
    if value is None:
        return name
    if _NUMBER.fullmatch(value):
        return f"{name}={value.replace(',', '')}"
    is_choice = name in _FIELDS and value in _FIELDS[name].metadata["choices"]
    is_value = is_choice or match["is_last"] is not None or _DURATION.fullmatch(value)
    return f"{name}={value!r}" if is_value else f"{name} {value}"


@contextmanager
def errors_in_python_terms() -> Iterator[None]:
    """Name options like arguments in the messages of errors, see `python_terms`."""
    try:
        yield
    except SeqgenError as error:
        error.args = (python_terms(str(error)), *error.args[1:])
        raise


def config_of(kind: type[Config], options: Mapping[str, Any]) -> Config:
    """Return keyword arguments as a configuration; numpy numbers, paths and lists are accepted.

    Raises:
        UsageError: an option does not exist, or its value is invalid.
    """
    refuse_unknown(options, [item.name for item in fields(kind)])
    types = get_type_hints(kind)
    return kind(**{name: _plain(value, types[name]) for name, value in options.items()})


def refuse_unknown(options: Mapping[str, Any], names: Sequence[str]) -> None:
    """Reject an argument that does not exist.

    Raises:
        UsageError: an option is not one of the names.
    """
    for name in options:
        if name not in names:
            nearest = get_close_matches(name, names, 1)
            remedy = f"did you mean {nearest[0]}?" if nearest else f"the options are {', '.join(names)}"
            raise UsageError(f"there is no option {name}: {remedy}")


def _plain(value: Any, annotated: Any) -> Any:
    """Return a number of numpy as one of Python, a path as text, and one or several texts as a tuple."""
    if isinstance(value, np.generic):
        return value.item()
    if annotated == tuple[str, ...] and isinstance(value, str | PurePath | list | tuple):
        several = value if isinstance(value, list | tuple) else [value]
        return tuple(str(each) if isinstance(each, PurePath) else each for each in several)
    return str(value) if isinstance(value, PurePath) else value
