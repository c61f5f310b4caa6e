"""Passages: consecutive short documents in memory, handled as a block instead of one by one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document, Passage, check_length, whole_lines
from seqgen.corpus.hashing import hash_fractions
from seqgen.corpus.reading import ReadingLog
from seqgen.texts import Texts

_NEWLINE = 10
_BATCH = 1 << 19  # characters
# ASCII white space, and bytes with which other white space ends in UTF-8.
_MAY_END_SPACE = np.zeros(256, dtype=np.bool_)
_MAY_END_SPACE[[byte for byte in range(128) if chr(byte).isspace()]] = True
_MAY_END_SPACE[[chr(code).encode()[-1] for code in range(128, 1 << 16) if chr(code).isspace()]] = True


@dataclass(frozen=True)
class Passages:
    """Documents in memory.

    Attributes:
        name: of their file.
        texts: their texts.
        ending: the text that the end token of some stands for.
        has_ending: whether it does so for each, shape (documents,).
        rows: the numbers of the records that they come from; None if they come from none.
        lines: the lines of the file with which they begin; None if these are not known.
    """

    name: str
    texts: Texts
    ending: str
    has_ending: NDArray[np.bool_]
    rows: NDArray[np.int64] | None = None
    lines: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, name: str, texts: Sequence[str], rows: Sequence[int] | None = None) -> Self:
        """Return documents with these texts, whose end tokens stand for nothing."""
        numbers = None if rows is None else np.array(rows, dtype=np.int64)
        return cls(name, Texts.of(texts), "", np.zeros(len(texts), dtype=np.bool_), numbers)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Document[str]]:
        for place, (text, has_ending) in enumerate(zip(self.texts, self.has_ending.tolist(), strict=True)):
            row, line = (None if each is None else int(each[place]) for each in (self.rows, self.lines))
            yield Passage(self.name, text, self.ending if has_ending else "", row, line)

    def select(self, which: NDArray[Any]) -> Self:
        """Return some of the documents, in the same order."""
        rows, lines = (None if each is None else each[which] for each in (self.rows, self.lines))
        return type(self)(self.name, self.texts.select(which), self.ending, self.has_ending[which], rows, lines)

    @cached_property
    def hash_fractions(self) -> NDArray[np.float64]:
        """The `hash_fraction` of each document."""
        return hash_fractions(self.texts)


def cut(document: Document[str], unit: str, log: ReadingLog) -> Iterator[Document[str] | Passages]:
    """Yield the documents that a text is cut into, without empty ones.

    A line is stripped of the white space at its end, and its end token stands for the newline. A paragraph ends at a
    line of white space only.

    Args:
        document: the whole text.
        unit: file, line or paragraph.
        log: counts the empty lines.
    """
    if unit == "file":
        yield document
    elif unit == "line":
        line = document.line
        for text in whole_lines(document):
            yield lines_in(
                Passages.of(document.name, [text], None if document.row is None else [document.row]), log, line
            )
            line = line and line + text.count("\n")
    else:
        yield from collected(paragraphs(document))


def singly(blocks: Iterable[Document[Any] | Passages]) -> Iterator[Document[Any]]:
    """Yield documents one by one."""
    for block in blocks:
        if isinstance(block, Passages):
            yield from block
        else:
            yield block


def collected(documents: Iterable[Passage]) -> Iterator[Passages]:
    """Yield documents of a file in blocks."""
    for ending, alike in groupby(documents, lambda document: document.ending):
        for some in _batches(alike):
            rows, lines = (
                None if numbers[0] is None else np.array(numbers)
                for numbers in ([document.row for document in some], [document.line for document in some])
            )
            texts = Texts.of([document.text for document in some])
            yield Passages(some[0].name, texts, ending, np.full(len(some), bool(ending)), rows, lines)


def _batches(documents: Iterable[Passage]) -> Iterator[list[Passage]]:
    batch: list[Passage] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def lines_in(passages: Passages, log: ReadingLog, first_line: int | None = None) -> Passages:
    """Return the lines of texts without gaps, without white space at their ends and without empty ones.

    Args:
        passages: the texts.
        log: counts the empty lines.
        first_line: the line of the file with which the first text begins; None if it is not known.
    """
    texts = passages.texts
    newlines = np.flatnonzero(texts.data == _NEWLINE)
    # Stable sorts keep the end of a text before a newline with which the next text begins.
    starts = np.concatenate([newlines + 1, texts.starts])
    order = np.argsort(starts, kind="stable")
    starts, owners = starts[order], np.cumsum(order >= len(newlines)) - 1
    stops = np.concatenate([texts.stops, newlines])
    order = np.argsort(stops, kind="stable")
    stops, has_newline = stops[order], order >= len(texts)
    stripped = _without_space(texts.data, starts, stops)
    is_filled = stripped > starts
    if num_empty := int(np.count_nonzero(~is_filled & (has_newline | (stops > starts)))):
        log.skip("empty line", passages.name, num_empty)
    rows = None if passages.rows is None else passages.rows[owners]
    lines = None if first_line is None else first_line + np.arange(len(starts))
    return Passages(passages.name, Texts(texts.data, starts, stripped), "\n", has_newline, rows, lines).select(
        is_filled
    )


def paragraphs(document: Document[str]) -> Iterator[Passage]:
    """Yield the paragraphs, each with the newlines that end it, at most two."""
    lines: list[str] = []
    size = 0

    def passage(ending: str, stop: int) -> Passage:
        line = document.line and document.line + stop - len(lines)
        return Passage(document.name, "\n".join(lines), ending, document.row, line)

    num_lines = 0
    for part in whole_lines(document):
        for line in part.removesuffix("\n").split("\n"):
            size += len(line)
            check_length(document, "paragraph", size)
            if line and not line.isspace():
                lines.append(line)
            elif lines:
                yield passage("\n\n", num_lines)
                lines, size = [], 0
            num_lines += 1
        is_ended = part.endswith("\n")
    if lines:
        yield passage("\n" if is_ended else "", num_lines)


def _without_space(data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where texts end without the white space at their ends."""
    stops = stops.copy()
    candidates = np.flatnonzero(stops > starts)
    for place in candidates[_MAY_END_SPACE[data[stops[candidates] - 1]]].tolist():
        text = data[starts[place] : stops[place]].tobytes().decode()
        stops[place] = starts[place] + len(text.rstrip().encode())
    return stops
