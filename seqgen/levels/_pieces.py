"""A vocabulary of pieces, strings of several characters, above an alphabet; other pieces are spelled."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqgen.levels._spelling import FIRST_CHARACTER, UNKNOWN, Spelling, alphabet_of, most_common
from seqgen.levels.base import Ids
from seqgen.texts import Texts

_MAX_COUNTED = 1 << 21  # different pieces counted at once, which bounds the memory


def vocabulary_of(counts: Counter[str], vocabulary_size: int, min_count: int) -> tuple[str, list[str]]:
    """Return the alphabet and as many of the most frequent pieces of several characters as fit.

    Args:
        counts: number of each piece in the text.
        vocabulary_size: maximum number of ids in total.
        min_count: minimum number of occurrences of a piece.
    """
    code_points = np.frombuffer("".join(counts).encode("utf-32-le"), dtype=np.uint32)
    times = np.repeat(np.fromiter(counts.values(), np.int64, len(counts)), np.fromiter(map(len, counts), np.int64))
    characters = np.bincount(code_points, times)
    alphabet = alphabet_of({chr(each): int(characters[each]) for each in np.flatnonzero(characters)}, vocabulary_size)
    frequent = {piece: count for piece, count in counts.items() if len(piece) > 1 and count >= min_count}
    return alphabet, most_common(frequent)[: max(0, vocabulary_size - FIRST_CHARACTER - len(alphabet))]


def checked(alphabet: Any, pieces: Any) -> tuple[str, list[str]]:
    """Return an alphabet and pieces from an untrusted file.

    Raises:
        TypeError or ValueError: they are invalid.
    """
    if len(set(alphabet)) < len(alphabet) or len(set(pieces)) < len(pieces) or not all(pieces):
        raise ValueError("its vocabulary contains duplicate or empty tokens")
    "".join([alphabet, *pieces]).encode()  # raises ValueError for lone surrogates
    return alphabet, list(pieces)


def count_pieces(lists: Iterable[list[str]]) -> Counter[str]:
    """Return the number of each piece; the rarest are dropped when there are too many different ones."""
    counts: Counter[str] = Counter()
    for pieces in lists:
        counts.update(pieces)
        counts = without_rarest(counts)
    return counts


def without_rarest(counts: Counter[str]) -> Counter[str]:
    """Return the counts without the rarest pieces if there are too many different ones."""
    threshold = 1
    while len(counts) > _MAX_COUNTED:
        counts = Counter({piece: count for piece, count in counts.items() if count > threshold})
        threshold *= 2
    return counts


def total_of(counts: Sequence[Mapping[str, int]]) -> Counter[str]:
    """Return the sum of the counts of all shares of a corpus."""
    total = Counter(counts[0])
    for other in counts[1:]:
        total.update(other)
    return without_rarest(total)


Part = TypeVar("Part", covariant=True)  # of a document: pieces, or a text that is a number of whole pieces


class _PartCutter(Protocol[Part]):
    """Divides a text that comes in chunks into parts."""

    def feed(self, text: str) -> Part:
        """Return what no further text can change."""

    def finish(self) -> Part:
        """Return the rest."""


class Pieces:
    """A vocabulary of strings whose ids follow those of an alphabet.

    Args:
        spelling: encodes pieces outside the vocabulary.
        pieces: the strings, without repetition.
    """

    def __init__(self, spelling: Spelling, pieces: Sequence[str]) -> None:
        self._spelling = spelling
        self._ids = {text: index for index, text in enumerate((*spelling.alphabet, *pieces), FIRST_CHARACTER)}

    def encode(self, pieces: Sequence[str]) -> Ids:
        """Return the concatenated ids of the pieces, shape (tokens,)."""
        return self._encode(pieces)[0]

    def encode_all(self, pieces: Sequence[str], sizes: NDArray[np.int64]) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of several lists, none of them empty, concatenated, and the number of ids of each list.

        Args:
            pieces: of all lists.
            sizes: the number of pieces of each list.
        """
        ids, lengths = self._encode(pieces)
        return ids, np.add.reduceat(lengths, np.cumsum(sizes) - sizes)

    def _encode(self, pieces: Sequence[str]) -> tuple[Ids, NDArray[np.int64]]:
        """Return the concatenated ids of the pieces, and the number of ids of each."""
        known = map(self._ids.get, pieces, repeat(UNKNOWN))
        ids: Ids = np.fromiter(known, dtype=self._spelling.dtype, count=len(pieces))
        lengths = np.ones(len(pieces), dtype=np.int64)
        if ids.all():
            return ids, lengths
        is_unknown = ids == UNKNOWN
        spelled, lengths[is_unknown] = self._spelling.encode_all(
            Texts.of([pieces[place] for place in np.flatnonzero(is_unknown).tolist()])
        )
        result = np.empty(lengths.sum(), dtype=ids.dtype)
        is_spelled = np.repeat(is_unknown, lengths)
        result[is_spelled], result[~is_spelled] = spelled, ids[~is_unknown]
        return result, lengths


class Cutter:
    """Divides a text that comes in chunks into pieces, which do not depend on the chunks.

    Args:
        pattern: matches at every place; the match depends on at most the next `reach` characters.
        reach: a piece is final if it begins at least this number of characters before the end of the known text.
    """

    def __init__(self, pattern: re.Pattern[str], reach: int) -> None:
        self._pattern = pattern
        self._reach = reach
        self._waiting = ""

    def feed(self, text: str) -> list[str]:
        """Return the pieces that no further text can change."""
        pieces = self._pattern.findall(self._waiting + text)
        certain, characters = len(pieces), 0
        while certain and characters + len(pieces[certain - 1]) < self._reach:
            certain -= 1
            characters += len(pieces[certain])
        self._waiting = "".join(pieces[certain:])
        return pieces[:certain]

    def finish(self) -> list[str]:
        """Return the remaining pieces."""
        pieces, self._waiting = self._pattern.findall(self._waiting), ""
        return pieces

    def cut(self, chunks: Iterable[str]) -> Iterator[list[str]]:
        """Yield the pieces of a whole document."""
        yield from map(self.feed, chunks)
        yield self.finish()


class PieceEncoder(Generic[Part]):
    """Encodes a document part by part.

    Args:
        ids_of: returns the ids of a part.
        cutter: at the beginning of a document.
    """

    def __init__(self, ids_of: Callable[[Part], Ids], cutter: _PartCutter[Part]) -> None:
        self._ids_of = ids_of
        self._cutter = cutter

    def feed(self, text: str) -> Ids:
        """Return the ids of the pieces that no further text can change."""
        return self._ids_of(self._cutter.feed(text))

    def finish(self) -> Ids:
        """Return the ids of the remaining pieces."""
        return self._ids_of(self._cutter.finish())
