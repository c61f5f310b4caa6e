"""What is learned from its beginning to its end: a whole text, a line or a paragraph of it, or a piece of music."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from seqgen.corpus.reading import Reading
from seqgen.errors import CorpusError
from seqgen.levels.base import Content

MAX_CHARACTERS = 1 << 26  # of a line, a paragraph or a record, which is held in memory
_REMEDY = "seqgen train --document file reads it"


@dataclass(frozen=True)
class Survey:
    """What one reading of a document tells.

    Attributes:
        size: its length, in characters or bars.
        digest: 16 bytes that stand for its content.
        family: 16 bytes that it shares with what is as good as a duplicate of it; None for its own digest.
    """

    size: int
    digest: bytes
    family: bytes | None = None

    @property
    def lot(self) -> float:
        """A number in [0, 1) that depends on the content alone, so that duplicates share it."""
        return int.from_bytes((self.family or self.digest)[:6], "big") / 256**6


class Document(ABC):
    """One text or piece of music, read anew at each call of `chunks`.

    Attributes:
        name: what errors and reports call it.
        ending: the text that its end token stands for.
        is_alone: whether a fault in it is an error; one of many files is passed over.
        row: the number of the row of a table, or of the record, that it is in.
    """

    name: str
    ending: str = ""
    is_alone: bool = True
    row: int | None = None

    @abstractmethod
    def chunks(self) -> Iterator[Content]:
        """Yield the content piece by piece, normalised."""

    @property
    @abstractmethod
    def survey(self) -> Survey:
        """What one reading of it tells."""


class Passage(Document):
    """A text in memory."""

    def __init__(self, name: str, text: str, ending: str = "", row: int | None = None) -> None:
        self.name = name
        self.text = text
        self.ending = ending
        self.row = row

    @property
    def survey(self) -> Survey:
        """What there is to know; asked for a few times only, and not worth keeping."""
        return Survey(len(self.text), hashlib.sha256(self.text.encode("utf-8")).digest()[:16])

    def chunks(self) -> Iterator[str]:
        """Yield the whole text."""
        yield self.text


def cut(document: Document, unit: str, reading: Reading) -> Iterator[Document]:
    """Yield the documents that a text is cut into.

    A line is without the white space at its end, and its end token stands for the newline. A paragraph ends at a
    line of white space alone. Empty ones are passed over.

    Args:
        document: the whole text.
        unit: file, line or paragraph.
        reading: counts the empty lines.
    """
    if unit == "file":
        yield document
        return
    passages = _lines(document, reading) if unit == "line" else _paragraphs(document)
    yield from (Passage(document.name, text, ending, document.row) for text, ending in passages)


def _lines(document: Document, reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield the lines that hold something, each with the newline that ends it, if one does."""
    for line, newline in _all_lines(document):
        if text := line.rstrip():
            yield text, newline
        else:
            reading.skip("empty line", document.name)


def _paragraphs(document: Document) -> Iterator[tuple[str, str]]:
    """Yield the paragraphs, each with the newlines that end it, two at most."""
    lines: list[str] = []
    ending, size = "", 0
    for line, newline in _all_lines(document):
        size += len(line)
        if size > MAX_CHARACTERS:
            raise _too_long(document, "paragraph")
        if not line.isspace() and line:
            lines.append(line)
            ending = newline
        elif lines:
            yield "\n".join(lines), "\n\n"
            lines, size = [], 0
    if lines:
        yield "\n".join(lines), ending


def _all_lines(document: Document, remedy: str = _REMEDY) -> Iterator[tuple[str, str]]:
    """Yield every line with its newline, which the last may lack; the remedy is for a line that is too long."""
    begun: list[str] = []
    size = 0
    for chunk in document.chunks():
        first, *others = chunk.split("\n")
        begun.append(first)
        size += len(first)
        if size > MAX_CHARACTERS:
            raise _too_long(document, "line", remedy)
        if others:
            yield "".join(begun), "\n"
            yield from ((line, "\n") for line in others[:-1])
            begun, size = [others[-1]], len(others[-1])
    if size:
        yield "".join(begun), ""


def _too_long(document: Document, unit: str, remedy: str = _REMEDY) -> CorpusError:
    return CorpusError(f"{document.name} has a {unit} of over {MAX_CHARACTERS:,} characters: {remedy}")


def lines_of(document: Document) -> Iterator[str]:
    """Yield every line of a file of records without its newline."""
    remedy = "if it holds no records, give it the suffix .txt"
    yield from (line for line, _ in _all_lines(document, remedy))
