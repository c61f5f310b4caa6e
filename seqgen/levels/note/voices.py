"""Tracks as voices: lines in which one chord ends before the next begins."""

from collections.abc import Sequence
from itertools import groupby

from seqgen.music.score import Note, Track
from seqgen.music.voices import Chord

Voice = list[Chord]


def assign_voices(track: Track, *, by_velocity: bool) -> list[Voice]:
    """Divide a track into the smallest number of voices, assigning each chord to the first free voice.

    Args:
        track: the notes.
        by_velocity: whether all notes of a chord have the same velocity; otherwise the highest note's velocity counts.
    """
    voices: list[Voice] = []
    for _, simultaneous in groupby(track.notes, key=lambda note: note.onset):
        for chord in _chords(list(simultaneous), by_velocity=by_velocity):
            free = next((voice for voice in voices if voice[-1].end <= chord.start), None)
            if free is None:
                voices.append([chord])
            else:
                free.append(chord)
    return voices


def _chords(notes: Sequence[Note], *, by_velocity: bool) -> list[Chord]:
    """Return the chords of simultaneous notes, ordered by their highest notes from the top."""
    groups: dict[tuple[int, int], list[Note]] = {}
    for note in notes:  # in descending pitch
        groups.setdefault((note.end, note.velocity if by_velocity else 0), []).append(note)
    return [Chord(group[0].onset, end, tuple(group)) for (end, _), group in groups.items()]
