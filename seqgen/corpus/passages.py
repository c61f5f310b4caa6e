"""Passages: consecutive short documents in memory, handled as a block instead of one by one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document, Passage, check_length, whole_lines
from seqgen.corpus.hashing import hash_fractions
from seqgen.corpus.reading import ReadingLog
from seqgen.texts import Texts

_NEWLINE = 10
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
        num_newlines: the number of newlines that the end token of each stands for, shape (documents,).
        rows: the numbers of the records that they come from; None if they come from none.
        lines: the lines of the file with which they begin; None if these are not known.
    """

    name: str
    texts: Texts
    num_newlines: NDArray[np.uint8]
    rows: NDArray[np.int64] | None = None
    lines: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, name: str, texts: Sequence[str], rows: Sequence[int] | None = None) -> Self:
        """Return documents with these texts, whose end tokens stand for nothing."""
        numbers = None if rows is None else np.array(rows, dtype=np.int64)
        return cls(name, Texts.of(texts), np.zeros(len(texts), dtype=np.uint8), numbers)

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Document[str]]:
        for place, (text, num_newlines) in enumerate(zip(self.texts, self.num_newlines.tolist(), strict=True)):
            row, line = (None if each is None else int(each[place]) for each in (self.rows, self.lines))
            yield Passage(self.name, text, "\n" * num_newlines, row, line)

    def select(self, which: NDArray[Any]) -> Self:
        """Return some of the documents, in the same order."""
        rows, lines = (None if each is None else each[which] for each in (self.rows, self.lines))
        return type(self)(self.name, self.texts.select(which), self.num_newlines[which], rows, lines)

    @property
    def num_bytes(self) -> int:
        """The memory that the documents take, with the copy of their text that encoding makes."""
        texts, numbers = self.texts, (self.num_newlines, self.rows, self.lines, self.hash_fractions)
        arrays = (texts.data, texts.data, texts.starts, texts.stops, texts.sizes, *numbers)
        return sum(0 if array is None else array.nbytes for array in arrays)

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
            if len(lines := lines_in(_whole(document, text), log, line)):
                yield lines
            line = line and line + text.count("\n")
    else:
        yield from _paragraphs(document)


def singly(blocks: Iterable[Document[Any] | Passages]) -> Iterator[Document[Any]]:
    """Yield documents one by one."""
    for block in blocks:
        if isinstance(block, Passages):
            yield from block
        else:
            yield block


def lines_in(passages: Passages, log: ReadingLog, first_line: int | None = None) -> Passages:
    """Return the lines of texts without gaps, without white space at their ends and without empty ones.

    Args:
        passages: the texts.
        log: counts the empty lines.
        first_line: the line of the file with which the first text begins; None if it is not known.
    """
    lines = _lines(passages.texts)
    if num_empty := int(np.count_nonzero(~lines.is_filled & (lines.has_newline | (lines.stops > lines.starts)))):
        log.skip("empty line", passages.name, num_empty)
    texts = Texts(passages.texts.data, lines.starts, lines.filled_stops)
    numbers = None if first_line is None else first_line + np.arange(len(texts))
    return _parts(passages, texts, lines.has_newline, lines.owners, numbers).select(lines.is_filled)


def paragraphs_in(passages: Passages, first_line: int | None = None) -> Passages:
    """Return the paragraphs of texts without gaps, each with the newlines that end it, at most two.

    Args:
        passages: the texts.
        first_line: as for `lines_in`.
    """
    lines = _lines(passages.texts)
    is_continued = lines.is_filled[:-1] & lines.is_filled[1:] & (lines.owners[:-1] == lines.owners[1:])
    first = np.flatnonzero(lines.is_filled & ~np.append(False, is_continued))
    last = np.flatnonzero(lines.is_filled & ~np.append(is_continued, False))
    is_end = np.append(~lines.has_newline & (lines.stops == lines.starts), True)  # after the last newline of a text
    num_newlines = lines.has_newline.astype(np.uint8)
    num_newlines += lines.has_newline & ~is_end[1:]
    texts = Texts(passages.texts.data, lines.starts[first], lines.stops[last])
    numbers = None if first_line is None else first_line + first
    return _parts(passages, texts, num_newlines[last], lines.owners[first], numbers)


def _parts(
    passages: Passages,
    texts: Texts,
    num_newlines: NDArray[Any],
    owners: NDArray[np.int64],
    lines: NDArray[np.int64] | None,
) -> Passages:
    """Return parts of passages, which know their records."""
    rows = None if passages.rows is None else passages.rows[owners]
    return Passages(passages.name, texts, num_newlines.astype(np.uint8), rows, lines)


class _Lines(NamedTuple):
    """The lines of texts without gaps.

    Attributes:
        starts: where each begins.
        stops: where each ends, without its newline.
        filled_stops: where it ends without white space at its end.
        has_newline: whether a newline ends it.
        owners: the index of its text.
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    filled_stops: NDArray[np.int64]
    has_newline: NDArray[np.bool_]
    owners: NDArray[np.int64]

    @property
    def is_filled(self) -> NDArray[np.bool_]:
        """Whether there is anything but white space in each."""
        return self.filled_stops > self.starts


def _lines(texts: Texts) -> _Lines:
    newlines = np.flatnonzero(texts.data == _NEWLINE)
    # Stable sorts keep the end of a text before a newline with which the next text begins.
    starts = np.concatenate([newlines + 1, texts.starts])
    order = np.argsort(starts, kind="stable")
    starts, owners = starts[order], np.cumsum(order >= len(newlines)) - 1
    stops = np.concatenate([texts.stops, newlines])
    order = np.argsort(stops, kind="stable")
    stops, has_newline = stops[order], order >= len(texts)
    return _Lines(starts, stops, _without_space(texts.data, starts, stops), has_newline, owners)


def _paragraphs(document: Document[str]) -> Iterator[Passages]:
    """Yield the paragraphs of a text."""
    waiting, line = [""], document.line  # the beginning of a paragraph, and parts after it
    for part in whole_lines(document):
        waiting.append(part)
        if sum(map(len, waiting[1:])) < len(waiting[0]):  # a long paragraph is not divided again at each part
            continue
        text = "".join(waiting)
        found = paragraphs_in(_whole(document, text), line)
        check_length(document, "paragraph", int(found.texts.sizes.max(initial=0)))
        waiting = [""]
        if len(found) and found.num_newlines[-1] < 2:
            waiting = [found.texts.data[found.texts.starts[-1] :].tobytes().decode()]
            found = found.select(np.arange(len(found) - 1))
        line = line and line + text.count("\n") - waiting[0].count("\n")
        if len(found):
            yield found
    if text := "".join(waiting):
        found = paragraphs_in(_whole(document, text), line)
        check_length(document, "paragraph", int(found.texts.sizes.max(initial=0)))
        yield found


def _whole(document: Document[str], text: str) -> Passages:
    return Passages.of(document.name, [text], None if document.row is None else [document.row])


def _without_space(data: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where texts end without the white space at their ends."""
    stops = stops.copy()
    candidates = np.flatnonzero(stops > starts)
    for place in candidates[_MAY_END_SPACE[data[stops[candidates] - 1]]].tolist():
        text = data[starts[place] : stops[place]].tobytes().decode()
        stops[place] = starts[place] + len(text.rstrip().encode())
    return stops
