"""Consecutive notes of a voice in ABC: their accidentals, ties and broken rhythm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from seqgen.music.abc_settings import Settings
from seqgen.music.abc_tokens import WrittenPitch
from seqgen.music.measures import WrittenNote
from seqgen.music.theory import NATURALS


class ChordNote(NamedTuple):
    """A note, which may be one of a chord.

    Attributes:
        pitch: as written.
        units: its length in unit lengths.
        ties: whether a tie begins.
    """

    pitch: WrittenPitch
    units: float
    ties: bool = False


@dataclass
class _Sound:
    """A note as it sounds; the length is relative to that of its chord."""

    name: tuple[str, int]
    alteration: int
    pitch: int
    relative_length: float
    ties: bool


@dataclass
class _Event:
    """A note, a chord or a rest; times are in quarter notes from the beginning of the measure."""

    offset: float
    quarters: float
    sounds: list[_Sound] = field(default_factory=list)


class Layer:
    """Notes of a measure that follow each other; an overlay adds a layer to a measure.

    Args:
        before: the layer of the previous measure that continues here.

    Attributes:
        quarters: length so far, in quarter notes.
    """

    def __init__(self, before: "Layer | None" = None) -> None:
        self.quarters = 0.0
        self._events: list[_Event] = []
        self._last: _Event | None = before._last if before else None
        self._accidentals: dict[str, int] = {}  # letter -> alteration
        self._broken = (1.0, 1.0)  # factors of the last and the next length

    def add(self, notes: Sequence[ChordNote], quarters: float, settings: Settings) -> None:
        """Add simultaneous notes, or a rest; the first note has this length."""
        quarters *= self._broken_factor(quarters)
        event = _Event(self.quarters, quarters)
        for pitch, units, ties in notes:
            alteration = self._alteration(pitch, settings)
            sounding = 12 * (pitch.octave + 1) + NATURALS[pitch.letter] + alteration + settings.semitones
            name = (pitch.letter, pitch.octave)
            event.sounds.append(_Sound(name, alteration, sounding, units / notes[0].units, ties))
        self.quarters += event.quarters
        self._last = event
        self._events.append(event)

    def tie(self) -> None:
        """Tie the last notes to the next."""
        for sound in self._last.sounds if self._last else ():
            sound.ties = True

    def break_rhythm(self, signs: str) -> None:
        """Lengthen the last note and shorten the next (`>`), or the reverse (`<`)."""
        shorter = 0.5 ** min(len(signs), 3)
        self._broken = (2 - shorter, shorter) if signs[0] == ">" else (shorter, 2 - shorter)

    def revoke_accidentals(self) -> None:
        """Return to the alterations of the key."""
        self._accidentals.clear()

    def notes(self) -> Iterator[WrittenNote]:
        """Yield all notes."""
        for event in self._events:
            for sound in event.sounds:
                yield WrittenNote(event.offset, event.quarters * sound.relative_length, sound.pitch, sound.ties)

    def _broken_factor(self, quarters: float) -> float:
        """Return the factor of the next length; rhythm is broken between equal lengths of a measure only."""
        (before, after), self._broken = self._broken, (1.0, 1.0)
        if not self._events or self._events[-1].quarters != quarters:
            return 1.0
        self.quarters += quarters * (before - 1)
        self._events[-1].quarters *= before
        return after

    def _alteration(self, pitch: WrittenPitch, settings: Settings) -> int:
        """Return the alteration of a note.

        An accidental applies to all octaves up to the bar line; a tied note keeps its own across the bar line.
        """
        if pitch.accidental is not None:
            if settings.has_bar_lines:
                self._accidentals[pitch.letter] = pitch.accidental
            return pitch.accidental
        for before in self._last.sounds if self._last else ():
            if before.ties and before.name == (pitch.letter, pitch.octave):
                return before.alteration
        return self._accidentals.get(pitch.letter, settings.key.alterations[pitch.letter])
