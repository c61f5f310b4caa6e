"""Files of records: the texts in the rows of a table (.csv, .tsv) and in JSON (.json, .jsonl, .ndjson)."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from seqgen.config import CorpusConfig
from seqgen.corpus.columns import Candidates, Columns, shown
from seqgen.corpus.documents import Document, Pair, filled
from seqgen.corpus.json_records import JsonRecords
from seqgen.corpus.passages import Passages, lines_in, paragraphs_in, singly
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.rows import Row, field_names, field_with_most_text
from seqgen.corpus.signals import TEXT_KIND, SignalDocument, kind_of_values, signal_of
from seqgen.corpus.source_file import SourceFile
from seqgen.corpus.table_sample import NUM_SAMPLED
from seqgen.corpus.tables import Table
from seqgen.corpus.text_file import TEXT, TextFile
from seqgen.levels.base import normalise_text

_TABLES = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")
_JSON = ".json"  # holds records, or anything else
_BATCH = 1 << 19  # characters in a block of texts
_MAX_SAMPLED = 1_000_000  # characters in the rows that show which field is text
_MAX_OBJECT = 1 << 22  # characters of a single object that may be a record


class RecordFile(SourceFile):
    """A file of records, each of which has a text and maybe what it is given.

    Args:
        file: the same file as text.
        source: reads its rows, with all their fields.
        columns: the fields of a row that hold the text and what it is given.
        given_kind: what texts are given: text, or a kind of signal.
    """

    kind = TEXT
    has_records = True

    def __init__(self, file: TextFile, source: Table | JsonRecords, columns: Columns, given_kind: str) -> None:
        super().__init__(file.raw)
        self.given_kind = given_kind
        self._file = file
        self._source = source
        self._columns = columns

    @property
    def size(self) -> int:
        """The number of characters in the file."""
        return self._file.size

    @cached_property
    def digest(self) -> bytes:
        """A hash of the file, and of the signals that it names."""
        if self.given_kind == TEXT_KIND:
            return self._file.digest
        total = hashlib.sha256(self._file.digest)
        for document in self.documents("file", ReadingLog()):
            total.update(document.digest)
        return total.digest()[:16]

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:
        """Yield the texts of the records, or their lines or paragraphs; records without a text are skipped."""
        return singly(self.blocks(unit, log))

    def blocks(self, unit: str, log: ReadingLog) -> Iterator[Document[str] | Passages]:
        """Yield the same documents, short ones in blocks."""
        if self._columns.given is not None:
            yield from self._pairs(log)
            return
        for block in self._passages(log):
            if unit == "paragraph":
                block = paragraphs_in(block)
            elif unit == "line":
                block = lines_in(block, log)
            if len(block):
                yield block

    def _passages(self, log: ReadingLog) -> Iterator[Passages]:
        """Yield the texts of the records in blocks."""
        numbers, texts, size = list[int](), list[str](), 0
        for found in self._source.texts(self._columns.text):
            if isinstance(found, Row):
                filled = [(row.number, text) for row, text, _ in self._filled([found], log)]
            else:
                filled = [found]
            for number, text in filled:
                numbers.append(number)
                texts.append(text)
                size += len(text)
            if size >= _BATCH:
                yield Passages.of(self.name, _normalised(texts), numbers)
                numbers, texts, size = [], [], 0
        if texts:
            yield Passages.of(self.name, _normalised(texts), numbers)

    def _pairs(self, log: ReadingLog) -> Iterator[Pair]:
        for row, text, given in self._filled(self._source.rows(), log):
            if given is not None:
                yield from filled(Pair(self.name, normalise_text(text), given, row.number), self._place(row), log)

    def _filled(self, rows: Iterable[Row], log: ReadingLog) -> Iterator[tuple[Row, str, str | SignalDocument | None]]:
        """Yield the rows with their text and what it is given; others are skipped."""
        for row in rows:
            if row.fault:
                log.skip("malformed record", self._place(row), reason=row.fault)
            elif (texts := self._texts(row, log)) is not None:
                if not texts[0] and texts[1] is None:
                    log.skip("empty record", self._place(row))
                else:
                    yield row, *texts

    def _texts(self, row: Row, log: ReadingLog) -> tuple[str, str | SignalDocument | None] | None:
        """Return the text of a row and what it is given; None if one of them is missing."""
        text, given = self._columns
        name = text
        try:
            found = row.text(name)
            if given is None:
                return found, None
            name = given
            if self.given_kind == TEXT_KIND:
                return found, normalise_text(row.text(name))
            return found, signal_of(row.value(name), self.given_kind, self.name, _folder(self._file), row.number)
        except LookupError as error:
            what = "text" if name == text or self.given_kind == TEXT_KIND else self.given_kind
            log.skip(f"record without {what} in {name!r}", self._place(row), reason=error.args[0])
            return None

    def report(self, log: ReadingLog) -> None:
        """Note how the file was decoded."""
        self._file.report_encoding(log)

    def _place(self, row: Row) -> str:
        return f"{self.name}, {row.place}"


def with_records(file: TextFile, config: CorpusConfig, log: ReadingLog) -> TextFile | RecordFile:
    """Return a file of text as a file of records if it is one, otherwise as it is.

    The suffix decides. A source without one, such as standard input, holds records if it begins with JSON objects, or
    if `--given`, `--field`, `--header` or `--delimiter` is given.

    Args:
        file: the file.
        config: the fields that hold the texts, and what else the user knows about tables.
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
    if is_unnamed and config.named_column is not None:
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

    def find(name: str) -> str | None:
        if name in names:
            return name
        return names[int(name) - 1] if name.isdecimal() and 0 < int(name) <= len(names) else None

    candidates = Candidates(file.name, "column", names, rows, find)
    columns = candidates.choose(config)
    if table.has_header:
        structure, text = f"header, {candidates.listed}", shown(columns.text)
    else:
        structure, text = f"no header, {candidates.number}", f"column {columns.text}"
    structure = ", ".join(filter(None, (structure, table.dialect.description)))
    given = "" if columns.given is None else f", given {'' if table.has_header else 'column '}{shown(columns.given)}"
    log.note(f"{structure}; text from {text}{given}", file.name)
    return RecordFile(file, table, columns, _given_kind(file, rows, columns))


