"""Divides many texts into pieces and numbers the different ones, so that each is tokenised only once.

A piece never ends within a token. It is cut from the bytes alone: before and after a single byte such as a newline, and
before the first and the last of consecutive spaces.
"""

from collections.abc import Iterable, Iterator
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
        # Of each piece: its bytes, whether a space follows it, and whether one is added (4, 2 and 1); its place in
        # `_words`; and the first of its words there.
        self._rows = np.zeros((1 << 12, 3), dtype=np.int64)
        self._hashes = np.zeros(1 << 12, dtype=np.uint64)
        self._words = np.zeros(1 << 14, dtype=np.uint64)  # the bytes of the pieces, each filled up with zeros
        self._num_words = 0
        self._slots = np.full(1 << 13, -1, dtype=np.int32)

    @property
    def is_full(self) -> bool:
        """Whether the table has reached its maximum size and should be cleared."""
        return self.size > _MAX_PIECES or self._num_words > _MAX_WORDS

    def texts(self, first: int = 0) -> Iterator[tuple[str, bool]]:
        """Yield the pieces whose number is at least `first`, and whether a space follows each."""
        rows = self._rows[first : self.size]
        begin = rows[0, 1] if len(rows) else self._num_words
        content = self._words[begin : self._num_words].tobytes()
        keys, begins = rows[:, 0].tolist(), (8 * (rows[:, 1] - begin)).tolist()
        if content.isascii():
            characters = content.decode()
            pieces = [characters[start : start + key // 4] for key, start in zip(keys, begins, strict=True)]
        else:
            pieces = [content[start : start + key // 4].decode() for key, start in zip(keys, begins, strict=True)]
        are_followed = [key & 2 > 0 for key in keys]
        if self._is_indented:
            pieces = [" " + piece if key & 1 else piece for piece, key in zip(pieces, keys, strict=True)]
        return zip(pieces, are_followed, strict=True)

    def find(self, texts: Texts, *, begins_line: bool = True) -> PieceNumbers:
        """Return the pieces of texts.

        Args:
            texts: the texts.
            begins_line: whether the first text begins a line, as all others do.
        """
        texts = texts.without_gaps()
        cuts = self._cuts(texts)
        data = np.append(texts.data, np.zeros(8, dtype=np.uint8))  # words are read up to 7 bytes beyond the end
        words = np.ndarray((len(texts.data),), np.uint64, data, strides=(1,))
        numbers, ends = np.empty(len(cuts) - 1, dtype=np.int32), np.empty(len(texts), dtype=np.int64)
        is_added = np.array([self._is_indented and begins_line, self._is_indented])  # at the first text, at others
        place = np.array([0, 0, self.size, self._num_words])  # pieces, texts, different pieces, their words
        while not _number(
            *(data, words, texts.starts, cuts, is_added),
            *(self._slots, self._hashes, self._rows, self._words, numbers, ends, place),
        ):
            self._grow(int(place[2]))
        self.size, self._num_words = place[2:].tolist()
        return PieceNumbers(numbers, ends)

    def _cuts(self, texts: Texts) -> NDArray[np.int64]:
        """Return where pieces begin, and where the last ends."""
        kinds = np.frombuffer(texts.data.tobytes().translate(self._kinds), dtype=np.uint8)
        is_space = kinds == _SPACE
        is_cut = np.append(kinds >= _SPACE, True)
        is_cut[1:] &= ~is_space
        is_cut[1:] |= kinds >= _NEWLINE
        is_cut[1:-2] |= is_space[:-2] & is_space[1:-1] & ~is_space[2:]  # the last of several
        is_cut[texts.starts] = is_cut[-1] = True
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
    data: Any,
    words: Any,
    starts: Any,
    cuts: Any,
    is_added: Any,
    slots: Any,
    hashes: Any,
    rows: Any,
    content: Any,
    numbers: Any,
    ends: Any,
    place: Any,
) -> bool:
    """Write the numbers of pieces, starting at `place`; return whether all have one, otherwise the table must grow."""
    mask = np.uint64(len(slots) - 1)
    first, text, size, num_words = place
    for index in range(first, len(numbers)):
        begin, end = cuts[index], cuts[index + 1]
        if size == len(hashes) or num_words + (end - begin + 7) // 8 > len(content):
            place[0], place[1], place[2], place[3] = index, text, size, num_words
            return False
        key = 4 * (end - begin)
        if text < len(starts) and begin == starts[text]:
            key += is_added[min(text, 1)] and data[begin] != 10
            ends[text - 1] = index  # the last is written again
            text += 1
        elif data[begin - 1] == 10:
            key += is_added[1] and data[begin] != 10
        if data[end - 1] == 32 and data[end] == 32 and not (text < len(starts) and end == starts[text]):
            key += 2
        value, word = _hash(words, begin, end, key), np.int64(_word(words, begin, end))
        slot = value & mask
        number = slots[slot]
        while number >= 0:
            is_like = rows[number, 0] == key and rows[number, 2] == word
            if is_like and _is_same(words, begin, end, content, rows[number, 1]):
                break
            slot = (slot + np.uint64(1)) & mask
            number = slots[slot]
        if number < 0:
            number = size
            slots[slot], hashes[size] = size, value
            rows[size, 0], rows[size, 1], rows[size, 2] = key, num_words, word
            size += 1
            num_words = _copy(words, begin, end, content, num_words)
        numbers[index] = number
    ends[-1] = len(numbers)
    place[0], place[1], place[2], place[3] = len(numbers), text, size, num_words
    return True


@compiled()
def _hash(words: Any, begin: int, end: int, key: int) -> Any:
    value = np.uint64(key)
    for byte in range(begin, end, 8):
        value = (value ^ _word(words, byte, end)) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(32)
    return value


@compiled()
def _is_same(words: Any, begin: int, end: int, content: Any, place: int) -> bool:
    """Return whether a piece is that at a place, whose first word is the same."""
    for byte in range(begin + 8, end, 8):
        place += 1
        if content[place] != _word(words, byte, end):
            return False
    return True


@compiled()
def _copy(words: Any, begin: int, end: int, content: Any, place: int) -> int:
    """Write the words of a piece to a place; return the place after them."""
    for byte in range(begin, end, 8):
        content[place] = _word(words, byte, end)
        place += 1
    return place


@compiled()
def _word(words: Any, place: int, end: int) -> Any:
    """Return up to 8 bytes before the end, filled up with zeros."""
    missing = np.uint64(8 * (8 - min(8, end - place)))
    return (words[place] << missing) >> missing
