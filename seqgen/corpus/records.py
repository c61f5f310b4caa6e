"""Records: the texts in the rows of a table (.csv, .tsv) and in JSON (.json, .jsonl, .ndjson)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import PurePath
from typing import NamedTuple

from seqgen.config import CorpusConfig
from seqgen.corpus.archives import without_packing
from seqgen.corpus.documents import Document, Passage
from seqgen.corpus.json_records import JsonRecords
from seqgen.corpus.reading import Reading, UnfitError
from seqgen.corpus.rows import Row, field_names, field_with_most_text
from seqgen.corpus.table_sample import NUM_SAMPLED
from seqgen.corpus.tables import Table
from seqgen.levels.base import Content, normalise_text

_TABLES = (".csv", ".tsv")
_JSON_LINES = (".jsonl", ".ndjson")
_JSON = ".json"  # holds records, or anything else
_MAX_SAMPLED = 1_000_000  # characters in the rows that tell which field is text
_MAX_OBJECT = 1 << 22  # characters of a single object that may be a record
_MAX_LISTED = 20  # fields
_MAX_NAME = 100  # characters of each that are shown


class RecordFile(Document):
    """A file of records, each of which has a text.

    Args:
        file: the file.
        source: reads its rows.
        field: of a row, which holds the text.

    Attributes:
        file: the file.
        source: reads its rows, with all their fields.
        field: of a row, which holds the text.
    """

    def __init__(self, file: Document, source: Table | JsonRecords, field: str) -> None:
        self.file = file
        self.name = file.name
        self.is_alone = file.is_alone
        self.source = source
        self.field = field

    @property
    def size(self) -> int:
        """The number of characters in the file."""
        return self.file.size

    @property
    def digest(self) -> bytes:
        """A hash of the file."""
        return self.file.digest

    def chunks(self) -> Iterator[Content]:
        """Yield the file as it is written."""
        return self.file.chunks()

    def records(self, reading: Reading) -> Iterator[Passage]:
        """Yield the texts; records without one are counted in `reading`."""
        for row in self.source.rows():
            if row.fault:
                reading.skip("malformed record", self._place(row), reason=row.fault)
                continue
            try:
                text = row.text(self.field)
            except LookupError as error:
                reading.skip(f"record without text in {self.field!r}", self._place(row), reason=error.args[0])
                continue
            if text:
                yield Passage(self.name, normalise_text(text), row=row.number)
            else:
                reading.skip("empty record", self._place(row))

    def _place(self, row: Row) -> str:
        return f"{self.name}, {row.place}"


def with_records(document: Document, config: CorpusConfig, reading: Reading) -> Document:
    """Return a file as one of records if it is one, or else as it is.

    The suffix decides. A source without one, such as standard input, holds records if it begins with JSON objects, or
    if `--field`, `--header` or `--delimiter` is given.

    Args:
        document: the file.
        config: which field holds the text, and what else the user knows.
        reading: told how the file is read.

    Raises:
        UnfitError: there is no record, or no such field, or none that looks like text.
    """
    suffix = suffix_of(document)
    is_unnamed = not suffix and document.is_alone
    is_table = config.header is not None or config.delimiter is not None
    if suffix in _TABLES or (is_unnamed and is_table):
        return _table(document, config, reading, suffix)
    if suffix in _JSON_LINES:
        return _json(JsonRecords.of(document), config, reading)
    if suffix == _JSON or is_unnamed:
        source = JsonRecords.of(document)
        reason = _why_no_records(source, config, suffix)
        if reason is None:
            return _json(source, config, reading)
        if is_unnamed and config.field is not None:
            return _table(document, config, reading, suffix)
        if suffix == _JSON:
            reading.say(f"{reason}, read as plain text", document.name)
    return document


def suffix_of(document: Document) -> str:
    """Return the suffix that tells a file's format, without that of its packing."""
    return PurePath(without_packing(document.name)).suffix.lower()


