"""Melodies: the top lines of tracks, independent of key."""

from bisect import bisect_right
from itertools import groupby, pairwise
from typing import NamedTuple

from seqgen.music.score import Note, Score, Track


class Melody(NamedTuple):
    """The top line of a track, independent of key.

    Attributes:
        moves: for each note except the first, the interval from the note before in semitones, and its duration in
            quarter notes.
        bars: for each move, the printed number of the bar in which the note before begins: 1 for the first bar, 0 for a
            pickup.
    """

    moves: tuple[tuple[int, float], ...]
    bars: tuple[int, ...]


def melodies(score: Score) -> list[Melody]:
    """Return the melodies of all tracks except drums."""
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
    """Return the highest note at each onset."""
    return [next(notes) for _, notes in groupby(track.notes, key=lambda note: note.onset)]


def bar_at(score: Score, step: int) -> int:
    """Return the index of the bar that contains a step."""
    return bisect_right(score.bar_starts, step) - 1
