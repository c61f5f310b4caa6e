"""How like held-out music samples are: what each set of scores is like, and how far their histograms overlap.

Yang & Lerch 2020 ("On the evaluation of generative models in music") judge generated music by how far its distributions
overlap with those of real music. Here these are the plain histograms of notes, not estimated densities of distances
between pieces; what a good overlap is, held-out music against the training music shows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

from seqgen.music.keys import to_no_signature
from seqgen.music.melody import bar_at, top_line
from seqgen.music.metrics import Features, pitched_notes
from seqgen.music.score import Score

Histogram = Mapping[float, float]


@dataclass(frozen=True)
class Histograms:
    """Shares of a set's notes, which sum to 1; empty where there are none.

    Attributes:
        pitch_class: 0 for C to 11 for B, as if all were written without key signature; drums apart.
        interval: in semitones, from a note of a track to the next, of chords the top note; drums apart.
        duration: in quarters, the unit that scores of all grids have in common; drums apart.
        onset: in quarters from the beginning of the bar.
    """

    pitch_class: Histogram
    interval: Histogram
    duration: Histogram
    onset: Histogram

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Self:
        """Count."""
        return cls(
            pitch_class=_shares(
                (note.pitch + to_no_signature(score.bars[0].sharps)) % 12
                for score in scores
                for note in pitched_notes(score)
            ),
            interval=_shares(
                note.pitch - before.pitch
                for score in scores
                for track in score.tracks
                if not track.is_drum
                for before, note in pairwise(top_line(track))
            ),
            duration=_shares(note.duration / score.grid for score in scores for note in pitched_notes(score)),
            onset=_shares(
                (note.onset - score.bar_starts[bar_at(score, note.onset)]) / score.grid
                for score in scores
                for note in score.notes
            ),
        )

    def overlaps(self, other: "Histograms") -> "Overlaps":
        """Return how much each has in common with that of another set."""
        return Overlaps(
            pitch_class=_overlap(self.pitch_class, other.pitch_class),
            interval=_overlap(self.interval, other.interval),
            duration=_overlap(self.duration, other.duration),
            onset=_overlap(self.onset, other.onset),
        )


@dataclass(frozen=True)
class Overlaps:
    """The area that two sets' histograms have in common, from 0 to 1; None where one is empty."""

    pitch_class: float | None
    interval: float | None
    duration: float | None
    onset: float | None


@dataclass(frozen=True)
class MusicComparison:
    """Samples beside real music.

    Attributes:
        samples: what they are like.
        held_out: what the music kept from training is like.
        overlaps: of samples with held-out music.
        reference: of held-out with training music, which no sample need surpass.
    """

    samples: Features
    held_out: Features
    overlaps: Overlaps
    reference: Overlaps

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def compare(samples: Sequence[Score], held_out: Sequence[Score], train: Sequence[Score]) -> MusicComparison:
    """Compare samples with held-out music, and that with training music.

    Small sets overlap less: take about as many samples as there are held-out pieces.
    """
    middle = Histograms.of(held_out)
    return MusicComparison(
        samples=Features.of(samples),
        held_out=Features.of(held_out),
        overlaps=Histograms.of(samples).overlaps(middle),
        reference=middle.overlaps(Histograms.of(train)),
    )


def _shares(values: Iterable[float]) -> Histogram:
    counts = Counter(values)
    return {value: counts[value] / counts.total() for value in sorted(counts)}


def _overlap(one: Histogram, other: Histogram) -> float | None:
    if not one or not other:
        return None
    return sum(min(share, other.get(value, 0.0)) for value, share in one.items())
