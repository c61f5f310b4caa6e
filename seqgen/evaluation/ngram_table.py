"""The different n-grams of a text, in a hash table: sorting them takes several times as long.

The key of an n-gram is `context * vocabulary_size + token`, where the context is the number of its first n - 1 tokens.
"""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.levels.base import Ids, Level

_MAX_DIRECT = 1 << 19  # keys up to which each has a place of its own in the table
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_START = int(Level.START)


class NgramTable(NamedTuple):
    """N-grams of one length, numbered in the order in which they first occur.

    Attributes:
        vocabulary_size: the number of different tokens.
        is_unigram: whether they are single tokens; others do not cross the beginning of a document.
        keys: by number.
        counts: how often each occurs.
        slots: a number or -1 at each place of the hash table, whose size is a power of two.
        factor: by which a key is multiplied to find its place.
    """

    vocabulary_size: int
    is_unigram: bool
    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    slots: NDArray[np.int32]
    factor: np.uint64

    @classmethod
    def of(
        cls, ids: Ids, numbers: NDArray[np.int32], vocabulary_size: int, num_contexts: int | None = None
    ) -> tuple[Self, NDArray[np.int64]]:
        """Count n-grams.

        Args:
            ids: the tokens, shape (tokens,).
            numbers: the numbers of the n-grams that are one token shorter and end at each token, shape (tokens,); zeros
                if single tokens are counted. They are replaced by the numbers of the n-grams that are counted, or -1
                at tokens at which none ends.
            vocabulary_size: the number of different tokens.
            num_contexts: the number of different n-grams that are one token shorter; None if single tokens are counted.

        Returns:
            The table, and the number of different tokens that precede each n-gram that is one token shorter.
        """
        is_unigram, num_contexts = num_contexts is None, num_contexts or 1
        num_keys = num_contexts * vocabulary_size
        is_direct = num_keys <= _MAX_DIRECT
        slots = np.full(1 << (num_keys - 1).bit_length() if is_direct else 1 << 12, -1, dtype=np.int32)
        rows = np.zeros((1 << 10, 2), dtype=np.int64)  # keys and counts
        preceding = np.zeros(num_contexts, dtype=np.int64)
        table = cls(vocabulary_size, is_unigram, rows[:, 0], rows[:, 1], slots, np.uint64(1) if is_direct else _FACTOR)
        place, size, before = 0, 0, is_unigram - 1
        while place < len(ids):
            place, size, before = _count(ids, numbers, table, rows, preceding, place, size, before)
            if size == len(rows):
                rows = np.append(rows, np.zeros_like(rows), axis=0)
                if not is_direct:
                    table = table._replace(slots=np.full(2 * len(table.slots), -1, dtype=np.int32))
                    _fill(rows[:size, 0], table)
        keys, counts = rows[:size].T.copy()
        return table._replace(keys=keys, counts=counts), preceding

    def interpolate(
        self,
        ids: Ids,
        numbers: NDArray[np.int32],
        weights: tuple[NDArray[np.float32], NDArray[np.float32]],
        below: NDArray[np.float64],
        result: NDArray[np.float64],
    ) -> None:
        """Compute the probability of each token, by the weights of the highest order and by those of a lower one.

        Args:
            ids: the tokens, shape (tokens,).
            numbers: as for `of`.
            weights: shares of n-grams, shape (n-grams + 1, 2), and backoffs of contexts, shape (contexts + 1, 2); the
                last are those of unknown ones.
            below: the probabilities by the order below, shape (tokens,), replaced by those of this order as a lower
                one.
            result: receives those of this order as the highest one, shape (tokens,).
        """
        _interpolate(ids, numbers, self, *weights, below, result)


@compiled()
def _count(ids: Any, numbers: Any, table: Any, rows: Any, preceding: Any, place: int, size: int, before: Any) -> Any:
    """Count the n-grams from `place`, before which one ends; return where the space ends, and what has changed."""
    while place < len(ids):
        context = -1 if ids[place] == _START and not table.is_unigram else before
        number = np.int32(-1)
        if context >= 0:
            key = context * table.vocabulary_size + np.int64(ids[place])
            slot, number = _find(key, rows[:, 0], table)
            if number < 0:
                if size == len(rows):
                    break
                number = np.int32(size)
                table.slots[slot], rows[size, 0] = number, key
                preceding[numbers[place]] += 1
                size += 1
            rows[number, 1] += 1
        before = np.int64(numbers[place])
        numbers[place] = number
        place += 1
    return place, size, before


@compiled()
def _fill(keys: Any, table: Any) -> None:
    """Insert numbers into an empty table."""
    mask = np.uint64(len(table.slots) - 1)
    for number in range(len(keys)):
        slot = _slot(keys[number], table.factor, mask)
        while table.slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & mask
        table.slots[slot] = number


@compiled()
def _interpolate(ids: Any, numbers: Any, table: Any, shares: Any, backoffs: Any, below: Any, result: Any) -> None:
    before = np.int64(table.is_unigram) - 1
    for place in range(len(ids)):
        context = -1 if ids[place] == _START and not table.is_unigram else before
        number = np.int32(-1)
        if context >= 0:
            _, number = _find(context * table.vocabulary_size + np.int64(ids[place]), table.keys, table)
        before = np.int64(numbers[place])
        numbers[place] = number
        result[place] = shares[number, 0] + backoffs[context, 0] * below[place]
        below[place] = shares[number, 1] + backoffs[context, 1] * below[place]


@compiled()
def _find(key: int, keys: Any, table: Any) -> Any:
    """Return the slot of a key and its number, or the free slot for it and -1."""
    mask = np.uint64(len(table.slots) - 1)
    slot = _slot(key, table.factor, mask)
    number = table.slots[slot]
    while number >= 0 and keys[number] != key:
        slot = (slot + np.uint64(1)) & mask
        number = table.slots[slot]
    return slot, number


@compiled()
def _slot(key: int, factor: Any, mask: Any) -> Any:
    """Return the first slot for a key."""
    value = np.uint64(key) * factor
    return (value ^ (value >> np.uint64(32))) & mask
