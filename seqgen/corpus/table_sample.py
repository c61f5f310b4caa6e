"""The first rows of a table, which show how it is written."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from seqgen.corpus.dialect import Cells, Dialect, rows_of
from seqgen.corpus.header import has_header

NUM_SAMPLED = 300  # rows that tell whether there is a header, and which column is text
_AGREEING = 0.7  # of the rows must have as many cells as the first
_AGREEING_WITH_HEADER = 0.3  # where the first row looks like a header


@dataclass(frozen=True)
class Sample:
    """The beginning of a table.

    Attributes:
        lines: its first lines.
        is_cut: whether there are more.
    """

    lines: Sequence[str]
    is_cut: bool

    def dialect(self, delimiters: str, wanted: str | None, *, is_certain: bool) -> Dialect:
        """Return the dialect in which the rows are most alike.

        Args:
            delimiters: what may separate columns.
            wanted: the column that the user named.
            is_certain: whether one of the delimiters does separate columns; otherwise rows may be single cells.
        """
        parsed = [self._with_quotes(Dialect(delimiter)) for delimiter in delimiters]
        tables = [each for each in parsed if is_certain or each.is_table(wanted)]
        best = max(tables, key=lambda each: (each.agreeing, each.width), default=None)
        return (best or self._with_quotes(Dialect(None))).dialect

    def rows(self, dialect: Dialect) -> Iterator[Cells]:
        """Yield the rows, the last of which may lack its end."""
        return rows_of(self.lines, dialect, is_cut=self.is_cut)

    def _with_quotes(self, dialect: Dialect) -> "_Parsed":
        """Return the rows with that meaning of quotes that suits them best."""
        parsed = self._parsed(dialect)
        if parsed.num_spaced:
            parsed = min(self._parsed(replace(dialect, skips_space=True)), parsed, key=_Parsed.faults)
        if parsed.num_malformed and any('\\"' in line for line in self.lines):
            parsed = min(parsed, self._parsed(replace(parsed.dialect, has_escapes=True)), key=_Parsed.faults)
        return parsed if parsed.has_quotes else self._parsed(replace(dialect, has_quotes=False))

    def _parsed(self, dialect: Dialect) -> "_Parsed":
        parsed = _Parsed(dialect)
        for row in self.rows(dialect):
            parsed.add(row)
        return parsed


@dataclass
class _Parsed:
    """The rows of a sample as a dialect reads them, and what they tell about it.

    Attributes:
        rows: the cells of those that can be read.
        num_malformed: how many cannot.
        num_quoted: cells that are in quotes because they have to be: a quote, a delimiter or a newline is in them.
        num_spaced: cells in quotes that stand after a space.
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
        """Take a row."""
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
        """Return how many rows are malformed."""
        return self.num_malformed

    @property
    def has_quotes(self) -> bool:
        """Whether quotes enclose cells, and are no characters of the text.

        Where tabs separate, a text in quotes is more often one that begins and ends with quotes, unless quotes were
        necessary or all cells of a column have them. Elsewhere one malformed row is a mistake, several are a habit.
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
        """How many cells the first row has."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def agreeing(self) -> float:
        """The share of rows with as many cells as the first."""
        num_rows = len(self.rows) + self.num_malformed
        alike = sum(len(row) >= self.width and not any(row[self.width :]) for row in self.rows)
        return alike / max(num_rows, 1)

    def is_table(self, wanted: str | None) -> bool:
        """Tell whether the rows are so much alike that the delimiter is one."""
        if self.width < 2:
            return False
        needed = _AGREEING_WITH_HEADER if has_header(self.rows[:NUM_SAMPLED], wanted) else _AGREEING
        return self.agreeing >= needed