def _json(file: TextFile, source: JsonRecords, config: CorpusConfig, log: ReadingLog) -> RecordFile:
    rows = _first_rows(source.rows()).readable(file, "it is empty")
    names = field_names(rows)

    def find(name: str) -> str | None:
        return name if any(row.has(name) for row in chain(rows, source.rows())) else None

    candidates = Candidates(file.name, "field", names, rows, find)
    columns = candidates.choose(config)
    given = "" if columns.given is None else f", given {shown(columns.given)}"
    log.note(f"{source.description}, {candidates.listed}; text from {shown(columns.text)}{given}", file.name)
    return RecordFile(file, source, columns, _given_kind(file, rows, columns))


def _given_kind(file: TextFile, rows: Sequence[Row], columns: Columns) -> str:
    """Return what the texts of a file are given: text, or a kind of signal."""
    name = columns.given
    if name is None:
        return TEXT_KIND
    try:
        return kind_of_values([row.value(name) for row in rows if row.has(name)], _folder(file))
    except LookupError as error:
        raise UnusableFileError(
            "table that names missing files", f"{file.name} is given {shown(name)}, but {error.args[0]}"
        ) from error


def _folder(file: TextFile) -> Path:
    return Path(file.name).parent


def _why_no_records(source: JsonRecords, config: CorpusConfig, suffix: str) -> str | None:
    """Return why a file does not hold JSON records; None if it does."""
    if not suffix and not source.has_objects:
        return "it does not begin with a JSON object"
    first = _first_rows(source.rows(_MAX_OBJECT))
    if not first.rows or first.rows[0].number > 2:
        return f"no JSON records ({first.reason or 'it is empty'})"
    if config.named_column is None and len(first.rows) == 1 and not source.is_array:
        return "a single JSON value (--field takes a text from it)"
    if config.named_column is None and field_with_most_text(first.rows) is None:
        return "JSON without text"
    return None


def _normalised(texts: list[str]) -> list[str]:
    joined = "".join(texts)
    return texts if joined.isascii() and "\r" not in joined else list(map(normalise_text, texts))


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