def _table(document: Document, config: CorpusConfig, reading: Reading, suffix: str) -> RecordFile:
    table = Table.of(document, config, suffix)
    names = table.columns
    rows = _beginning(table.rows()).readable(
        document, "it has no row below its header" if table.has_header else "it is empty"
    )
    name = config.field
    if name is not None and name not in names:
        if not (name.isdecimal() and 0 < int(name) <= len(names)):
            raise _no_field(document, name, names, "column")
        name = names[int(name) - 1]
    name = name or _most_text(document, rows, names, "column")
    plural = "s" if len(names) > 1 else ""
    if table.has_header:
        layout, source = f"header, column{plural} {_listed(names)}", _shown(name)
    else:
        layout, source = f"no header, {len(names)} column{plural}", f"column {name}"
    layout = ", ".join(filter(None, (layout, table.dialect.description)))
    reading.say(f"{layout}; text from {source}", document.name)
    return RecordFile(document, table, name)


def _json(source: JsonRecords, config: CorpusConfig, reading: Reading) -> RecordFile:
    document = source.document
    rows = _beginning(source.rows()).readable(document, "it is empty")
    names = field_names(rows)
    name = config.field
    if name is None:
        name = _most_text(document, rows, names, "field")
    elif not any(row.has(name) for row in chain(rows, source.rows())):
        raise _no_field(document, name, names, "field")
    plural = "s" if len(names) > 1 else ""
    reading.say(f"{source.description}, field{plural} {_listed(names)}; text from {_shown(name)}", document.name)
    return RecordFile(document, source, name)


def _why_no_records(source: JsonRecords, config: CorpusConfig, suffix: str) -> str | None:
    """Return why a file that may be anything does not hold JSON records; None if it does."""
    if not suffix and not source.has_objects:
        return "it does not begin with a JSON object"
    beginning = _beginning(source.rows(_MAX_OBJECT))
    if not beginning.rows or beginning.rows[0].number > 2:
        return f"no JSON records ({beginning.reason or 'it is empty'})"
    if config.field is None and len(beginning.rows) == 1 and not source.is_array:
        return "a single JSON value (--field takes a text out of it)"
    if config.field is None and field_with_most_text(beginning.rows) is None:
        return "JSON without text"
    return None


class _Beginning(NamedTuple):
    """The first rows of a file that can be read.

    Attributes:
        rows: these.
        reason: where the first malformed row before them is, and why it cannot be read; empty without any.
    """

    rows: Sequence[Row]
    reason: str

    def readable(self, document: Document, otherwise: str) -> Sequence[Row]:
        """Return the rows.

        Raises:
            UnfitError: there are none, for this reason or otherwise.
        """
        if not self.rows:
            reason = self.reason or otherwise
            raise UnfitError("file without a record", f"{document.name} holds no record that can be read: {reason}")
        return self.rows


def _beginning(rows: Iterable[Row]) -> _Beginning:
    """Return enough rows to tell which field is text; fewer if they are long."""
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
    return _Beginning(first, reason)


def _most_text(document: Document, rows: Sequence[Row], names: Sequence[str], kind: str) -> str:
    name = field_with_most_text(rows)
    if name is None:
        raise UnfitError(
            "file without a field of text",
            f"{document.name} has no {kind} that looks like text; name one with --field: {_listed(names)}",
        )
    return name


def _no_field(document: Document, name: str, names: Sequence[str], kind: str) -> UnfitError:
    return UnfitError(
        "file without the field",
        f"{document.name} has no {kind} {name!r}; --field may be {_listed(names)}",
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(map(_shown, names[:_MAX_LISTED])) + more


def _shown(name: str) -> str:
    """Return a name as it is where it is plain, or else in quotes."""
    name = name[:_MAX_NAME]
    return name if name.isprintable() and name and not set(name) & set(",;'\"") and name == name.strip() else repr(name)
