"""The state that the fields of ABC determine, such as metre, key and clef."""

import re
from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from seqgen.music import notices
from seqgen.music.abc_fields import NO_KEY, AbcKey, Shift, key, metre, tempo
from seqgen.music.bars import fits
from seqgen.music.keys import transposed_key
from seqgen.music.midi_writer import DRUM_CHANNEL
from seqgen.music.score import Bar

_NAME = re.compile(r'\b(?:name|nm)\s*=\s*"([^"]*)"')
_DIRECTIVE = re.compile(r"MIDI\s*=?\s*(program|channel|transpose|nobarlines)(?:\s+(-?\d{1,3}))?(?:\s+(\d{1,3}))?")


class Settings(NamedTuple):
    """What the fields before a note determine.

    Attributes:
        bar: time and key signature as written.
        metre: length of a bar of rest, in whole notes.
        key: alterations of the key.
        unit: length of a note without a number in whole notes; None before the first L: field.
        shift: from written to sounding pitch, by fields.
        transposition: the same by a MIDI directive, in semitones.
        name: of the voice.
        program: General MIDI program, from 0.
        is_drum: whether the pitches are drums.
        has_bar_lines: whether accidentals apply up to the bar line; otherwise, they apply to a single note.
        tempo: quarter notes per minute, if a field states it.
    """

    bar: Bar = Bar()
    metre: Fraction = Fraction(1)
    key: AbcKey = NO_KEY
    unit: Fraction | None = None
    shift: Shift = Shift()
    transposition: int = 0
    name: str = ""
    program: int = 0
    is_drum: bool = False
    has_bar_lines: bool = True
    tempo: float | None = None

    @property
    def unit_length(self) -> Fraction:
        """The length of a note without a number in whole notes; by default, it follows from the metre."""
        if self.unit is not None:
            return self.unit
        return Fraction(1, 16) if self.metre < Fraction(3, 4) else Fraction(1, 8)

    @property
    def semitones(self) -> int:
        """From written to sounding pitch."""
        return self.shift.semitones + self.transposition

    @property
    def sounding_bar(self) -> Bar:
        """The time signature, and the key signature at sounding pitch."""
        return self.bar._replace(sharps=transposed_key(self.bar.sharps, self.semitones))

    def changed(self, letter: str, value: str, grid: int, counts: Counter[str]) -> "Settings":
        """Return the settings after a field.

        Args:
            letter: of the field; other fields than I, K, L, M, Q and V change nothing.
            value: of the field.
            grid: steps per quarter note, on which bars have to end.
            counts: updated with the number of unusable values.
        """
        if letter == "M":
            return self._with_metre(value, grid, counts)
        if letter == "L":
            unit = metre(value if "/" in value else f"{value}/1")
            return self._replace(unit=Fraction(*unit)) if unit else self
        if letter == "K":
            found = key(value) or self.key
            bar = self.bar._replace(sharps=found.sharps)
            return self._replace(key=found, bar=bar, shift=self.shift.changed(value))
        if letter == "V":
            name = _NAME.search(value)
            return self._replace(name=name[1] if name else self.name, shift=self.shift.changed(value))
        if letter == "Q":
            return self._replace(tempo=self._tempo(value, counts))
        return self._directed(value) if letter == "I" else self

    def _with_metre(self, value: str, grid: int, counts: Counter[str]) -> "Settings":
        """Return the settings with a metre; without a usable time signature, the measures have their own lengths."""
        found = metre(value)
        if not found:
            return self
        bar = self.bar._replace(numerator=found[0], denominator=found[1])
        is_usable = fits(bar, grid)
        counts[notices.METRE] += not is_usable
        return self._replace(metre=Fraction(*found), bar=bar if is_usable else self.bar)

    def _tempo(self, value: str, counts: Counter[str]) -> float | None:
        found = tempo(value, self.unit_length)
        counts[notices.TEMPO] += found is None and any(map(str.isdigit, value))
        return found

    def _directed(self, directive: str) -> "Settings":
        """Return the settings after a directive such as `MIDI program 40`; those for a channel are not for voices."""
        found = _DIRECTIVE.match(directive)
        if not found:
            return self
        name, number = found[1], int(found[2] or 0)
        if name == "nobarlines":
            return self._replace(has_bar_lines=False)
        if name == "program" and found[3] is None and 0 <= number < 128:
            return self._replace(program=number)
        if name == "channel":
            return self._replace(is_drum=number == DRUM_CHANNEL)
        return self._replace(transposition=number) if name == "transpose" else self
