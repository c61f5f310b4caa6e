"""Parallel fifths and octaves, which the part writing of chorales avoids."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

from seqgen.music.melody import top_line
from seqgen.music.score import Note, Score

_FIFTH, _OCTAVE = 7, 0  # semitones, without octaves


class Parallels(NamedTuple):
    """Parallels between the highest notes of tracks.

    Attributes:
        fifths: number of pairs of parts that move from a perfect fifth to another in the same direction.
        octaves: the same for octaves and unisons.
        num_moves: number of times at which at least two parts move to other pitches, without a rest before.
    """

    fifths: int
    octaves: int
    num_moves: int


def parallels(scores: Iterable[Score]) -> Parallels:
    """Count the parallels of pieces together."""
    counts = [0, 0, 0]
    for score in scores:
        lines = [top_line(track) for track in score.tracks if not track.is_drum]
        for moves in _moves(lines):
            pairs = [
                (upper, lower)
                for upper, lower in combinations(moves, 2)
                if (upper[1] > upper[0]) == (lower[1] > lower[0])
            ]
            for place, interval in enumerate((_FIFTH, _OCTAVE)):
                counts[place] += sum(_is_parallel(*pair, interval) for pair in pairs)
            counts[2] += 1
    return Parallels(*counts)


def _moves(lines: Sequence[Sequence[Note]]) -> Iterator[list[tuple[int, int]]]:
    """Yield for each time at which several parts move the pitches before and after of these parts, from the top."""
    by_time: dict[int, list[tuple[int, int]]] = {}
    for line in lines:
        for before, after in pairwise(line):
            if before.end >= after.onset and before.pitch != after.pitch:
                by_time.setdefault(after.onset, []).append((before.pitch, after.pitch))
    yield from (moves for moves in by_time.values() if len(moves) > 1)


def _is_parallel(upper: tuple[int, int], lower: tuple[int, int], interval: int) -> bool:
    return all((high - low) % 12 == interval for high, low in zip(upper, lower, strict=True))
