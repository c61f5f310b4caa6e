"""Tables: rows of cells, as in .csv and .tsv, with or without a header."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

from seqgen.config import CorpusConfig
from seqgen.corpus.dialect import Dialect, ReadRow, read_rows
from seqgen.corpus.documents import IF_NO_RECORDS, Document, lines_of, whole_lines
from seqgen.corpus.header import has_header
from seqgen.corpus.rows import Row
from seqgen.corpus.table_sample import NUM_SAMPLED, TableSample
from seqgen.options import parse_delimiter

_SAMPLED = 1 << 18  # characters from which the dialect is detected
_DELIMITERS = ",;\t|"
_EXCEL = "sep="  # then the delimiter, in a first line written by Excel


@dataclass(frozen=True)
class Table:
    """A table in a file.

    Attributes:
        document: the file.
        dialect: of the rows.
        columns: the distinct names of the columns; "1", "2" and so on without a header.
        has_header: whether the first row names the columns.
        num_skipped: the number of lines before the first row.
    """

    document: Document[str]
    dialect: Dialect
    columns: tuple[str, ...]
    has_header: bool
    num_skipped: int

    @classmethod
    def of(cls, document: Document[str], config: CorpusConfig, suffix: str) -> Self:
        """Detect dialect and header of a table from its first rows.

        Args:
            document: the file.
            config: what the user knows about it: header, delimiter and columns.
            suffix: of the file; in a .tsv tabs separate the cells.
        """
        lines = list(_first(document, _SAMPLED))
        is_cut = sum(map(len, lines)) >= _SAMPLED
        num_skipped = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
        delimiters, is_certain = ("\t", True) if suffix == ".tsv" else (_DELIMITERS, False)
        if lines[num_skipped:] and lines[num_skipped].lower().startswith(_EXCEL):
            delimiters, is_certain = lines[num_skipped][len(_EXCEL) :][:1] or delimiters, True
            num_skipped += 1
        if config.delimiter is not None:
            delimiters, is_certain = parse_delimiter(config.delimiter) or "", True
        sample = TableSample(lines[num_skipped:], is_cut)
        dialect = sample.dialect(delimiters, config.named_column, is_certain=is_certain)
        rows = [row.cells for row in islice(sample.rows(dialect), NUM_SAMPLED) if row.cells]
        is_named = has_header(rows, config.named_column) if config.header is None else config.header == "yes"
        return cls(document, dialect, _columns(rows, has_names=is_named), is_named, num_skipped)

    def rows(self) -> Iterator[Row]:
        """Yield the rows, without the header."""
        return (self._row(number, row) for number, row in self._numbered())

    def texts(self, name: str) -> Iterator[tuple[int, str] | Row]:
        """Yield number and text of each row that has a text in a column, and the other rows as they are."""
        place, width = self.columns.index(name), len(self.columns)
        for number, row in self._numbered():
            _, cells, _ = row
            if place < len(cells) <= width and cells[place]:
                yield number, cells[place]
            else:
                yield self._row(number, row)

    def _numbered(self) -> Iterator[tuple[int, ReadRow]]:
        number, is_header_next = 0, self.has_header
        for row in read_rows(_without_first(whole_lines(self.document, IF_NO_RECORDS), self.num_skipped), self.dialect):
            _, _, fault = row
            if is_header_next and not fault:
                is_header_next = False
            else:
                number += 1
                yield number, row

    def _row(self, number: int, row: ReadRow) -> Row:
        line, cells, fault = row
        if len(cells) > len(self.columns) and any(cells[len(self.columns) :]):
            fault = f"it has {len(cells)} cells for {len(self.columns)} columns"
        return Row(number, self.num_skipped + line, dict(zip(self.columns, cells, strict=False)), fault)


def _without_first(parts: Iterator[str], num_lines: int) -> Iterator[str]:
    """Yield a text in parts without its first lines."""
    for part in parts:
        begin = 0
        while num_lines and begin < len(part):
            begin = part.find("\n", begin) + 1 or len(part)
            num_lines -= 1
        if begin < len(part):
            yield part[begin:]


def _first(document: Document[str], size: int) -> Iterator[str]:
    """Yield the first lines of a document up to this number of characters."""
    for line in lines_of(document):
        yield line
        size -= len(line)
        if size <= 0:
            return


def _columns(rows: Sequence[Sequence[str]], *, has_names: bool) -> tuple[str, ...]:
    """Return a name for each column; a repeated name gets the number of its column."""
    if not rows:
        return ()
    if not has_names:
        ((width, _),) = Counter(map(len, rows)).most_common(1)
        return tuple(str(number) for number in range(1, width + 1))
    names: dict[str, None] = {}
    for number, cell in enumerate(rows[0], start=1):
        name = cell.strip() or str(number)
        names[name if name not in names else f"{name} (column {number})"] = None
    return tuple(names)
