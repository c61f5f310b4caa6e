"""Similarity of samples to held-out music: features of each set of scores, and the overlap of their histograms.

Yang & Lerch 2020 ("On the evaluation of generative models in music") judge generated music by the overlap of its
distributions with those of real music. Here the distributions are histograms of notes, not estimated densities of
distances between pieces. The overlap of held-out music with the training music serves as a reference.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

from seqgen.music.melody import bar_at, top_line
from seqgen.music.metrics import Features, pitched_notes
from seqgen.music.score import Score
from seqgen.music.tonality import degree

Histogram = Mapping[float, float]


@dataclass(frozen=True)
class Histograms:
    """Relative frequencies in a set of scores, which sum to 1; empty if there are no values.

    Attributes:
        pitch_class: 0 for C to 11 for B, after transposition to no key signature; without drums.
        interval: in semitones between consecutive notes of the top line of a track; without drums.
        duration: in quarter notes, which all grids have in common; without drums.
        onset: in quarter notes from the beginning of the bar.
    """

    pitch_class: Histogram
    interval: Histogram
    duration: Histogram
    onset: Histogram

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Self:
        """Return the histograms of scores."""
        return cls(
            pitch_class=_shares(
                degree(note.pitch, score.bars[0].sharps) for score in scores for note in pitched_notes(score)
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
        """Return the overlaps with the histograms of another set."""
        return Overlaps(
            pitch_class=_overlap(self.pitch_class, other.pitch_class),
            interval=_overlap(self.interval, other.interval),
            duration=_overlap(self.duration, other.duration),
            onset=_overlap(self.onset, other.onset),
        )


@dataclass(frozen=True)
class Overlaps:
    """The common area of the histograms of two sets, from 0 to 1; None if one is empty."""

    pitch_class: float | None
    interval: float | None
    duration: float | None
    onset: float | None


@dataclass(frozen=True)
class MusicComparison:
    """Samples compared with real music.

    Attributes:
        samples: features of the samples.
        held_out: features of the music that is held out from training.
        overlaps: of samples with held-out music.
        reference: of held-out with training music, the highest overlap to be expected of samples.
    """

    samples: Features
    held_out: Features
    overlaps: Overlaps
    reference: Overlaps

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def compare(samples: Sequence[Score], held_out: Sequence[Score], train: Sequence[Score]) -> MusicComparison:
    """Compare samples with held-out music, and held-out music with training music.

    Small sets overlap less: use about as many samples as held-out pieces.
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
