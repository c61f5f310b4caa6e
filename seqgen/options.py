"""Options: dataclass fields with a help text and a rule for their values."""

import keyword
import math
import re
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, get_args, get_type_hints

from seqgen.errors import UsageError

Config = TypeVar("Config", bound="Options")

LARGEST = 10**15  # of integers, so that sums and products fit into 64 bits


@dataclass(frozen=True)
class Interval:
    """The finite values that a number may have; an open end is excluded."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below and not (isinstance(value, float) and math.isinf(value))

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'above' if self.low_open else 'at least'} {self.low}"
        return f"in {'(' if self.low_open else '['}{self.low}, {self.high}{')' if self.high_open else ']'}"


def option(
    help: str,  # noqa: A002  # as Typer and argparse call it
    default: Any = None,
    *,
    metavar: str | None = None,
    bound: Interval | None = None,
    choices: tuple[str, ...] = (),
    group: str | None = None,
    shown_default: str | None = None,
) -> Any:
    """Declare a field that becomes a command-line option.

    Args:
        help: help text.
        default: default value.
        metavar: placeholder of the value in the help.
        bound: values that a number may have.
        choices: values that a text may have.
        group: title of its group in the help; None for that of the class.
        shown_default: description of the default in the help, if the value does not explain itself.
    """
    metadata = {
        "help": help,
        "metavar": metavar,
        "bound": bound,
        "choices": choices,
        "group": group,
        "shown_default": shown_default,
        "chosen": False,
    }
    return field(default=default, metadata=metadata)


def chosen(
    help: str,  # noqa: A002
    *,
    metavar: str | None = None,
    bound: Interval | None = None,
    group: str | None = None,
) -> Any:
    """Declare a field that the recipe fills in if the user does not."""
    declared = option(help, metavar=metavar, bound=bound, group=group)
    return field(default=None, metadata={**declared.metadata, "chosen": True})


def resolved(requested: "type[Options]", name: str, default: Any = MISSING) -> Any:
    """Declare the field of a resolved option, which is never None: the requested option's rules, without its holes."""
    metadata = next(item.metadata for item in fields(requested) if item.name == name)
    return field(default=default, metadata=metadata)


def flag(name: str) -> str:
    """Return the option of a field: `--hidden-size` for `hidden_size`, `--from` for `from_`."""
    return "--" + name.rstrip("_").replace("_", "-")


def field_name(option: str) -> str:
    """Return the field of an option: `hidden_size` for `hidden-size`, `from_` for `from`."""
    name = option.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) else name


_TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    str: ((str,), "text"),
}


def _check_type(name: str, value: Any, annotated: Any) -> None:
    """Reject a value of a wrong type."""
    accepted, words = next(_TYPES[kind] for kind in (annotated, *get_args(annotated)) if kind in _TYPES)
    is_several = annotated == tuple[str, ...] and isinstance(value, tuple)
    if not all(type(item) in accepted for item in (value if is_several else (value,))):
        raise UsageError(f"{flag(name)} must be {words}, got {value!r}")


_NUMBER = r"(\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})"
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_TIME = re.compile("".join(rf"(?:{_NUMBER}{unit})?" for unit in _SECONDS))


def parse_time(text: str) -> float:
    """Return the seconds of a duration such as `80s`, `1.5m`, `1h30m` or `1d`.

    Raises:
        UsageError: it is not a duration, or zero.
    """
    match = _TIME.fullmatch(text.strip())
    parts = match.groups() if match else ()
    total = sum(float(part or 0) * seconds for part, seconds in zip(parts, _SECONDS.values(), strict=False))
    if not total:
        raise UsageError(
            f"--time must be a positive number with a unit (d, h, m or s), such as 80s, 1.5h or 1h30m, got {text!r}"
        )
    return total


_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(rf"{_NUMBER} ?([{''.join(_BYTES)}]?)b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `500MB`, `1.5GB` or `2000000`.

    Raises:
        UsageError: it is not a size, or zero.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _BYTES[match[2].lower()]) if match else 0
    if not size:
        raise UsageError(
            f"--unpack-limit must be a positive number of bytes, or have a unit (kB, MB, GB or TB), got {text!r}"
        )
    return size


_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " ", "none": None}


def parse_delimiter(text: str) -> str | None:
    """Return the character of a delimiter such as `tab` or `;`; None for `none`.

    Raises:
        UsageError: it is not a character that can separate columns.
    """
    delimiter = _DELIMITERS.get(text.lower(), text)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UsageError(
            "--delimiter must be one character other than a quote, or comma, semicolon, tab, pipe, space or none, "
            f"got {text!r}"
        )
    return delimiter


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base class of the option groups; checks every field against its bound and choices.

    The docstring of a subclass starts with the title of the group in the help.
    """

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for item in fields(self):
            value = getattr(self, item.name)
            bound, choices = item.metadata["bound"], item.metadata["choices"]
            if value is None and type(None) in get_args(types[item.name]):
                continue
            _check_type(item.name, value, types[item.name])
            if bound is not None and value not in bound:
                raise UsageError(f"{flag(item.name)} must be {bound}, got {value}")
            if type(value) is int and value > LARGEST:
                raise UsageError(f"{flag(item.name)} must be at most {LARGEST}, got {value}")
            for each in value if isinstance(value, tuple) else (value,):
                if choices and each not in choices:
                    raise UsageError(f"{flag(item.name)} must be one of {', '.join(choices)}; got {each!r}")

    def is_open(self, name: str) -> bool:
        """Return whether the recipe has yet to choose this option."""
        is_chosen = next(item.metadata["chosen"] for item in fields(self) if item.name == name)
        return is_chosen and getattr(self, name) is None

    def completed(self, kind: type[Config], **choices: Any) -> Config:
        """Return resolved options: these, with one of the choices for each that is None."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        return kind(**(choices | given))
