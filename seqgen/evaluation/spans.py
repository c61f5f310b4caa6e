"""The spans of samples that occur in training works, and how long such spans are by chance.

New text has phrases in common with the training set as well. A span is longer than by chance if at most 5 % of held-out
texts as long as a sample have one of its length in common with the training set.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.windows import NO_NUMBER, Numbers, Windows, doubled

_BY_CHANCE = 0.05  # largest share of held-out texts
_MAX_PLACES = 256  # in the training works at which a span is compared to its end


class Span(NamedTuple):
    """A span of symbols that samples have in common with training works.

    Attributes:
        begin: its first position in the samples.
        length: number of symbols.
        source: the first position in the training works.
    """

    begin: int
    length: int
    source: int


def copied_spans(samples: Numbers, training: Numbers, min_length: int) -> list[Span]:
    """Return spans of at least a minimum length which cover all such windows; they may overlap.

    Args:
        samples: numbers of the symbols of all samples, `NO_NUMBER` between them and for unknown symbols.
        training: the same for the training works.
        min_length: minimum number of symbols.
    """
    windows = _widened(Windows(1, samples, training), min_length)
    levels = []
    while windows.are_shared:
        levels.append(_Places.of(windows))
        windows = windows.widened(2 * windows.length)
    spans: list[Span] = []
    for begin in levels[0].found.tolist() if levels else ():
        if not spans or begin + min_length > spans[-1].begin + spans[-1].length:
            widest = next(level for level in reversed(levels) if level.has(begin))
            spans.append(_extended(begin, widest, samples, training))
    return spans


def chance_length(held_out: Numbers, training: Numbers, size: int, shortest: int, longest: int) -> int:
    """Return the smallest length of spans that are longer than by chance, between two bounds.

    Args:
        held_out: numbers of the symbols of held-out works.
        training: the same for the training works.
        size: number of symbols of a sample.
        shortest: lower bound of the result.
        longest: upper bound of the result.
    """
    below = None
    windows = _widened(Windows(1, held_out, training), shortest)
    while _share_found(windows, size) > _BY_CHANCE:
        if windows.length >= longest:
            return longest
        below, windows = windows, windows.widened(min(longest, 2 * windows.length))
    above = windows.length
    while below is not None and above - below.length > 1:
        middle = below.widened((below.length + above) // 2)
        if _share_found(middle, size) > _BY_CHANCE:
            below = middle
        else:
            above = middle.length
    return max(above, shortest)


def _widened(windows: Windows, length: int) -> Windows:
    """Return the windows of one symbol as windows of any length."""
    for shorter in doubled(windows):
        windows = shorter
        if 2 * shorter.length >= length:
            break
    return windows.widened(min(length, 2 * windows.length))


def _share_found(windows: Windows, size: int) -> float:
    """Return the share of texts of this size in which a window is found."""
    if not len(windows.samples):
        return 0.0
    is_found = np.isin(windows.samples, _known(windows.training))
    return float(np.logical_or.reduceat(is_found, np.arange(0, len(is_found), size)).mean())


def _known(numbers: Numbers) -> Numbers:
    known: Numbers = np.unique(numbers[numbers != NO_NUMBER])
    return known


class _Places(NamedTuple):
    """Where the windows of one length occur.

    Attributes:
        windows: the windows.
        found: positions in the samples of those that occur in the training works, in ascending order.
        places: positions in the training works, by number and then by position.
        numbers: the numbers of the windows at `places`.
    """

    windows: Windows
    found: NDArray[np.int64]
    places: NDArray[np.int64]
    numbers: Numbers

    @classmethod
    def of(cls, windows: Windows) -> "_Places":
        places = np.flatnonzero(windows.training != NO_NUMBER)
        places = places[np.argsort(windows.training[places], kind="stable")]
        found = np.flatnonzero(np.isin(windows.samples, _known(windows.training)))
        return cls(windows, found, places, windows.training[places])

    def has(self, begin: int) -> bool:
        place = int(np.searchsorted(self.found, begin))
        return place < len(self.found) and int(self.found[place]) == begin

    def sources(self, begin: int) -> Iterator[int]:
        """Yield the first positions at which the window at a position of the samples occurs."""
        number = self.windows.samples[begin]
        first, stop = (int(np.searchsorted(self.numbers, number, side)) for side in ("left", "right"))
        yield from self.places[first : min(stop, first + _MAX_PLACES)].tolist()


def _extended(begin: int, level: _Places, samples: Numbers, training: Numbers) -> Span:
    """Return the longest span that contains the window at a position, the first of equally long ones."""
    length = level.windows.length
    spans = []
    for source in level.sources(begin):
        after = _num_equal(samples[begin + length :], training[source + length :])
        before = _num_equal(samples[:begin][::-1], training[:source][::-1])
        spans.append(Span(begin - before, before + length + after, source - before))
    return max(spans, key=lambda span: span.length)


def _num_equal(one: Numbers, other: Numbers) -> int:
    """Return how many symbols two sequences have in common at their beginnings."""
    size, total = 64, 0
    while True:
        mine, theirs = (numbers[total : total + size] for numbers in (one, other))
        common = min(len(mine), len(theirs))
        differs = (mine[:common] != theirs[:common]) | (mine[:common] == NO_NUMBER)
        if differs.any():
            return total + int(differs.argmax())
        total += common
        if common < size:
            return total
        size *= 2
