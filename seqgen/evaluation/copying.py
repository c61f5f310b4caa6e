"""What samples copy from the training set: the longest match, and the share of n-grams that occur in it.

Works on sequences of any symbols: characters, tokens, or the intervals and durations of a melody. The result is exact,
without hash collisions.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation import spans
from seqgen.evaluation.progress import Task
from seqgen.evaluation.windows import BLOCK, NO_NUMBER, Numbers, Windows, doubled, longest
from seqgen.music.melody import melodies
from seqgen.music.score import Score


class Work(NamedTuple):
    """A sequence that may be copied: a document, or one part of a piece of music.

    Attributes:
        name: name, such as that of a file.
        symbols: the symbols.
        places: label of each position, such as the number of its bar; None for the position itself, from 0.
    """

    name: str
    symbols: Sequence[Hashable]
    places: Sequence[int] | None = None


@dataclass(frozen=True)
class Match:
    """A sequence of symbols that a sample and a training work have in common.

    Attributes:
        length: number of symbols.
        sample: name of the sample.
        sample_place: place in the sample where it begins.
        source: name of the training work.
        source_place: first place in the training work where it begins.
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
        num_symbols: number of symbols in the samples, on which the length of the longest run depends.
        n: number of symbols of an n-gram.
        longest: the longest match; None if there is no common symbol.
        share_found: share of the samples' n-grams that occur in the training works; None if there are no n-grams.
    """

    num_symbols: int
    n: int
    longest: Match | None
    share_found: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Copying:
    """What samples, and held-out works for comparison, have in common with the training works."""

    samples: Copied
    held_out: Copied

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


class Copy(NamedTuple):
    """A span of a sample that occurs in a training work.

    Attributes:
        begin: its first position in the sample.
        length: number of symbols.
        which: index of the first training work that contains it.
        place: its first position there.
    """

    begin: int
    length: int
    which: int
    place: int


class Library:
    """Training works that can be searched; uses 4 bytes per symbol, and 12 more during a search.

    Args:
        works: the works, which are read once.
        task: receives the number of symbols read.
    """

    def __init__(self, works: Iterable[Work], task: Task | None = None) -> None:
        vocabulary = defaultdict[Hashable, int](count().__next__)
        self._works = _Works.of(works, vocabulary.__getitem__, task or Task())
        self._vocabulary = dict(vocabulary)

    def compare(self, samples: Sequence[Work], held_out: Sequence[Work], n: int = 8) -> Copying:
        """Search for samples and for held-out works, whose total lengths should be similar.

        Args:
            samples: the samples without their primes.
            held_out: works that are not in the training set.
            n: length of n-grams, at least 1. They should rarely match by chance: use 8 for words and notes (two bars
                of a chorale), 20 or more for characters.
        """
        return Copying(self.search(samples, n), self.search(held_out, n))

    def search(self, samples: Sequence[Work], n: int = 8) -> Copied:
        """Search for samples; see `compare`."""
        works = self._numbered(samples)
        num_found, widest = 0, None
        for windows in doubled(Windows(1, works.numbers, self._works.numbers)):
            if windows.length <= n < 2 * windows.length:
                num_found = windows.widened(n).num_found
            widest = windows
        num_grams = int(np.maximum(np.diff(works.offsets) - n, 0).sum())
        return Copied(
            num_symbols=len(works.numbers) - len(works.works),
            n=n,
            longest=self._match(longest(widest), works) if widest else None,
            share_found=num_found / num_grams if num_grams else None,
        )

    def chance_length(self, held_out: Sequence[Work], size: int, shortest: int, longest: int) -> int:
        """Return how long a span must be at least so that it is not common by chance; see `spans.chance_length`.

        Args:
            held_out: works that are not in the training set.
            size: number of symbols of a sample.
            shortest: lower bound of the result.
            longest: upper bound of the result.
        """
        numbers = self._numbered(held_out).numbers
        return spans.chance_length(numbers, self._works.numbers, size, shortest, longest)

    def spans(self, sample: Work, min_length: int) -> list[Copy]:
        """Return the spans of a sample that occur in the training works; see `spans.copied_spans`."""
        found = spans.copied_spans(self._numbered([sample]).numbers, self._works.numbers, min_length)
        return [Copy(span.begin, span.length, *self._works.index_at(span.source)) for span in found]

    def num_before(self, symbol: Hashable, which: int, place: int) -> int:
        """Return how often a symbol occurs before a position of a training work.

        Args:
            symbol: the symbol.
            which: index of the work.
            place: the position.
        """
        begin = int(self._works.offsets[which])
        number = self._vocabulary.get(symbol, NO_NUMBER)
        return int(np.count_nonzero(self._works.numbers[begin : begin + place] == number))

    def _numbered(self, works: Sequence[Work]) -> "_Works":
        return _Works.of(works, lambda symbol: self._vocabulary.get(symbol, NO_NUMBER), Task())

    def _match(self, windows: Windows, samples: "_Works") -> Match:
        place = int(np.argmax(windows.training != NO_NUMBER))
        sample_place = int(np.argmax(windows.samples == windows.training[place]))
        return Match(windows.length, *samples.at(sample_place), *self._works.at(place))


def works_of(name: str, score: Score) -> list[Work]:
    """Return the parts of a piece of music as works that do not depend on its key.

    Symbols are the intervals and durations of the top lines, places are bars; a match of length n has n + 1 notes.
    """
    return [Work(name, melody.moves, melody.bars) for melody in melodies(score)]


def first_works(works: Iterable[Work], size: int) -> list[Work]:
    """Return the first works with at least this number of symbols in total, or all works if they have fewer."""
    taken: list[Work] = []
    for work in works:
        if size <= 0:
            break
        taken.append(work)
        size -= len(work.symbols)
    return taken


class _Works(NamedTuple):
    """Concatenated works.

    Attributes:
        numbers: numbers of the symbols, with `NO_NUMBER` after each work.
        offsets: first position of each work, and the end of the last.
        works: the works without their symbols.
    """

    numbers: Numbers
    offsets: NDArray[np.int64]
    works: list[Work]

    @classmethod
    def of(cls, works: Iterable[Work], number: Callable[[Hashable], int], task: Task) -> Self:
        offsets, without_symbols = array("q", [0]), []

        def numbers() -> Iterator[int]:
            for work in works:
                for begin in range(0, len(work.symbols), BLOCK):
                    yield from map(number, work.symbols[begin : begin + BLOCK])
                    task.advance(min(BLOCK, len(work.symbols) - begin))
                yield NO_NUMBER
                offsets.append(offsets[-1] + len(work.symbols) + 1)
                without_symbols.append(work._replace(symbols=()))

        return cls(np.fromiter(numbers(), np.int32), np.array(offsets), without_symbols)

    def at(self, place: int) -> tuple[str, int]:
        """Return the name of the work at a position, and its place in the work."""
        which, position = self.index_at(place)
        name, _, places = self.works[which]
        return name, position if places is None else places[position]

    def index_at(self, place: int) -> tuple[int, int]:
        """Return the index of the work at a position, and the position in the work."""
        which = int(np.searchsorted(self.offsets, place, side="right")) - 1
        return which, place - int(self.offsets[which])
