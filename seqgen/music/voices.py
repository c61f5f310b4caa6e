"""Divides the notes of a track, which may overlap, into hands, and into voices of chords, which do not overlap."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from seqgen.music.score import Note, Track

MAX_VOICES = 4  # per staff, the limit of most notation programs
_MIDDLE_C = 60
KEYBOARDS = {*range(8), *range(16, 24), 46}  # General MIDI programs: pianos, organs and the harp


class Chord(NamedTuple):
    """Notes that begin and end together in one voice.

    Attributes:
        start: in steps.
        end: in steps.
        notes: in descending pitch; some may begin earlier or end later. Empty for a rest.
    """

    start: int
    end: int
    notes: tuple[Note, ...]

    @property
    def height(self) -> float:
        """The mean of its pitches."""
        return fmean(note.pitch for note in self.notes)


def hands_of(track: Track) -> list[list[Note]]:
    """Return the notes of each staff: two, split at middle C, for a keyboard with chords far above and below it."""
    notes = list(track.notes)
    is_keyboard = not track.is_drum and track.program in KEYBOARDS
    is_wide = any(note.pitch < _MIDDLE_C - 5 for note in notes) and any(note.pitch > _MIDDLE_C + 5 for note in notes)
    if is_keyboard and is_wide and any(note.end > following.onset for note, following in pairwise(notes)):
        return [[note for note in notes if (note.pitch < _MIDDLE_C) == is_left] for is_left in (False, True)]
    return [notes]


def voices_of(notes: Sequence[Note]) -> list[list[Chord]]:
    """Return the notes as voices, from the highest down, in which one chord ends before the next begins.

    Notes of equal onset and duration form a chord. Overlapping chords are distributed among voices. If these would be
    more than `MAX_VOICES`, the notes are divided wherever one begins or ends, into chords with ties between them.
    """
    together: dict[tuple[int, int], list[Note]] = {}
    for note in notes:
        together.setdefault((note.onset, note.end), []).append(note)
    chords = [Chord(start, end, tuple(chord)) for (start, end), chord in together.items()]
    chords.sort(key=lambda chord: (chord.start, -chord.notes[0].pitch))
    voices: list[list[Chord]] = [[]]
    for stretch in _stretches(chords):
        spread = _spread(stretch)
        if len(spread) > MAX_VOICES:
            spread = [_sliced(stretch)]
        voices += [[] for _ in range(len(spread) - len(voices))]
        for voice, part in zip(voices, spread, strict=False):
            voice += part
    return voices


def _stretches(chords: Iterable[Chord]) -> Iterator[list[Chord]]:
    """Yield the chords in groups across whose boundaries no note is sustained."""
    stretch: list[Chord] = []
    end = 0
    for chord in chords:
        if stretch and chord.start >= end:
            yield stretch
            stretch = []
        stretch.append(chord)
        end = max(end, chord.end)
    if stretch:
        yield stretch


def _spread(stretch: list[Chord]) -> list[list[Chord]]:
    """Return as few voices as possible; each chord continues the free voice whose last chord is nearest in pitch."""
    if len(stretch) == 1:
        return [stretch]
    voices: list[list[Chord]] = []
    for chord in stretch:
        free = [voice for voice in voices if voice[-1].end <= chord.start]
        if free:
            min(free, key=lambda voice: abs(voice[-1].height - chord.height)).append(chord)
        else:
            voices.append([chord])
    return sorted(voices, key=lambda voice: -fmean(chord.height for chord in voice))


def _sliced(stretch: list[Chord]) -> list[Chord]:
    notes = sorted((note for chord in stretch for note in chord.notes), key=lambda note: -note.pitch)
    times = sorted({time for note in notes for time in (note.onset, note.end)})
    return [
        Chord(start, end, tuple(note for note in notes if note.onset <= start < note.end))
        for start, end in pairwise(times)
    ]
