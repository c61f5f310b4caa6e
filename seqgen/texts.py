"""Several texts in memory as slices of the same bytes, so that whole blocks of short texts are handled at once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# White space is in the first plane of Unicode; UTF-16 codes all other characters by surrogates.
_IS_SPACE = np.array([chr(code).isspace() for code in range(1 << 16)])
_CONTINUATION, _MASK = 0x80, 0xC0  # the bytes of a character but the first, in UTF-8


@dataclass(frozen=True)
class Texts:
    """Texts in UTF-8, none of them empty; bytes between them belong to none.

    Attributes:
        data: the bytes, shape (bytes,).
        starts: where each text begins, in ascending order, shape (texts,).
        stops: where each ends.
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Return these texts."""
        joined = "".join(texts)
        sizes: Iterable[int] = map(len, texts if joined.isascii() else [text.encode() for text in texts])
        stops = np.cumsum(np.fromiter(sizes, dtype=np.int64, count=len(texts)))
        return cls(as_bytes(joined), np.append(0, stops[:-1]), stops)

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[str]:
        data = self.data.tobytes()
        return (
            data[start:stop].decode() for start, stop in zip(self.starts.tolist(), self.stops.tolist(), strict=True)
        )

    def select(self, which: NDArray[Any]) -> Self:
        """Return some of the texts, in the same order."""
        return type(self)(self.data, self.starts[which], self.stops[which])

    @cached_property
    def is_ascii(self) -> bool:
        """Whether all bytes are ASCII."""
        return self.data.size == 0 or int(self.data.max()) < _CONTINUATION

    @cached_property
    def joined(self) -> NDArray[np.uint8]:
        """The texts without what is between them, shape (bytes,)."""
        if not len(self):
            return self.data[:0]
        begin, end = self.starts[0], self.stops[-1]
        gaps = self.starts[1:] - self.stops[:-1]
        if not gaps.any():
            return self.data[begin:end]
        lengths = np.empty(2 * len(self) - 1, dtype=np.int64)
        lengths[::2], lengths[1::2] = self.stops - self.starts, gaps
        is_text = np.repeat(np.arange(len(lengths)) % 2 == 0, lengths)
        joined: NDArray[np.uint8] = self.data[begin:end][is_text]
        return joined

    def separated_by(self, mark: str) -> str:
        """Return the texts with an ASCII character after each."""
        texts = self.without_gaps()
        separated = np.full(len(texts.data) + len(self), ord(mark), dtype=np.uint8)
        is_text = np.ones(len(separated), dtype=np.bool_)
        is_text[texts.stops + np.arange(len(self))] = False
        separated[is_text] = texts.data
        return separated.tobytes().decode()

    def without_gaps(self) -> Self:
        """Return the same texts, with nothing between them."""
        if len(self.joined) == len(self.data):
            return self
        stops = np.cumsum(self.stops - self.starts)
        return type(self)(self.joined, stops - (self.stops - self.starts), stops)

    @cached_property
    def joined_text(self) -> str:
        """The texts without what is between them."""
        return self.joined.tobytes().decode()

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """The number of characters of each text."""
        sizes = self.stops - self.starts
        if self.is_ascii:
            return sizes
        return np.add.reduceat((self.joined & _MASK) != _CONTINUATION, np.cumsum(sizes) - sizes, dtype=np.int64)


def as_bytes(text: str) -> NDArray[np.uint8]:
    """Return a normalised text in UTF-8, shape (bytes,)."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def num_words(text: str) -> int:
    """Return the number of words that white space separates."""
    units = as_bytes(text) if text.isascii() else np.frombuffer(text.encode("utf-16-le"), dtype=np.uint16)
    is_space = _IS_SPACE.take(units, mode="clip")  # clips nothing; the default mode would halve the speed
    num_starts = int(np.count_nonzero(is_space[:-1] & ~is_space[1:]))
    return num_starts + bool(len(units) and not is_space[0])


def singly(documents: Iterable[Iterable[Any] | Texts]) -> Iterator[Iterable[Any]]:
    """Yield the chunks of each document, one document at a time."""
    for document in documents:
        if isinstance(document, Texts):
            yield from ((text,) for text in document)
        else:
            yield document


def chunks_of(documents: Iterable[Iterable[str] | Texts]) -> Iterator[str]:
    """Yield the content of all documents in chunks, without where a document ends."""
    for document in documents:
        if isinstance(document, Texts):
            yield document.joined_text
        else:
            yield from document


def framed(
    ids: NDArray[Any], lengths: NDArray[np.int64], edges: tuple[NDArray[Any], NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the ids of several texts with their edges, and the number of ids of each.

    Args:
        ids: of all texts, concatenated.
        lengths: the number of ids of each text.
        edges: the ids before and after each text, shape (1,) each.
    """
    lengths = lengths + 2
    stops = np.cumsum(lengths)
    is_inner = np.ones(stops[-1], dtype=np.bool_)
    is_inner[stops - lengths] = is_inner[stops - 1] = False
    result = np.empty(stops[-1], dtype=ids.dtype)
    result[is_inner] = ids
    result[stops - lengths], result[stops - 1] = edges
    return result, lengths
