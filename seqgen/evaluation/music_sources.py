"""Which bars of sampled music occur in the training set beyond chance, in any key, and where."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from seqgen.corpus.split import TRAIN, VALID
from seqgen.evaluation.copying import Library, Work, first_works, works_of
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.music.score import Score
from seqgen.sampling.composer import without_prime

SHORTEST, LONGEST = 8, 32  # intervals of a span: 8 are two bars of a chorale; longer ones than 32 are always copies
_HELD_OUT = 200  # held-out pieces as long as a sample that are searched for


@dataclass(frozen=True)
class CopiedMelody:
    """A span of the top line of a part that occurs in the training set, in any key.

    Attributes:
        part: the name of the part, or its number, from 1.
        bars: the first and the last bar in the sample.
        length: number of intervals.
        source: the piece in which it occurs first.
        source_bars: the first and the last bar there.
    """

    part: str
    bars: tuple[int, int]
    length: int
    source: str
    source_bars: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


class MusicSources:
    """The training set of a run of music.

    Args:
        run: the corpus of the run.
        size: number of intervals in the top lines of a sample.

    Attributes:
        min_length: number of intervals from which a span is longer than by chance.

    Raises:
        CorpusError: the training set no longer exists.
    """

    def __init__(self, run: RunCorpus, size: int) -> None:
        self._works: list[Work] = []
        self._library = Library(self._training(run))
        held_out = first_works(_works(run, VALID), _HELD_OUT * size)
        self.min_length = self._library.chance_length(held_out, max(1, size), SHORTEST, LONGEST)

    def find(self, score: Score, prime_end: int = 0) -> list[CopiedMelody]:
        """Return the spans of a piece after its prime that occur in the training set beyond chance.

        Args:
            score: the piece.
            prime_end: step at which the prime ends.
        """
        return self._found(score, prime_end, self.min_length)

    def longest(self, score: Score) -> list[CopiedMelody]:
        """Return the longest span that occurs in the training set, if it has at least `SHORTEST` intervals."""
        found = self._found(score, 0, SHORTEST)
        return [max(found, key=lambda copy: copy.length)] if found else []

    def _found(self, score: Score, prime_end: int, min_length: int) -> list[CopiedMelody]:
        names = [track.name or str(number) for number, track in enumerate(score.tracks, 1) if not track.is_drum]
        written = without_prime(score, prime_end) if prime_end else score
        shift = len(score) - len(written) + (written.pickup > 0) - (score.pickup > 0)  # of the numbers of bars
        found = []
        for name, work in zip(names, works_of("", written), strict=True):
            for copy in self._library.spans(work, min_length):
                first, last = _bars(work, copy.begin, copy.length)
                source = self._works[copy.which]
                bars = _bars(source, copy.place, copy.length)
                found.append(CopiedMelody(name, (first + shift, last + shift), copy.length, source.name, bars))
        return found

    def _training(self, run: RunCorpus) -> Iterator[Work]:
        for work in _works(run, TRAIN):
            self._works.append(work._replace(symbols=()))
            yield work


def num_intervals(score: Score) -> int:
    """Return the number of intervals in the top lines of a piece."""
    return sum(map(len, (work.symbols for work in works_of("", score))))


def _works(run: RunCorpus, part: str) -> Iterator[Work]:
    for document in run.documents(part):
        for score in document.chunks():
            yield from works_of(document.name, score)


def _bars(work: Work, begin: int, length: int) -> tuple[int, int]:
    """Return the bars of the first and the last interval of a span."""
    places = work.places or ()
    return places[begin], places[begin + length - 1]
