"""Rows: lines of a table, or JSON objects, as values by field name."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

_MIN_LETTERS = 0.5  # share of letters in a text; dates, numbers and codes have fewer
_MAX_MEASURED = 10_000  # characters of a value
_MAX_FIELDS = 1_000
_MAX_DEPTH = 8  # of nested objects whose fields are listed
_KEY = re.compile(r"\d|[/\\@]")  # in a single word: an identifier, a path, a link or an address
_JSON_TYPES = {bool: "true or false", int: "a number", float: "a number", list: "an array", dict: "an object"}


class Row(NamedTuple):
    """A row of a table, or a JSON object.

    Attributes:
        number: its number among the rows, from 1, without the header and blank lines.
        line: the line of the file in which it begins, from 1.
        values: its values, by field or column.
        fault: why it cannot be read; empty if it can.
    """

    number: int
    line: int
    values: Mapping[str, Any] = MappingProxyType({})
    fault: str = ""

    @property
    def place(self) -> str:
        """Its place in the file."""
        return f"row {self.number} (line {self.line})"

    @property
    def size(self) -> int:
        """The number of characters in its texts."""
        return sum(len(value) for _, value in _leaves(self.values) if isinstance(value, str))

    def value(self, name: str) -> Any:
        """Return the value of a field.

        Args:
            name: the field; `data.text` is a field of a nested object, and `lines.1` an element of an array, unless a
                field has exactly this name.

        Raises:
            LookupError: there is no such field; the message says why.
        """
        if name in self.values:
            return self.values[name]
        inner: Any = self.values
        for part in name.split("."):
            if isinstance(inner, list) and part.isdecimal() and 0 < int(part) <= len(inner):
                inner = inner[int(part) - 1]
            elif isinstance(inner, Mapping) and part in inner:
                inner = inner[part]
            else:
                raise LookupError(f"it has no {part!r}")
        return inner

    def has(self, name: str) -> bool:
        """Return whether there is such a field."""
        try:
            self.value(name)
        except LookupError:
            return False
        return True

    def text(self, name: str) -> str:
        """Return the text of a field.

        Raises:
            LookupError: it is not a text; the message says why.
        """
        value = self.value(name)
        if not isinstance(value, str):
            raise LookupError(f"it is {_JSON_TYPES.get(type(value), 'null')}")
        return value


def field_names(rows: Iterable[Row]) -> list[str]:
    """Return the names of all fields of the rows; those of nested objects are `outer.inner`."""
    names = (name for row in rows for name, _ in _leaves(row.values))
    return list(islice(dict.fromkeys(islice(names, 100 * _MAX_FIELDS)), _MAX_FIELDS))


def _leaves(values: Mapping[str, Any], outer: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value and depth < _MAX_DEPTH:
            yield from _leaves(value, f"{outer}{name}.", depth + 1)
        else:
            yield outer + name, value


def field_with_most_text(rows: Sequence[Row], other: str | None = None) -> str | None:
    """Return the field with the most text, or None if there is no text; equal values count once.

    A single field is text if it has a letter or a digit: it may hold formulas or chess moves.

    Args:
        rows: the first rows.
        other: a field that is not considered.
    """
    names = [name for name in field_names(rows) if name != other]
    values: dict[str, set[str]] = {name: set() for name in names}
    for row in rows:
        for name, value in _leaves(row.values):
            if isinstance(value, str) and name in values:
                values[name].add(value[:_MAX_MEASURED])
    sizes = {name: sum(map(text_size, different)) for name, different in values.items()}
    best = max(sizes, key=sizes.__getitem__, default=None)
    if best is None or sizes[best]:
        return best
    return best if len(sizes) == 1 and any(map(str.isalnum, "".join(values[best]))) else None


def text_size(value: str) -> int:
    """Return the number of letters and spaces of a value; 0 if it is not text but a number, date, key or link."""
    value = value[:_MAX_MEASURED]
    if value.isascii() and len(value.split()) <= 1 and _KEY.search(value):
        return 0
    size = sum(c.isalpha() or c.isspace() or not c.isascii() for c in value)
    return size if size > _MIN_LETTERS * len(value) else 0


def is_number(cell: str) -> bool:
    """Return whether a cell is a finite number."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
