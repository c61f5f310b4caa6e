"""What samples have copied from training: the longest run found there word for word, and the share of n-grams.

It works on sequences of any symbols: characters, tokens, or the intervals and durations of a melody. It is exact, with
no hashes to collide: windows of symbols get numbers, equal ones the same; first those of one symbol, then of two, four
and so on, each numbered by the pair of numbers of its halves (Karp, Miller & Rosenberg 1972, "Rapid identification of
repeated patterns in strings, trees and arrays"). Only what comes in the samples has a number, so that the longer the
windows are, the fewer places of the training works are left to look at.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.progress import Task
from seqgen.music.melody import melodies
from seqgen.music.score import Score

_NONE = -1  # the number of what has none: unknown symbols, what stands between works, windows beyond an end
_BLOCK = 1 << 20  # places that are looked at at once
_NO_PAIR = np.iinfo(np.int64).max

Numbers = NDArray[np.int32]


class Work(NamedTuple):
    """What may be copied: a document, or one part of a piece of music.

    Attributes:
        name: as a file's.
        symbols: what it consists of.
        places: what each position is called, as a bar's number; None for the position itself, counted from 0.
    """

    name: str
    symbols: Sequence[Hashable]
    places: Sequence[int] | None = None


@dataclass(frozen=True)
class Run:
    """Symbols that a sample and a training work have in common, one after the other.

    Attributes:
        length: how many they are.
        sample: the sample's name.
        sample_place: where in it they begin.
        source: the training work's name.
        source_place: where in that they begin; the first of several places.
    """

    length: int
    sample: str
    sample_place: int
    source: str
    source_place: int


@dataclass(frozen=True)
class Copied:
    """What samples have in common with the training works.

    Attributes:
        num_symbols: how many were looked for; the longest run grows with them.
        n: how many symbols an n-gram has.
        longest: the longest run; None where training has none of the symbols.
        share_found: the share of n-grams that training has, each counted as often as it comes; None without n-grams.
    """

    num_symbols: int
    n: int
    longest: Run | None
    share_found: float | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """What samples have copied, beside what held-out works, which nobody has copied, have in common with training."""

    samples: Copied
    held_out: Copied

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


class Library:
    """Training works to look things up in: 4 bytes a symbol, and 12 more while it is searched.

    Args:
        works: they may come one by one; their symbols are not kept.
        task: counts the symbols.
    """

    def __init__(self, works: Iterable[Work], task: Task | None = None) -> None:
        vocabulary = defaultdict[Hashable, int](count().__next__)
        self._works = _Works.of(works, vocabulary.__getitem__, task or Task())
        self._vocabulary = dict(vocabulary)

    def compare(self, samples: Sequence[Work], held_out: Sequence[Work], n: int = 8) -> Comparison:
        """Look for samples and for held-out works, of which there should be about as much.

        Args:
            samples: without what they were primed with.
            held_out: what was kept from training.
            n: the length of n-grams, at least 1. It should be so long that it rarely comes twice by chance: 8 suits
                words and notes (two bars of a chorale), 20 or more characters.
        """
        return Comparison(self.search(samples, n), self.search(held_out, n))

    def search(self, samples: Sequence[Work], n: int = 8) -> Copied:
        """Look for samples; see `compare`."""
        wanted = _Works.of(samples, lambda symbol: self._vocabulary.get(symbol, _NONE), Task())
        num_found, widest = 0, None
        for windows in _doubled(_Windows(1, wanted.numbers, self._works.numbers)):
            if windows.length <= n < 2 * windows.length:
                num_found = windows.widened(n).num_found
            widest = windows
        num_grams = int(np.maximum(np.diff(wanted.offsets) - n, 0).sum())
        return Copied(
            num_symbols=len(wanted.numbers) - len(wanted.works),
            n=n,
            longest=self._run(_longest(widest), wanted) if widest else None,
            share_found=num_found / num_grams if num_grams else None,
        )

    def _run(self, windows: "_Windows", wanted: "_Works") -> Run:
        place = int(np.argmax(windows.training != _NONE))
        sample_place = int(np.argmax(windows.samples == windows.training[place]))
        return Run(windows.length, *wanted.at(sample_place), *self._works.at(place))


def works_of(name: str, score: Score) -> list[Work]:
    """Return the parts of a piece of music as works, whose symbols do not change when it is transposed.

    The symbols are the intervals and durations of the top lines, the places bars: a run of length n is n + 1 notes.
    """
    return [Work(name, melody.moves, melody.bars) for melody in melodies(score)]


class _Works(NamedTuple):
    """Works one after the other.

    Attributes:
        numbers: of their symbols, one place without behind each work.
        offsets: where each work begins, and the end of the last.
        works: without their symbols.
    """

    numbers: Numbers
    offsets: NDArray[np.int64]
    works: list[Work]

    @classmethod
    def of(cls, works: Iterable[Work], number: Callable[[Hashable], int], task: Task) -> Self:
        offsets, kept = array("q", [0]), []

        def numbers() -> Iterator[int]:
            for work in works:
                for begin in range(0, len(work.symbols), _BLOCK):
                    yield from map(number, work.symbols[begin : begin + _BLOCK])
                    task.advance(min(_BLOCK, len(work.symbols) - begin))
                yield _NONE
                offsets.append(offsets[-1] + len(work.symbols) + 1)
                kept.append(work._replace(symbols=()))

        return cls(np.fromiter(numbers(), np.int32), np.array(offsets), kept)

    def at(self, place: int) -> tuple[str, int]:
        """Return the name of the work that has a place, and what the place is called in it."""
        which = int(np.searchsorted(self.offsets, place, side="right")) - 1
        position = place - int(self.offsets[which])
        name, _, places = self.works[which]
        return name, position if places is None else places[position]


class _Windows(NamedTuple):
    """The windows of one length by where they begin, as numbers: equal ones have the same.

    Attributes:
        length: of the windows.
        samples: the samples' windows.
        training: the training works' windows; those that are not in the samples have no number.
    """

    length: int
    samples: Numbers
    training: Numbers

    @property
    def are_shared(self) -> bool:
        """Whether any window of the samples is in training."""
        return bool((self.training != _NONE).any())

    @property
    def num_found(self) -> int:
        """How many windows of the samples are in training."""
        is_found = np.zeros(len(self.samples), dtype=bool)  # by number, of which there are no more than windows
        is_found[self.training[self.training != _NONE]] = True
        return int(is_found[self.samples[self.samples != _NONE]].sum())

    def widened(self, length: int) -> "_Windows":
        """Return windows of another length, up to twice as long: the pair of first and last halves numbers them.

        The halves may overlap; to the same length, training windows lose their number where no sample has them.
        """
        shift = length - self.length
        pairs = np.unique(np.concatenate([keys for _, keys in _pairs(self.samples, shift)]))
        pairs = np.append(pairs, _NO_PAIR)  # so that there is one to compare with at every place that may be found
        return _Windows(length, _numbered(self.samples, shift, pairs), _numbered(self.training, shift, pairs))


def _numbered(halves: Numbers, shift: int, pairs: NDArray[np.int64]) -> Numbers:
    """Return the place in `pairs` of each pair of a half and the one that begins `shift` behind it."""
    numbers = np.full(max(0, len(halves) - shift), _NONE, dtype=np.int32)
    for places, keys in _pairs(halves, shift):
        found = np.searchsorted(pairs, keys)
        numbers[places] = np.where(pairs[found] == keys, found, _NONE)
    return numbers


def _pairs(halves: Numbers, shift: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, block by block, where pairs begin, and each pair as one number."""
    for begin in range(0, max(1, len(halves) - shift), _BLOCK):
        last = halves[begin + shift : begin + shift + _BLOCK]
        first = halves[begin : begin + len(last)]
        places = np.flatnonzero((first != _NONE) & (last != _NONE))
        yield begin + places, first[places].astype(np.int64) << 32 | last[places]


def _doubled(windows: _Windows) -> Iterator[_Windows]:
    """Yield windows of 1, 2, 4, ... symbols as long as any is shared."""
    windows = windows.widened(1)
    while windows.are_shared:
        yield windows
        windows = windows.widened(2 * windows.length)


def _longest(windows: _Windows) -> _Windows:
    """Return the longest windows that are shared, given shared ones more than half as long."""
    unshared = 2 * windows.length
    while unshared - windows.length > 1:
        middle = windows.widened((windows.length + unshared) // 2)
        if middle.are_shared:
            windows = middle
        else:
            unshared = middle.length
    return windows
