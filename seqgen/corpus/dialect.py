"""The dialect of a table: what separates its columns, and what its quotes mean."""

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple, Self

from seqgen.corpus.documents import MAX_CHARACTERS

_NONE = "\uffff"  # not a character, so that it occurs in no text
_LINE_COST = 50  # memory of a line besides its text, in characters
_MAX_PENDING = 1 << 24  # characters of a row that may continue in the next part
_UNCLOSED = "a quote in it is not closed, or text follows a closing quote"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}

csv.field_size_limit(MAX_CHARACTERS)


@dataclass(frozen=True)
class Dialect:
    """How the rows of a table are written.

    Attributes:
        delimiter: separates the cells of a row; None if each row is a single cell.
        has_quotes: whether a cell in quotes may hold delimiters and newlines; otherwise quotes are ordinary characters.
        has_escapes: whether a backslash makes a quote in quotes an ordinary character; otherwise a second quote does.
        skips_space: whether the space after a delimiter belongs to it.
    """

    delimiter: str | None
    has_quotes: bool = True
    has_escapes: bool = False
    skips_space: bool = False

    @property
    def separator(self) -> str:
        """The delimiter, or a character that occurs in no text."""
        return self.delimiter or _NONE

    @property
    def description(self) -> str:
        """How the cells are separated, for a report."""
        separated = f"{_NAMES.get(self.delimiter, repr(self.delimiter))}-separated" if self.delimiter else ""
        quotes = "" if self.has_quotes else "quotes as ordinary characters"
        escapes = "quotes escaped by backslashes" if self.has_escapes else ""
        return ", ".join(filter(None, (separated, quotes, escapes)))

    def reader(self, lines: Iterator[str], *, is_strict: bool = True) -> Any:
        """Return a `csv.reader` of such rows; if it is strict, malformed quotes raise `csv.Error`."""
        return csv.reader(
            lines,
            delimiter=self.separator,
            quoting=csv.QUOTE_MINIMAL if self.has_quotes else csv.QUOTE_NONE,
            escapechar="\\" if self.has_escapes else None,
            skipinitialspace=self.skips_space,
            strict=is_strict,
        )


# The line in which a row begins, from 1; its cells; why it cannot be read, empty if it can.
ReadRow = tuple[int, list[str], str]


def read_rows(parts: Iterable[str], dialect: Dialect) -> Iterator[ReadRow]:
    """Yield the same rows as `rows_of`, several times as fast as long as none is malformed.

    Args:
        parts: of the table, which end with a newline; the last may lack it.
        dialect: how it is written.
    """
    parts, before, pending = iter(parts), 0, ""
    for part in parts:
        text = pending + part.removesuffix("\n") + "\n"
        feed = io.StringIO(text, newline="\n")
        reader, begin, pending, is_malformed = dialect.reader(feed), 0, "", False
        try:
            for cells in reader:
                if cells:
                    yield before + begin + 1, cells, ""
                begin = reader.line_num
        except csv.Error:
            is_at_end = not feed.read(1)
            feed.seek(0)
            pending = text[sum(map(len, islice(feed, begin))) :]
            is_malformed = not is_at_end or len(pending) > _MAX_PENDING
        before += begin
        if is_malformed:
            break
    rest = chain([pending] if pending else [], parts)
    lines = chain.from_iterable(part.removesuffix("\n").split("\n") for part in rest)
    yield from ((before + row.line, row.cells, row.fault) for row in rows_of(lines, dialect))


class Cells(NamedTuple):
    """The cells of a row.

    Attributes:
        line: the line of the file in which it begins, from 1.
        cells: their content.
        written: its lines as in the file.
        fault: why the row cannot be read; empty if it can.
    """

    line: int
    cells: list[str]
    written: list[str]
    fault: str = ""


def rows_of(lines: Iterable[str], dialect: Dialect, *, is_cut: bool = False) -> Iterator[Cells]:
    """Yield the rows of a table, without blank lines.

    A row with malformed quotes consists of its first line only: the next line begins another row, so that a quote that
    is not closed costs one row.

    Args:
        lines: of the table.
        dialect: how it is written.
        is_cut: whether the table has more lines, so that the end of the last row may be missing.
    """
    feed = _Lines(iter(lines))
    reader = dialect.reader(feed)
    while True:
        feed.begin()
        line = feed.number + 1
        try:
            if cells := next(reader):
                yield Cells(line, cells, feed.row)
        except StopIteration:
            return
        except csv.Error:
            if is_cut and feed.is_at_end:
                yield Cells(line, next(dialect.reader(iter(feed.row), is_strict=False)), feed.row)
                return
            fault = _UNCLOSED
            if feed.is_too_long:
                fault = f"it has more than {MAX_CHARACTERS:,} characters, or {_UNCLOSED}"
            feed.put_back()
            yield Cells(line, [], feed.row, fault)


class _Lines:
    """Lines for a `csv.reader`, which takes as many as a row has.

    Attributes:
        row: the lines of the row that is being read.
        number: the number of lines read.
        is_at_end: whether the reader has asked for more lines than there are.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._size = 0
        self.row: list[str] = []
        self.number = 0
        self.is_at_end = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        try:
            line = self._again.popleft() if self._again else next(self._lines)
        except StopIteration:
            self.is_at_end = True
            raise
        self.row.append(line)
        self.number += 1
        self._size += len(line) + _LINE_COST
        if self._size > MAX_CHARACTERS:
            raise csv.Error
        return line + "\n"

    @property
    def is_too_long(self) -> bool:
        """Whether the row needs more memory than is allowed."""
        return self._size > MAX_CHARACTERS

    def begin(self) -> None:
        """Begin a row."""
        self.row, self._size = [], 0

    def put_back(self) -> None:
        """Put back all lines of the row but the first, which are then read again."""
        self._again.extendleft(reversed(self.row[1:]))
        self.number -= len(self.row) - 1
        del self.row[1:]
