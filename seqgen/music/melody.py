"""The top line of a track: its melody, and what stays of it when it is transposed."""

from bisect import bisect_right
from itertools import groupby, pairwise
from typing import NamedTuple

from seqgen.music.score import Note, Score, Track


class Melody(NamedTuple):
    """A track's top line, whatever key it is in.

    Attributes:
        moves: for each note but the first, the interval from the one before it, in semitones, and its duration, in
            quarters.
        bars: for each move, the number of the bar in which the note before it begins, as printed: 1 for the first one,
            0 for a pickup.
    """

    moves: tuple[tuple[int, float], ...]
    bars: tuple[int, ...]


def melodies(score: Score) -> list[Melody]:
    """Return the melodies of all tracks but drums."""
    first_number = 0 if score.pickup else 1
    result = []
    for track in score.tracks:
        if not track.is_drum:
            line = top_line(track)
            moves = ((note.pitch - before.pitch, note.duration / score.grid) for before, note in pairwise(line))
            bars = (first_number + bar_at(score, note.onset) for note in line[:-1])
            result.append(Melody(tuple(moves), tuple(bars)))
    return result


def top_line(track: Track) -> list[Note]:
    """Return the highest of the notes that begin at once, for each onset."""
    return [next(notes) for _, notes in groupby(track.notes, key=lambda note: note.onset)]


def bar_at(score: Score, step: int) -> int:
    """Return the index of the bar that has a step."""
    return bisect_right(score.bar_starts, step) - 1
