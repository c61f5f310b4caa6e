"""Documents, which are learned from beginning to end: a text, a line or paragraph of one, or a piece of music."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic

from seqgen.corpus.reading import ReadingLog
from seqgen.errors import CorpusError, SignalError
from seqgen.levels.base import Content

MAX_CHARACTERS = 1 << 26  # of a line, a paragraph or a record, which is held in memory
_REMEDY = "seqgen train --document file reads it"
IF_NO_RECORDS = "if it does not hold records, give it the suffix .txt"


class Document(ABC, Generic[Content]):
    """A text or a piece of music, whose content is read anew at each call of `chunks`.

    Attributes:
        name: the name in errors and reports.
        ending: the text that its end token stands for.
        is_complete: whether the end token follows its content; an excerpt may stop earlier.
        row: the number of the record that it comes from, if it comes from one.
        line: the line of its file with which it begins, from 1; None if that is not known, see `line_at`.
        given: the text or the signal from which this text is to be written; None for a corpus without `--given`.
    """

    name: str
    ending: str = ""
    is_complete: bool = True
    row: int | None = None
    line: int | None = None
    given: "Document[Any] | None" = None

    @abstractmethod
    def chunks(self) -> Iterator[Content]:
        """Yield the normalised content in chunks, none of them empty."""

    @property
    @abstractmethod
    def size(self) -> int:
        """The length of the content, in characters or bars."""

    @property
    @abstractmethod
    def digest(self) -> bytes:
        """A hash of the content, 16 bytes long."""

    def check(self) -> None:  # text has been decoded already
        """Check that the content can be read.

        Raises:
            SignalError: it cannot.
        """

    @property
    def origin(self) -> dict[str, Any]:
        """The name and, for a record, its row (from 1, without the header), as JSON values."""
        return {"document": self.name} if self.row is None else {"document": self.name, "row": self.row}

    def line_at(self, position: int) -> int | None:
        """Return the line of its file at a position, from 1; None as for `line`."""
        if self.line is None or not position:
            return self.line
        before: Iterator[Any] = Excerpt(self, 0, position).chunks()
        return self.line + sum(str(chunk).count("\n") for chunk in before)

    @property
    def family(self) -> bytes:
        """16 bytes that near-duplicates share; by default the digest, which only duplicates share."""
        return self.digest

    def cut_near(self, position: int) -> int:
        """Return the nearest position at which the document can be divided, or its size if it cannot be divided."""
        return position

    @property
    def hash_fraction(self) -> float:
        """A hash of the family in [0, 1), which decides on which side of a split the document is."""
        return int.from_bytes(self.family[:6], "big") / 256**6


class Passage(Document[str]):
    """A text in memory."""

    def __init__(self, name: str, text: str, ending: str = "", row: int | None = None, line: int | None = None) -> None:
        self.name = name
        self.text = text
        self.ending = ending
        self.row = row
        self.line = line

    @property
    def size(self) -> int:
        """The number of characters."""
        return len(self.text)

    @property
    def digest(self) -> bytes:
        """A hash of the text, computed at each access."""
        return hashlib.sha256(self.text.encode("utf-8")).digest()[:16]

    def chunks(self) -> Iterator[str]:
        """Yield the whole text."""
        yield self.text


class Pair(Passage):
    """A text that is given something; documents with the same given are on the same side of a split.

    Args:
        name: the name in errors and reports.
        text: the text to write.
        given: the text or the signal that it is written from.
        row: the number of the record or line.
    """

    given: Document[Any]

    def __init__(self, name: str, text: str, given: str | Document[Any], row: int | None = None) -> None:
        super().__init__(name, text, row=row)
        self.given = Passage(name, given, row=row) if isinstance(given, str) else given

    @property
    def digest(self) -> bytes:
        """A hash of both texts."""
        return hashlib.sha256(self.given.digest + super().digest).digest()[:16]

    @property
    def family(self) -> bytes:
        """A hash of the given."""
        return self.given.digest


class Excerpt(Document[Content]):
    """A document from one position to another, in characters or bars.

    Args:
        document: the whole document.
        start: the first position.
        stop: the position after the last; None for the end of the document, which the end token then follows.
    """

    def __init__(self, document: Document[Content], start: int = 0, stop: int | None = None) -> None:
        self.name = document.name
        self.row = document.row
        self.is_complete = stop is None
        self.ending = document.ending if stop is None else ""
        self._document: Document[Content] = document
        self._start = start
        self._stop = stop

    @property
    def size(self) -> int:
        """The number of characters or bars from start to stop."""
        return (self._document.size if self._stop is None else self._stop) - self._start

    @property
    def digest(self) -> bytes:
        """A hash of the document and the positions."""
        return hashlib.sha256(self._document.digest + f"{self._start}:{self._stop}".encode()).digest()[:16]

    def line_at(self, position: int) -> int | None:
        """Return the line of its file at a position, from 1; None as for `line`."""
        return self._document.line_at(self._start + position)

    def chunks(self) -> Iterator[Content]:
        """Yield the content from start to stop."""
        position = 0
        for chunk in self._document.chunks():
            stop = None if self._stop is None else max(self._stop - position, 0)
            if excerpt := chunk[max(self._start - position, 0) : stop]:
                yield excerpt
            position += len(chunk)
            if self._stop is not None and position >= self._stop:
                return


def filled(pair: Pair, place: str, log: ReadingLog) -> Iterator[Pair]:
    """Yield a pair, unless a side has only white space or cannot be read; such a pair is counted, with its place."""
    if not pair.text.strip() or (isinstance(pair.given, Passage) and not pair.given.text.strip()):
        log.skip("pair with an empty side", place)
        return
    try:
        pair.given.check()
    except SignalError as error:
        log.skip(error.kind, place, reason=f"it {error}")
    else:
        yield pair


def whole_lines(document: Document[str], remedy: str = _REMEDY) -> Iterator[str]:
    """Yield a text in parts that end with a newline, which the last may lack.

    Args:
        document: the text.
        remedy: for the error if a line is too long.

    Raises:
        CorpusError: a line is too long.
    """
    begun: list[str] = []
    size = 0
    for chunk in document.chunks():
        end = chunk.rfind("\n") + 1
        size += chunk.find("\n") if end else len(chunk)
        check_length(document, "line", size, remedy)
        if end:
            yield "".join([*begun, chunk[:end]])
            begun, size = [], len(chunk) - end
        begun.append(chunk[end:])
    if size:
        yield "".join(begun)


def lines_of(document: Document[str], remedy: str = IF_NO_RECORDS) -> Iterator[str]:
    """Yield every line of a file of records without its newline; the remedy is for a line that is too long."""
    for part in whole_lines(document, remedy):
        yield from part.removesuffix("\n").split("\n")


def check_length(document: Document[str], unit: str, size: int, remedy: str = _REMEDY) -> None:
    """Check that a line or paragraph can be held in memory.

    Raises:
        CorpusError: it cannot.
    """
    if size > MAX_CHARACTERS:
        raise CorpusError(f"{document.name} has a {unit} of more than {MAX_CHARACTERS:,} characters: {remedy}")
