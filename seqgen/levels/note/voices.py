"""Tracks as voices: lines in which one chord ends before the next begins."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from seqgen.music.score import Note, Track


class Chord(NamedTuple):
    """Notes of one track that begin and end together.

    Attributes:
        onset: in steps.
        end: in steps.
        pitches: from the highest down.
        velocity: of all.
    """

    onset: int
    end: int
    pitches: tuple[int, ...]
    velocity: int

    @property
    def notes(self) -> list[Note]:
        """The notes, each by itself."""
        return [Note(self.onset, self.end - self.onset, pitch, self.velocity) for pitch in self.pitches]


Voice = list[Chord]


def voices_of(track: Track, *, by_velocity: bool) -> list[Voice]:
    """Divide a track among as few voices as hold it, each chord going to the first voice that is free.

    Args:
        track: the notes.
        by_velocity: whether notes of different velocity must not be in one chord; else it is that of the highest.
    """
    voices: list[Voice] = []
    for _, together in groupby(track.notes, key=lambda note: note.onset):
        for chord in _chords(list(together), by_velocity=by_velocity):
            free = next((voice for voice in voices if voice[-1].end <= chord.onset), None)
            if free is None:
                voices.append([chord])
            else:
                free.append(chord)
    return voices


def _chords(notes: Sequence[Note], *, by_velocity: bool) -> list[Chord]:
    """Return the chords of notes that begin at once, the one with the highest note first."""
    if len(notes) == 1:
        note = notes[0]
        return [Chord(note.onset, note.end, (note.pitch,), note.velocity)]
    alike: dict[tuple[int, int], list[Note]] = {}
    for note in notes:  # from the highest down
        alike.setdefault((note.end, note.velocity if by_velocity else 0), []).append(note)
    return [
        Chord(group[0].onset, end, tuple(n.pitch for n in group), group[0].velocity)
        for (end, _), group in alike.items()
    ]
