"""Files of records: the texts in the rows of a table (.csv, .tsv) and in JSON (.json, .jsonl, .ndjson)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from seqgen.config import CorpusConfig
from seqgen.corpus.documents import Document, Passage, cut
from seqgen.corpus.json_records import JsonRecords
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.rows import Row, field_names, field_with_most_text
from seqgen.corpus.source_file import SourceFile
from seqgen.corpus.table_sample import NUM_SAMPLED
from seqgen.corpus.tables import Table
from seqgen.corpus.text_file import TEXT, TextFile
from seqgen.levels.base import normalise_text

_TABLES = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")
_JSON = ".json"  # holds records, or anything else
_MAX_SAMPLED = 1_000_000  # characters in the rows that show which field is text
_MAX_OBJECT = 1 << 22  # characters of a single object that may be a record
_MAX_LISTED = 20  # fields
_MAX_NAME = 100  # characters of each that are shown


class RecordFile(SourceFile):
    """A file of records, each of which has a text.

    Args:
        file: the same file as text.
        source: reads its rows, with all their fields.
        field: the field of a row that holds the text.
    """

    kind = TEXT
    has_records = True

    def __init__(self, file: TextFile, source: Table | JsonRecords, field: str) -> None:
        super().__init__(file.raw)
        self._file = file
        self._source = source
        self._field = field

    @property
    def size(self) -> int:
        """The number of characters in the file."""
        return self._file.size

    @property
    def digest(self) -> bytes:
        """A hash of the file."""
        return self._file.digest

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:
        """Yield the texts of the records, or their lines or paragraphs; records without text are skipped."""
        for row in self._source.rows():
            if row.fault:
                log.skip("malformed record", self._place(row), reason=row.fault)
                continue
            try:
                text = row.text(self._field)
            except LookupError as error:
                log.skip(f"record without text in {self._field!r}", self._place(row), reason=error.args[0])
                continue
            if text:
                yield from cut(Passage(self.name, normalise_text(text), row=row.number), unit, log)
            else:
                log.skip("empty record", self._place(row))

    def report(self, log: ReadingLog) -> None:
        """Note how the file was decoded."""
        self._file.report_encoding(log)

    def _place(self, row: Row) -> str:
        return f"{self.name}, {row.place}"


def with_records(file: TextFile, config: CorpusConfig, log: ReadingLog) -> TextFile | RecordFile:
    """Return a file of text as a file of records if it is one, otherwise as it is.

    The suffix decides. A source without one, such as standard input, holds records if it begins with JSON objects, or
    if `--field`, `--header` or `--delimiter` is given.

    Args:
        file: the file.
        config: the field that holds the text, and what else the user knows about tables.
        log: takes a note on how the file is read.

    Raises:
        UnusableFileError: there are no records, or there is no such field, or none that looks like text.
    """
    suffix = file.raw.suffix
    is_unnamed = not suffix and file.is_alone
    if not (suffix in (*_TABLES, *_JSON_LINES, _JSON) or is_unnamed) or not file.size:
        return file
    is_table = config.header is not None or config.delimiter is not None
    if suffix in _TABLES or (is_unnamed and is_table):
        return _table(file, config, log)
    source = JsonRecords.of(file)
    if suffix in _JSON_LINES:
        return _json(file, source, config, log)
    reason = _why_no_records(source, config, suffix)
    if reason is None:
        return _json(file, source, config, log)
    if is_unnamed and config.field is not None:
        return _table(file, config, log)
    if suffix == _JSON:
        log.note(f"{reason}, read as plain text", file.name)
    return file


def _table(file: TextFile, config: CorpusConfig, log: ReadingLog) -> RecordFile:
    table = Table.of(file, config, file.raw.suffix)
    names = table.columns
    rows = _first_rows(table.rows()).readable(
        file, "it has no row below its header" if table.has_header else "it is empty"
    )
    name = config.field
    if name is not None and name not in names:
        if not (name.isdecimal() and 0 < int(name) <= len(names)):
            raise _no_field(file, name, names, "column")
        name = names[int(name) - 1]
    name = name or _most_text(file, rows, names, "column")
    plural = "s" if len(names) > 1 else ""
    if table.has_header:
        structure, source = f"header, column{plural} {_listed(names)}", _shown(name)
    else:
        structure, source = f"no header, {len(names)} column{plural}", f"column {name}"
    structure = ", ".join(filter(None, (structure, table.dialect.description)))
    log.note(f"{structure}; text from {source}", file.name)
    return RecordFile(file, table, name)


def _json(file: TextFile, source: JsonRecords, config: CorpusConfig, log: ReadingLog) -> RecordFile:
    rows = _first_rows(source.rows()).readable(file, "it is empty")
    names = field_names(rows)
    name = config.field
    if name is None:
        name = _most_text(file, rows, names, "field")
    elif not any(row.has(name) for row in chain(rows, source.rows())):
        raise _no_field(file, name, names, "field")
    plural = "s" if len(names) > 1 else ""
    log.note(f"{source.description}, field{plural} {_listed(names)}; text from {_shown(name)}", file.name)
    return RecordFile(file, source, name)


def _why_no_records(source: JsonRecords, config: CorpusConfig, suffix: str) -> str | None:
    """Return why a file does not hold JSON records; None if it does."""
    if not suffix and not source.has_objects:
        return "it does not begin with a JSON object"
    first = _first_rows(source.rows(_MAX_OBJECT))
    if not first.rows or first.rows[0].number > 2:
        return f"no JSON records ({first.reason or 'it is empty'})"
    if config.field is None and len(first.rows) == 1 and not source.is_array:
        return "a single JSON value (--field takes a text from it)"
    if config.field is None and field_with_most_text(first.rows) is None:
        return "JSON without text"
    return None


class _FirstRows(NamedTuple):
    """The first rows of a file that can be read.

    Attributes:
        rows: the rows.
        reason: where the first malformed row before them is, and why it cannot be read; empty without one.
    """

    rows: Sequence[Row]
    reason: str

    def readable(self, file: TextFile, otherwise: str) -> Sequence[Row]:
        """Return the rows.

        Raises:
            UnusableFileError: no row can be read; the reason is that of the first malformed row, or `otherwise`.
        """
        if not self.rows:
            reason = self.reason or otherwise
            raise UnusableFileError("file without a record", f"{file.name} holds no record that can be read: {reason}")
        return self.rows


def _first_rows(rows: Iterable[Row]) -> _FirstRows:
    """Return enough rows to see which field is text, fewer if they are long."""
    first: list[Row] = []
    size, reason = 0, ""
    for row in rows:
        if row.fault:
            reason = reason or f"{row.place}: {row.fault}"
            continue
        first.append(row)
        size += row.size
        if len(first) == NUM_SAMPLED or (size > _MAX_SAMPLED and len(first) > 1):
            break
    return _FirstRows(first, reason)


def _most_text(file: TextFile, rows: Sequence[Row], names: Sequence[str], kind: str) -> str:
    name = field_with_most_text(rows)
    if name is None:
        raise UnusableFileError(
            "file without a field of text",
            f"{file.name} has no {kind} that looks like text; name one with --field: {_listed(names)}",
        )
    return name


def _no_field(file: TextFile, name: str, names: Sequence[str], kind: str) -> UnusableFileError:
    return UnusableFileError(
        "file without the field",
        f"{file.name} has no {kind} {name!r}; --field may be {_listed(names)}",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(map(_shown, names[:_MAX_LISTED])) + more


def _shown(name: str) -> str:
    """Return a plain name as it is, any other in quotes."""
    name = name[:_MAX_NAME]
    return name if name.isprintable() and name and not set(name) & set(",;'\"") and name == name.strip() else repr(name)
