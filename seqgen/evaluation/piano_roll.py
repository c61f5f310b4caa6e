"""A piece of music as the data of a piano roll in a page."""

from collections.abc import Iterable, Sequence
from typing import Any

from seqgen.music.instruments import names_of
from seqgen.music.score import Score


def roll(score: Score, notes: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """Return the data as plain JSON values.

    Args:
        score: the music.
        notes: of each note what identifies it, onset and duration in steps, pitch, index of the track, and possibly
            more.
    """
    return {
        "grid": score.grid,
        "start": score.start,
        "bars": score.bar_starts,
        "tracks": names_of(score.tracks),
        "notes": [list(note) for note in notes],
    }
