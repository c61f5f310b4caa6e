"""Divides many texts into pieces and numbers the different ones, so that each is tokenised only once.

A piece never ends within a token. It is cut from the bytes alone: before and after a single byte such as a newline, and
before a space, unless another space precedes.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.texts import Texts

# Kinds of bytes.
_OTHER, _SPACE, _NEWLINE, _SINGLE = range(4)

_MAX_PIECES, _MAX_WORDS = 1 << 20, 1 << 23  # kept, 64 MB of each


def kinds_of_bytes(singles: Iterable[str]) -> bytes:
    """Return the kind of each of the 256 bytes.

    Args:
        singles: ASCII characters besides newlines that are always tokens of their own, or follow a single space in one.
    """
    kinds = dict.fromkeys(map(ord, singles), _SINGLE) | {ord(" "): _SPACE, ord("\n"): _NEWLINE}
    return bytes(kinds.get(byte, _OTHER) for byte in range(256))


class PieceNumbers(NamedTuple):
    """The pieces of texts, in order.

    Attributes:
        numbers: of the pieces, shape (pieces,).
        ends: the number of pieces up to the end of each text, shape (texts,).
    """

    numbers: NDArray[np.int32]
    ends: NDArray[np.int64]


class PieceTable:
    """The different pieces of texts, numbered in the order in which they are found.

    Args:
        kinds: of bytes.
        is_indented: whether each line that is not empty is read with a space before it.

    Attributes:
        size: the number of different pieces.
    """

    def __init__(self, kinds: bytes, *, is_indented: bool) -> None:
        self._kinds = kinds
        self._is_indented = is_indented
        self.clear()

    def clear(self) -> None:
        """Remove all pieces."""
        self.size = 0
        self._rows = np.zeros((1 << 12, 2), dtype=np.int64)  # of each piece: twice its bytes, plus 1 if indented; words
        self._hashes = np.zeros(1 << 12, dtype=np.uint64)
        self._words = np.zeros(1 << 14, dtype=np.uint64)  # the bytes of the pieces, each filled up with zeros
        self._num_words = 0
        self._slots = np.full(1 << 13, -1, dtype=np.int32)

    @property
    def is_full(self) -> bool:
        """Whether the table has reached its maximum size and should be cleared."""
        return self.size > _MAX_PIECES or self._num_words > _MAX_WORDS

    def texts(self, first: int = 0) -> list[str]:
        """Return the pieces whose number is at least `first`."""
        content = self._words[: self._num_words].tobytes()
        return [
            " " * (key % 2) + content[8 * begin : 8 * begin + key // 2].decode()
            for key, begin in self._rows[first : self.size].tolist()
        ]

    def find(self, texts: Texts, *, begins_line: bool = True) -> PieceNumbers:
        """Return the pieces of texts.

        Args:
            texts: the texts.
            begins_line: whether the first text begins a line, as all others do.
        """
        texts = texts.without_gaps()
        data = np.append(texts.data, np.zeros(8, dtype=np.uint8))  # words are read up to 7 bytes beyond the end
        cuts = self._cuts(texts)
        begins = cuts[:-1]
        is_first = np.append(begins_line, data[begins[1:] - 1] == ord("\n"))
        is_first[np.searchsorted(begins, texts.starts[1:])] = True
        is_added = is_first & (data[begins] != ord("\n")) & self._is_indented
        words = np.ndarray((len(texts.data),), np.uint64, data, strides=(1,))
        numbers = np.empty(len(begins), dtype=np.int32)
        place = np.array([0, self.size, self._num_words])  # pieces, different pieces, their words
        while not _number(words, cuts, is_added, self._slots, self._hashes, self._rows, self._words, numbers, place):
            self._grow(int(place[1]))
        self.size, self._num_words = place[1:].tolist()
        return PieceNumbers(numbers, np.searchsorted(cuts, texts.stops))

    def _cuts(self, texts: Texts) -> NDArray[np.int64]:
        """Return where pieces begin, and where the last ends."""
        kinds = np.frombuffer(texts.data.tobytes().translate(self._kinds), dtype=np.uint8)
        is_cut = np.append(kinds != _OTHER, True)
        is_cut[1:] &= kinds != _SPACE
        is_cut[1:] |= kinds >= _NEWLINE
        is_cut[texts.starts] = True
        is_cut[-1] = True
        return np.flatnonzero(is_cut)

    def _grow(self, size: int) -> None:
        """Make room for more pieces, or for more of their bytes."""
        if size < len(self._hashes):
            self._words = np.append(self._words, np.zeros_like(self._words))
            return
        self._rows = np.append(self._rows, np.zeros_like(self._rows), axis=0)
        self._hashes = np.append(self._hashes, np.zeros_like(self._hashes))
        self._slots = np.full(2 * len(self._slots), -1, dtype=np.int32)
        _fill(self._slots, self._hashes, size)


@compiled()
def _fill(slots: Any, hashes: Any, size: int) -> None:
    """Insert the numbers of pieces into empty slots."""
    mask = np.uint64(len(slots) - 1)
    for number in range(size):
        slot = hashes[number] & mask
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = number


@compiled()
def _number(
    words: Any, cuts: Any, is_added: Any, slots: Any, hashes: Any, rows: Any, content: Any, numbers: Any, place: Any
) -> bool:
    """Write the numbers of pieces, starting at `place`; return whether all have one, otherwise the table must grow."""
    mask = np.uint64(len(slots) - 1)
    first, size, num_words = place
    for index in range(first, len(numbers)):
        begin, end = cuts[index], cuts[index + 1]
        if size == len(hashes) or num_words + (end - begin + 7) // 8 > len(content):
            place[0], place[1], place[2] = index, size, num_words
            return False
        key = 2 * (end - begin) + is_added[index]
        value = np.uint64(key)
        for byte in range(begin, end, 8):
            value = (value ^ _word(words, byte, end)) * np.uint64(0x9E3779B97F4A7C15)
            value ^= value >> np.uint64(32)
        slot = value & mask
        number = slots[slot]
        while number >= 0:
            if rows[number, 0] == key:
                is_same, offset = True, rows[number, 1]
                for byte in range(begin, end, 8):
                    is_same &= content[offset] == _word(words, byte, end)
                    offset += 1
                if is_same:
                    break
            slot = (slot + np.uint64(1)) & mask
            number = slots[slot]
        if number < 0:
            number = size
            slots[slot], hashes[size], rows[size, 0], rows[size, 1] = size, value, key, num_words
            size += 1
            for byte in range(begin, end, 8):
                content[num_words] = _word(words, byte, end)
                num_words += 1
        numbers[index] = number
    place[0], place[1], place[2] = len(numbers), size, num_words
    return True


@compiled()
def _word(words: Any, place: int, end: int) -> Any:
    """Return up to 8 bytes before the end, filled up with zeros."""
    missing = np.uint64(8 * (8 - min(8, end - place)))
    return (words[place] << missing) >> missing
