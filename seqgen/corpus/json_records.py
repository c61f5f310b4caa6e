"""JSON records: one object per line, concatenated objects, or an array of objects; also plain strings."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

from seqgen.corpus.documents import MAX_CHARACTERS, Document, lines_of
from seqgen.corpus.rows import Row

_LINES, _ARRAY, _OBJECTS = "JSON lines", "JSON array", "JSON objects"  # ways to write records
_UNFINISHED = 16  # characters at the end of a text in which an error may be due to its being cut
_OBJECT = re.compile(r"\[?\s*\{\s*\"")
_SPACE = re.compile(r"\s*")
_SPACE_OR_COMMA = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder(strict=False)  # accepts raw tabs in strings


@dataclass(frozen=True)
class JsonRecords:
    """A file of JSON records.

    Attributes:
        document: the file.
        description: how the records are written.
        has_objects: whether the first record is an object.
    """

    document: Document[str]
    description: str
    has_objects: bool

    @classmethod
    def of(cls, document: Document[str]) -> Self:
        """Detect from the first lines how the records are written."""
        head = next((chunk for chunk in document.chunks() if chunk.strip()), "").lstrip()
        lines = list(islice((line for line in head.splitlines() if line.strip()), 2))
        first, second = (*map(_loaded, lines), None, None)[:2]
        if head.startswith("["):
            description = _LINES if isinstance(first, list) and len(lines) == 2 else _ARRAY
        else:
            is_one_line = len(lines) < 2 or first is not None or isinstance(second, dict)
            description = _LINES if is_one_line or not _begins_with_value(head) else _OBJECTS
        return cls(document, description, _OBJECT.match(head) is not None)

    @property
    def is_array(self) -> bool:
        """Whether the records are the elements of an array."""
        return self.description == _ARRAY

    def rows(self, max_size: int = MAX_CHARACTERS) -> Iterator[Row]:
        """Yield the records.

        Args:
            max_size: the largest number of characters of a record that is not a line.
        """
        if self.description == _LINES:
            yield from (_row_of_line(*line) for line in self._lines())
            return
        window = _Window(self.document.chunks(), max_size)
        number = 0
        try:
            for number, (line, value) in enumerate(window.values(is_array=self.is_array), start=1):
                yield _row(number, line, value)
        except (ValueError, RecursionError) as error:
            yield Row(number + 1, window.line, fault=f"{_fault(error)}; nothing after it can be read")

    def texts(self, name: str) -> Iterator[tuple[int, str] | Row]:
        """Yield number and text of each record that has a text in a field, and the other records as they are."""
        if self.description != _LINES:
            yield from self.rows()
            return
        decode = _DECODER.raw_decode
        for number, line, content in self._lines():
            try:
                value, end = decode(content)
            except (ValueError, RecursionError):
                value, end = None, -1
            if end != len(content):  # it is not JSON, or there is white space around it
                yield _row_of_line(number, line, content)
            elif isinstance(value, dict) and (text := value.get(name)) and isinstance(text, str):
                yield number, text
            else:
                yield _row(number, line, value)

    def _lines(self) -> Iterator[tuple[int, int, str]]:
        """Yield number, line and content of each record that is a line."""
        lines = ((line, content) for line, content in enumerate(lines_of(self.document), 1) if content.strip())
        return ((number, *line) for number, line in enumerate(lines, start=1))


def _loaded(line: str) -> Any:
    """Return the value of a line, or None if it is not JSON."""
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


def _begins_with_value(head: str) -> bool:
    """Return whether a text begins with a JSON value, whose end may be missing."""
    try:
        _DECODER.raw_decode(head)
    except json.JSONDecodeError as error:
        return _is_cut(error)
    except (ValueError, RecursionError):
        return False
    return True


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Return whether the text may be invalid only because it is cut."""
    return error.msg.startswith("Unterminated string") or error.pos > len(error.doc) - _UNFINISHED


def _row_of_line(number: int, line: int, content: str) -> Row:
    try:
        return _row(number, line, _DECODER.decode(content))
    except (ValueError, RecursionError) as error:
        return Row(number, line, fault=_fault(error))


def _row(number: int, line: int, value: Any) -> Row:
    """Return the row of a JSON value; a string is a field `text`, the elements of an array are fields from 1."""
    if isinstance(value, str):
        value = {"text": value}
    elif isinstance(value, list):
        value = {str(place): element for place, element in enumerate(value, start=1)}
    if not isinstance(value, dict):
        return Row(number, line, fault="it is not a JSON object")
    return Row(number, line, value, fault="" if value else "it is empty")


def _fault(error: Exception) -> str:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number is too long or it is nested too deeply"
    return f"it is not JSON ({reason})"


class _Window:
    """The part of a JSON text that is in memory, which moves over the whole text.

    Args:
        chunks: of the text.
        max_size: the largest number of characters of a value.

    Attributes:
        line: the current line, from 1.
    """

    def __init__(self, chunks: Iterable[str], max_size: int) -> None:
        self._chunks = iter(chunks)
        self._max_size = max_size
        self._text = ""
        self._place = 0
        self.line = 1

    def values(self, *, is_array: bool) -> Iterator[tuple[int, Any]]:
        """Yield line and value of each element of an array, or of each of several values.

        Raises:
            ValueError: the text is not JSON.
            RecursionError: a value is nested too deeply.
        """
        if is_array and self._next() == "[":
            self._place += 1
        while char := self._next(_SPACE_OR_COMMA if is_array else _SPACE):
            if is_array and char == "]":
                self._place += 1
                if self._next():
                    raise json.JSONDecodeError("Extra data", self._text, self._place)
                return
            yield self.line, self._value()
        if is_array:
            raise json.JSONDecodeError("The array is not closed", self._text, self._place)

    def _next(self, skipped: re.Pattern[str] = _SPACE) -> str:
        """Move to the next character that is not skipped and return it; empty at the end."""
        while True:
            match = skipped.match(self._text, self._place)
            self._move(match.end() if match else self._place)
            if self._place < len(self._text) or not self._grow(1):
                return self._text[self._place : self._place + 1]

    def _move(self, place: int) -> None:
        self.line += self._text.count("\n", self._place, place)
        self._place = place

    def _grow(self, size: int) -> bool:
        """Drop what was parsed and read more characters; return whether there were any."""
        parts = [self._text[self._place :]]
        while size > 0 and (chunk := next(self._chunks, None)) is not None:
            parts.append(chunk)
            size -= len(chunk)
        self._text, self._place = "".join(parts), 0
        return len(parts) > 1

    def _value(self) -> Any:
        """Return the next value, reading as much of the text as necessary."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                size = len(self._text) - self._place
                if size > self._max_size or not _is_cut(error) or not self._grow(size):
                    raise
                continue
            if end == len(self._text) and isinstance(value, int | float) and self._grow(1):
                continue  # the number may continue
            self._move(end)
            return value
