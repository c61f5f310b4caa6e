"""The first rows of a table, from which its dialect is detected."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from seqgen.corpus.dialect import Cells, Dialect, rows_of
from seqgen.corpus.header import has_header

NUM_SAMPLED = 300  # rows from which the header and the column of text are detected
_AGREEING = 0.7  # of the rows must have as many cells as the first
_AGREEING_WITH_HEADER = 0.3  # if the first row looks like a header


@dataclass(frozen=True)
class TableSample:
    """The first lines of a table.

    Attributes:
        lines: the lines.
        is_cut: whether there are more.
    """

    lines: Sequence[str]
    is_cut: bool

    def dialect(self, delimiters: str, column: str | None, *, is_certain: bool) -> Dialect:
        """Return the dialect in which most rows have the same number of cells.

        Args:
            delimiters: what may separate columns.
            column: the column that the user named.
            is_certain: whether one of the delimiters is known to separate columns; otherwise rows may be single cells.
        """
        parsed = [self._with_quotes(Dialect(delimiter)) for delimiter in delimiters]
        tables = [each for each in parsed if is_certain or each.is_table(column)]
        best = max(tables, key=lambda each: (each.agreeing, each.width), default=None)
        return (best or self._with_quotes(Dialect(None))).dialect

    def rows(self, dialect: Dialect) -> Iterator[Cells]:
        """Yield the rows; the last may be incomplete."""
        return rows_of(self.lines, dialect, is_cut=self.is_cut)

    def _with_quotes(self, dialect: Dialect) -> "_ParsedSample":
        """Return the rows parsed with the meaning of quotes that fits best."""
        parsed = self._parsed(dialect)
        if parsed.num_spaced:
            parsed = min(self._parsed(replace(dialect, skips_space=True)), parsed, key=_ParsedSample.faults)
        if parsed.num_malformed and any('\\"' in line for line in self.lines):
            parsed = min(parsed, self._parsed(replace(parsed.dialect, has_escapes=True)), key=_ParsedSample.faults)
        return parsed if parsed.has_quotes else self._parsed(replace(dialect, has_quotes=False))

    def _parsed(self, dialect: Dialect) -> "_ParsedSample":
        parsed = _ParsedSample(dialect)
        for row in self.rows(dialect):
            parsed.add(row)
        return parsed


@dataclass
class _ParsedSample:
    """The rows of a sample as parsed in a dialect, and statistics on how well it fits.

    Attributes:
        rows: the cells of rows that can be read.
        num_malformed: the number of rows that cannot be read.
        num_quoted: the number of cells that must be quoted, because they contain a quote, a delimiter or a newline.
        num_spaced: the number of quoted cells after a space.
    """

    dialect: Dialect
    rows: list[list[str]] = field(default_factory=list)
    num_malformed: int = 0
    num_quoted: int = 0
    num_spaced: int = 0
    _num_plain: int = 0  # rows without a quote
    _filled: Counter[int] = field(default_factory=Counter)
    _in_quotes: Counter[int] = field(default_factory=Counter)

    def add(self, row: Cells) -> None:
        """Count a row."""
        if row.fault:
            self.num_malformed += 1
            return
        self.rows.append(row.cells)
        if len(row.written) == 1 and '"' not in row.written[0]:
            self._num_plain += 1
            return
        written = row.written[0].split(self.dialect.separator)
        if len(row.written) > 1 or len(written) != len(row.cells):
            self.num_quoted += len(row.cells) == self.width  # quotes that join cells by chance change the width
            return
        self._filled.update(place for place, cell in enumerate(row.cells) if cell)
        for place, (cell, as_written) in enumerate(zip(row.cells, written, strict=True)):
            if cell == as_written:
                self.num_spaced += cell[:1].isspace() and cell.lstrip().startswith('"')
            elif '"' in cell:
                self.num_quoted += 1
            else:
                self._in_quotes[place] += 1

    def faults(self) -> int:
        """Return the number of malformed rows."""
        return self.num_malformed

    @property
    def has_quotes(self) -> bool:
        """Whether quotes enclose cells instead of being part of the text.

        In tab-separated rows, quotes around a text are usually part of it, unless they are necessary or all cells of a
        column have them. In other rows, a single malformed row is taken for a mistake, several for unquoted cells.
        """
        whole = sum(
            count for place, count in self._in_quotes.items() if count + 1 >= self._num_plain + self._filled[place]
        )
        others = self._in_quotes.total() - whole
        if self.dialect.delimiter == "\t":
            return self.num_malformed + others <= self.num_quoted + whole
        return self.num_malformed <= self.num_quoted + whole + others + 1

    @property
    def width(self) -> int:
        """The number of cells in the first row."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def agreeing(self) -> float:
        """The share of rows with as many cells as the first row."""
        num_rows = len(self.rows) + self.num_malformed
        alike = sum(len(row) >= self.width and not any(row[self.width :]) for row in self.rows)
        return alike / max(num_rows, 1)

    def is_table(self, column: str | None) -> bool:
        """Return whether enough rows have as many cells as the first for the delimiter to be one."""
        if self.width < 2:
            return False
        needed = _AGREEING_WITH_HEADER if has_header(self.rows[:NUM_SAMPLED], column) else _AGREEING
        return self.agreeing >= needed
