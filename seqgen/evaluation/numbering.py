"""Numbers for different keys, in a hash table: sorting them, or searching sorted ones, takes several times as long."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled


class Numbering(NamedTuple):
    """The different keys of a sequence, numbered in the order in which they first occur.

    Attributes:
        keys: by number.
        examples: where in the sequence each occurs first.
        counts: how often each occurs.
        slots: a number or -1 at each place of the hash table, whose size is a power of two.
    """

    keys: NDArray[np.int64]
    examples: NDArray[np.int64]
    counts: NDArray[np.int64]
    slots: NDArray[np.int32]

    @classmethod
    def of(cls, keys: NDArray[np.int64]) -> tuple[Self, NDArray[np.int32]]:
        """Return the numbering of keys, and the number of each; -1 for negative keys, which have none."""
        numbers = np.empty(len(keys), dtype=np.int32)
        examples, counts = np.empty(1 << 10, dtype=np.int64), np.zeros(1 << 10, dtype=np.int64)
        slots, place, size = np.full(1 << 12, -1, dtype=np.int32), 0, 0
        while True:
            place, size = _number(keys, place, size, slots, examples, counts, numbers)
            if place == len(keys):
                break
            examples, counts = (np.append(each, np.zeros_like(each)) for each in (examples, counts))
            slots = np.full(2 * len(slots), -1, dtype=np.int32)
            _fill(keys, examples[:size], slots)
        examples, counts = examples[:size].copy(), counts[:size].copy()
        return cls(keys[examples], examples, counts, slots), numbers

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the number of each key; -1 for those that have none."""
        numbers = np.empty(len(keys), dtype=np.int32)
        _find(keys, self.keys, self.slots, numbers)
        return numbers


@compiled()
def _number(keys: Any, place: int, size: int, slots: Any, examples: Any, counts: Any, numbers: Any) -> Any:
    """Write the numbers of keys, starting at `place`; return where the space ends, and how many keys differ."""
    while place < len(keys):
        key = keys[place]
        number = np.int32(-1)
        if key >= 0:
            slot = _slot(key, slots)
            number = slots[slot]
            while number >= 0 and keys[examples[number]] != key:
                slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
                number = slots[slot]
            if number < 0:
                if size == len(examples):
                    break
                number = np.int32(size)
                slots[slot], examples[size] = number, place
                size += 1
            counts[number] += 1
        numbers[place] = number
        place += 1
    return place, size


@compiled()
def _fill(keys: Any, examples: Any, slots: Any) -> None:
    """Insert numbers into an empty table."""
    for number in range(len(examples)):
        slot = _slot(keys[examples[number]], slots)
        while slots[slot] >= 0:
            slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
        slots[slot] = number


@compiled()
def _find(keys: Any, known: Any, slots: Any, numbers: Any) -> None:
    """Write the number of each key, or -1."""
    for place in range(len(keys)):
        key = keys[place]
        slot = _slot(key, slots)
        number = slots[slot] if key >= 0 else np.int32(-1)
        while number >= 0 and known[number] != key:
            slot = (slot + np.uint64(1)) & np.uint64(len(slots) - 1)
            number = slots[slot]
        numbers[place] = number


@compiled()
def _slot(key: int, slots: Any) -> Any:
    """Return the first slot for a key."""
    value = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return (value ^ (value >> np.uint64(32))) & np.uint64(len(slots) - 1)
