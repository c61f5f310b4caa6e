"""Windows of symbols, numbered so that equal ones have the same number.

Windows of one symbol are numbered first, then windows of two, four and so on, each by the numbers of its two halves
(Karp, Miller & Rosenberg 1972, "Rapid identification of repeated patterns in strings, trees and arrays"). Only windows
that occur in the samples are numbered, so that the longer the windows, the fewer positions remain to be searched.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_NUMBER = -1  # unknown symbols, separators of works, windows beyond the end
BLOCK = 1 << 20  # positions processed at once
_NO_PAIR = np.iinfo(np.int64).max

Numbers = NDArray[np.int32]


class Windows(NamedTuple):
    """The numbers of all windows of one length, by first position; equal windows have the same number.

    Attributes:
        length: length of the windows.
        samples: windows of the samples.
        training: windows of the training works; `NO_NUMBER` for those that do not occur in the samples.
    """

    length: int
    samples: Numbers
    training: Numbers

    @property
    def are_shared(self) -> bool:
        """Whether any window of the samples occurs in the training works."""
        return bool((self.training != NO_NUMBER).any())

    @property
    def num_found(self) -> int:
        """Number of windows of the samples that occur in the training works."""
        is_found = np.zeros(len(self.samples), dtype=bool)  # by number
        is_found[self.training[self.training != NO_NUMBER]] = True
        return int(is_found[self.samples[self.samples != NO_NUMBER]].sum())

    def widened(self, length: int) -> "Windows":
        """Return windows of another length, at most twice as long, each numbered by its first and last half.

        The halves may overlap. With the same length, training windows that occur in no sample lose their number.
        """
        shift = length - self.length
        pairs = np.unique(np.concatenate([keys for _, keys in _pairs(self.samples, shift)]))
        pairs = np.append(pairs, _NO_PAIR)  # so that every result of searchsorted is a valid index
        return Windows(length, _numbered(self.samples, shift, pairs), _numbered(self.training, shift, pairs))


def _numbered(halves: Numbers, shift: int, pairs: NDArray[np.int64]) -> Numbers:
    """Return the index in `pairs` of each pair of a half and the one that begins `shift` positions later."""
    numbers = np.full(max(0, len(halves) - shift), NO_NUMBER, dtype=np.int32)
    for places, keys in _pairs(halves, shift):
        found = np.searchsorted(pairs, keys)
        numbers[places] = np.where(pairs[found] == keys, found, NO_NUMBER)
    return numbers


def _pairs(halves: Numbers, shift: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield blocks of positions of pairs, and of the pairs as numbers."""
    for begin in range(0, max(1, len(halves) - shift), BLOCK):
        last = halves[begin + shift : begin + shift + BLOCK]
        first = halves[begin : begin + len(last)]
        places = np.flatnonzero((first != NO_NUMBER) & (last != NO_NUMBER))
        yield begin + places, first[places].astype(np.int64) << 32 | last[places]


def doubled(windows: Windows) -> Iterator[Windows]:
    """Yield windows of 1, 2, 4, ... symbols while any of them is shared."""
    windows = windows.widened(1)
    while windows.are_shared:
        yield windows
        windows = windows.widened(2 * windows.length)


def longest(windows: Windows) -> Windows:
    """Return the longest shared windows, by bisection between the longest shared power of two and twice that."""
    unshared = 2 * windows.length
    while unshared - windows.length > 1:
        middle = windows.widened((windows.length + unshared) // 2)
        if middle.are_shared:
            windows = middle
        else:
            unshared = middle.length
    return windows
