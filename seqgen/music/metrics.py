"""Features of a set of scores, from the literature on the evaluation of generated music.

Scale consistency and repetition are from Mogren 2016 ("C-RNN-GAN"), pitch classes used and empty bars from Dong et al.
2018 ("MuseGAN"), pitch range from Yang & Lerch 2020 ("On the evaluation of generative models in music"), groove
consistency and pitch-class entropy from Wu & Yang 2020 ("The Jazz Transformer on the front line"); polyphony is defined
as in Dong et al. 2020 ("MusPy"), whose library implements most of these.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self

from seqgen.music.melody import bar_at
from seqgen.music.part_writing import parallels
from seqgen.music.score import DEFAULT_GRID, Note, Score
from seqgen.music.tonality import SCALE, ends_on_tonic, notes_in_key


@dataclass(frozen=True)
class Features:
    """Features of a set of scores; None if there is nothing to measure. Drums count in notes, onsets and bars only.

    Attributes:
        num_pieces: number of scores.
        num_notes: of all scores.
        lowest_pitch: MIDI number.
        highest_pitch: MIDI number.
        num_pitch_classes: used in a piece, mean over pieces.
        pitch_class_entropy: of the notes of a piece in bits, mean over pieces.
        scale_consistency: share of the notes of a piece in the best of the 12 diatonic scales, mean over pieces.
        in_key_rate: share of all notes in the scale of their key signature.
        tonic_ending_rate: share of the pieces that end on a tonic of their key signature, see `ends_on_tonic`.
        parallel_fifths: per 100 moves of several parts, see `Parallels`.
        parallel_octaves: the same, with unisons.
        groove_consistency: similarity of onsets in consecutive bars, mean over pieces; see `groove_consistency`.
        polyphony: number of simultaneous notes while any sounds, mean over pieces.
        empty_bar_rate: share of all bars in which nothing sounds.
        notes_per_quarter: of all pieces together.
        longest_repetition: largest number of consecutive notes of equal pitch and duration in one track.
        repeated_bar_rate: share of bars that equal an earlier bar of the piece, of all bars in which notes begin. It
            increases with the length of pieces.
    """

    num_pieces: int
    num_notes: int
    lowest_pitch: int | None
    highest_pitch: int | None
    num_pitch_classes: float | None
    pitch_class_entropy: float | None
    scale_consistency: float | None
    in_key_rate: float | None
    tonic_ending_rate: float | None
    parallel_fifths: float | None
    parallel_octaves: float | None
    groove_consistency: float | None
    polyphony: float | None
    empty_bar_rate: float | None
    notes_per_quarter: float | None
    longest_repetition: int
    repeated_bar_rate: float | None

    @classmethod
    def of(cls, scores: Sequence[Score]) -> Self:
        """Return the features of scores."""
        pitches = [[note.pitch for note in pitched_notes(score)] for score in scores]
        classes = [Counter(pitch % 12 for pitch in of_piece) for of_piece in pitches if of_piece]
        num_notes = sum(score.num_notes for score in scores)
        repeated = [repeated_bars(score) for score in scores]
        in_key = [notes_in_key(score) for score in scores]
        moves = parallels(scores)
        return cls(
            num_pieces=len(scores),
            num_notes=num_notes,
            lowest_pitch=min((pitch for of_piece in pitches for pitch in of_piece), default=None),
            highest_pitch=max((pitch for of_piece in pitches for pitch in of_piece), default=None),
            num_pitch_classes=_mean(map(len, classes)),
            pitch_class_entropy=_mean(map(_entropy, classes)),
            scale_consistency=_mean(map(_scale_consistency, classes)),
            in_key_rate=_ratio(sum(some for some, _ in in_key), sum(total for _, total in in_key)),
            tonic_ending_rate=_mean(map(ends_on_tonic, scores)),
            parallel_fifths=_ratio(100 * moves.fifths, moves.num_moves),
            parallel_octaves=_ratio(100 * moves.octaves, moves.num_moves),
            groove_consistency=_mean(map(groove_consistency, scores)),
            polyphony=_mean(map(polyphony, scores)),
            empty_bar_rate=_ratio(sum(map(num_empty_bars, scores)), sum(map(len, scores))),
            notes_per_quarter=_ratio(num_notes, sum(score.quarters for score in scores)),
            longest_repetition=max(map(longest_repetition, scores), default=0),
            repeated_bar_rate=_ratio(sum(some for some, _ in repeated), sum(total for _, total in repeated)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def pitched_notes(score: Score) -> Iterator[Note]:
    """Yield the notes of all tracks except drums, one track after the other."""
    for track in score.tracks:
        if not track.is_drum:
            yield from track.notes


def groove_consistency(score: Score) -> float | None:
    """Return the similarity of onsets in adjacent bars, 1 if equal; None without adjacent bars of equal length.

        1 - mean over adjacent bars of |onsets in exactly one of the two| / steps of a bar

    where a quarter note has `DEFAULT_GRID` steps on any grid: on a finer grid the value would be higher.
    """
    bars = [{onset for _, onset, _, _ in bar} for bar in _bars(score)]
    lengths = [stop - start for start, stop in pairwise(score.bar_starts)]
    complete = 1 if score.pickup else 0
    neighbours = pairwise(zip(bars[complete:], lengths[complete:], strict=True))
    differences = [
        len(bar ^ following) / (length * DEFAULT_GRID / score.grid)
        for (bar, length), (following, following_length) in neighbours
        if length == following_length
    ]
    return 1 - sum(differences) / len(differences) if differences else None


def polyphony(score: Score) -> float | None:
    """Return the mean number of simultaneous notes while any sounds; None without notes."""
    notes = sorted(pitched_notes(score))
    covered = end = 0
    for note in notes:
        covered += max(0, note.end - max(note.onset, end))
        end = max(end, note.end)
    return _ratio(sum(note.duration for note in notes), covered)


def num_empty_bars(score: Score) -> int:
    """Return the number of bars in which nothing sounds."""
    sounding: set[int] = set()
    for note in score.notes:
        sounding.update(range(bar_at(score, note.onset), bar_at(score, note.end - 1) + 1))
    return len(score) - len(sounding)


def longest_repetition(score: Score) -> int:
    """Return the largest number of consecutive notes of equal pitch and duration in one track without a rest."""
    longest = 0
    for track in score.tracks:
        runs: dict[tuple[int, int], tuple[int, int]] = {}  # (pitch, duration) -> end of the last note, number of notes
        for note in track.notes if not track.is_drum else ():
            end, length = runs.get((note.pitch, note.duration), (None, 0))
            length = length + 1 if end == note.onset else 1
            runs[note.pitch, note.duration] = note.end, length
            longest = max(longest, length)
    return longest


def repeated_bars(score: Score) -> tuple[int, int]:
    """Return the number of bars that equal an earlier one, and of all bars; only bars in which notes begin count."""
    lengths = (stop - start for start, stop in pairwise(score.bar_starts))
    bars = [(length, frozenset(bar)) for length, bar in zip(lengths, _bars(score), strict=True) if bar]
    return len(bars) - len(set(bars)), len(bars)


def _bars(score: Score) -> list[list[tuple[int, int, int, int]]]:
    """Return the notes that begin in each bar as (track, onset in the bar, duration, pitch)."""
    bars: list[list[tuple[int, int, int, int]]] = [[] for _ in score.bars]
    for place, track in enumerate(score.tracks):
        for note in track.notes:
            index = bar_at(score, note.onset)
            bars[index].append((place, note.onset - score.bar_starts[index], note.duration, note.pitch))
    return bars


def _scale_consistency(classes: Counter[int]) -> float:
    return max(sum(classes[(tonic + step) % 12] for step in SCALE) for tonic in range(12)) / classes.total()


def _entropy(classes: Counter[int]) -> float:
    shares = [amount / classes.total() for amount in classes.values()]
    return sum(-share * math.log2(share) for share in shares)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _ratio(sum(known), len(known))


def _ratio(amount: float, total: float) -> float | None:
    return amount / total if total else None
