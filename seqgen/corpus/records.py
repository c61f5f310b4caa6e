"""Records: the texts in the lines of JSON (.jsonl) and in the rows of a table (.csv, .tsv)."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, dropwhile, islice
from pathlib import PurePath
from typing import Any, Literal, Self

from seqgen.corpus.archives import without_packing
from seqgen.corpus.documents import MAX_CHARACTERS, Document, Passage, lines_of
from seqgen.corpus.reading import Reading, UnfitError
from seqgen.levels.base import normalise_text

_LOOKED_AT = 100  # records that tell which field is text
_MAX_LOOKED_AT = 1_000_000  # characters in them
_MAX_FIELDS = 1_000
_MAX_LISTED = 20  # of them
_MAX_NAME = 100  # characters of each that are shown
_MAX_LETTERS = 10_000  # of each text
_MIN_LETTERS = 0.5  # of the characters in a field of text; dates, numbers and keys have fewer

csv.field_size_limit(MAX_CHARACTERS)

Record = dict[str, Any]
Reader = Callable[[Document, Reading], Iterator[Record]]


def has_records(text: Document) -> bool:
    """Tell whether a file is one of records, by its suffix."""
    return suffix_of(text) in _READERS


def records(document: Document, wanted: str | None, reading: Reading) -> Iterator[Document] | None:
    """Return the records of a file as documents, or None where it is plain text.

    Args:
        document: the file; its suffix tells the format.
        wanted: the field that holds the text; None takes the only or the first that looks like text.
        reading: told which field was taken, and what was passed over.

    Raises:
        UnfitError: there is no such field, or no record at all.
    """
    read = _READERS.get(suffix_of(document))
    return None if read is None else _texts(document, read(document, reading), wanted, reading)


def suffix_of(document: Document) -> str:
    """Return the suffix that tells a file's format, without that of its packing."""
    return PurePath(without_packing(document.name)).suffix.lower()


def _texts(document: Document, found: Iterator[Record], wanted: str | None, reading: Reading) -> Iterator[Document]:
    first = _beginning(found)
    if not first:
        raise UnfitError("file without a record", f"{document.name} holds no record that can be read")
    field = _text_field(document, first, wanted, reading)
    for record in chain(first, found):
        text = record.get(field)
        if not isinstance(text, str):
            reading.skip(f"record without text in {field!r}", document.name)
        elif text:
            yield Passage(document.name, normalise_text(text))
        else:
            reading.skip("empty record", document.name)


def _beginning(found: Iterator[Record]) -> list[Record]:
    """Take the records that tell which field is text: fewer if they are long."""
    first: list[Record] = []
    size = 0
    for record in islice(found, _LOOKED_AT):
        first.append(record)
        size += sum(len(value) for value in record.values() if isinstance(value, str))
        if size > _MAX_LOOKED_AT:
            break
    return first


def _text_field(document: Document, records: list[Record], wanted: str | None, reading: Reading) -> str:
    names = list(islice(dict.fromkeys(chain.from_iterable(records)), _MAX_FIELDS))
    if wanted is not None:
        if not any(wanted in record for record in records):
            raise UnfitError(
                "file without the field",
                f"{document.name} has no field {wanted!r}; --field may be {_listed(names)}",
            )
        return wanted
    by_name = sorted(names, key=lambda name: name != "text")
    field = next((name for name in by_name if _is_text(record.get(name) for record in records)), None)
    if field is None:
        raise UnfitError(
            "file without a field of text",
            f"{document.name} has no field that looks like text; name one with --field: {_listed(names)}",
        )
    if len(names) > 1:
        others = _listed([name for name in names if name != field])
        reading.say(f"the text is taken from the field {field!r} (--field chooses; others are {others})", document.name)
    return field


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(repr(name[:_MAX_NAME]) for name in names[:_MAX_LISTED]) + more


def _is_text(values: Iterable[Any]) -> bool:
    """Tell whether most of what the values hold are letters and spaces."""
    text = "".join(value[:_MAX_LETTERS] for value in values if isinstance(value, str))
    return sum(c.isalpha() or c.isspace() for c in text) > _MIN_LETTERS * len(text)


def _json_lines(document: Document, reading: Reading) -> Iterator[Record]:
    """Yield an object a line; a bare string is an object with the one field `text`."""
    for number, line in enumerate(lines_of(document), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, str):
            value = {"text": value}
        if isinstance(value, dict):
            yield value
        else:
            reading.skip("line without a JSON object", f"{document.name}, line {number}")


def _table(delimiters: str, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Reader:
    """Return a reader of tables whose columns are separated by one of these characters.

    The first row names the columns, unless a number is in it: then they are named 1, 2, 3 and so on.
    """

    def read(document: Document, reading: Reading) -> Iterator[Record]:
        lines = dropwhile(lambda line: not line.strip(), lines_of(document))
        first = next(lines, "")
        if first.lower().startswith("sep="):  # as Excel writes it
            first = next(lines, "")
        delimiter = max(delimiters, key=first.count)
        counted = _Lines(chain([first], lines))
        reader = csv.reader(counted, delimiter=delimiter, quoting=quoting)
        rows = _rows(reader, counted, document, reading)
        head = next(rows, [])
        has_names = not any(_is_number(cell) for cell in head)
        names = [cell.strip() for cell in head] if has_names else [str(place) for place in range(1, len(head) + 1)]
        for row in rows if has_names else chain([head], rows):
            if len(names) == 1:
                yield {names[0]: delimiter.join(row)}  # a list of texts that nobody has quoted
            elif len(row) <= len(names):
                yield dict(zip(names, row, strict=False))
            else:
                reading.skip("row with too many cells", f"{document.name}, line {reader.line_num}")

    return read


class _Lines:
    """Lines for a reader of tables, which asks for as many as a row goes on for."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.size = 0  # characters of a row so far

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self._lines) + "\n"
        self.size += len(line)
        if self.size > MAX_CHARACTERS:
            raise csv.Error(f"it has more than {MAX_CHARACTERS:,} characters")
        return line


def _rows(reader: Any, lines: _Lines, document: Document, reading: Reading) -> Iterator[list[str]]:
    """Yield the rows that hold something; one that is malformed is passed over."""
    while True:
        lines.size = 0
        try:
            if row := next(reader):
                yield row
        except StopIteration:
            return
        except csv.Error as error:
            reading.skip("malformed row", f"{document.name}, line {reader.line_num}: {error}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


_READERS = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".csv": _table(",;\t|"),
    ".tsv": _table("\t", csv.QUOTE_NONE),
}
