"""One staff as music21 measures, including beams and accidentals."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import groupby
from typing import Any

from seqgen.music.accidentals import Accidentals, sharps_at
from seqgen.music.beams import beams
from seqgen.music.clefs import clef_of
from seqgen.music.engraving import Symbol, bars_of
from seqgen.music.score import Note, Score
from seqgen.music.theory import spelled
from seqgen.music.voices import voices_of


def music21() -> Any:
    """Return the library, which is slow to load and only partly typed."""
    import music21

    return music21


def staff_of(score: Score, notes: Sequence[Note], *, is_drum: bool) -> Any:
    """Return a music21 part for notes of one track, in as many voices as necessary.

    Raises:
        MusicError: a note is too short for any notehead.
    """
    staff = music21().stream.PartStaff()
    voices = [bars_of(score, voice) for voice in voices_of(notes)]
    for place, written in enumerate(zip(*voices, strict=True)):
        sounding = [symbols for symbols in written if any(symbol.notes for symbol in symbols)] or written[:1]
        staff.append(_measure(score, place, sounding))
    measures = staff.getElementsByClass(music21().stream.Measure)
    clef = "Percussion" if is_drum else clef_of(notes)
    measures[0].clef = getattr(music21().clef, f"{clef}Clef")()
    measures[-1].rightBarline = music21().bar.Barline("final")
    return staff


def _measure(score: Score, place: int, voices: Sequence[list[Symbol]]) -> Any:
    bar, before = score.bars[place], score.bars[place - 1] if place else None
    measure = music21().stream.Measure(number=place if score.pickup else place + 1)
    if place == 0 and score.pickup:
        measure.showNumber = music21().stream.enums.ShowNumber.NEVER
    if not before or bar[:2] != before[:2]:
        measure.timeSignature = music21().meter.TimeSignature(f"{bar.numerator}/{bar.denominator}")
    if not before or bar.sharps != before.sharps:
        measure.keySignature = music21().key.KeySignature(bar.sharps)
    if score.bar_starts[place] >= score.start and not any(symbol.notes for symbol in voices[0]):
        measure.append(music21().note.Rest(Fraction(bar.num_steps(score.grid), score.grid), fullMeasure=True))
        return measure
    elements = _BarWriter(score, place).elements(voices)
    if len(voices) == 1:
        measure.insert(elements[0])
        return measure
    for number, column in enumerate(elements, 1):
        voice = music21().stream.Voice(id=number)
        voice.insert(column)
        measure.insert(0, voice)
    return measure


class _BarWriter:
    """Converts the symbols of one bar, whose voices share its accidentals."""

    def __init__(self, score: Score, place: int) -> None:
        self._score = score
        self._bar = score.bars[place]
        self._start = score.bar_starts[place]
        self._accidentals = Accidentals(self._bar.sharps)

    def elements(self, voices: Sequence[Sequence[Symbol]]) -> list[list[Any]]:
        """Return for each voice the offsets in quarter notes, each followed by the music21 note, chord or rest.

        Rests of the lower voices are omitted, except within tuplets.
        """
        written: list[list[Any]] = [[None] * len(symbols) for symbols in voices]
        entries = [
            (symbol, number, place) for number, symbols in enumerate(voices) for place, symbol in enumerate(symbols)
        ]
        for symbol, number, place in sorted(
            entries, key=lambda entry: entry[0].start
        ):  # in the order in which accidentals are read
            if symbol.notes:
                written[number][place] = self._sound(symbol)
            elif not number or symbol.tuplet:
                written[number][place] = music21().note.Rest(duration=self._duration(symbol), fullMeasure=False)
        for elements, symbols in zip(written, voices, strict=True):
            groups = [group for group in beams(symbols, self._bar, self._start, self._score.grid) if len(group) > 1]
            for group in groups:
                self._beam([elements[place] for place in group], [symbols[place] for place in group])
            _bracket(elements, symbols, groups)
        return [self._with_offsets(*column) for column in zip(written, voices, strict=True)]

    def _with_offsets(self, elements: Iterable[Any], symbols: Iterable[Symbol]) -> list[Any]:
        origin = max(self._start, self._score.start)
        return [
            entry
            for element, symbol in zip(elements, symbols, strict=True)
            if element is not None
            for entry in (Fraction(symbol.start - origin, self._score.grid), element)
        ]

    def _sound(self, symbol: Symbol) -> Any:
        notes = [self._note(note, symbol) for note in symbol.notes]
        element = music21().chord.Chord(notes) if len(notes) > 1 else notes[0]
        element.duration = self._duration(symbol)
        return element

    def _note(self, note: Note, symbol: Symbol) -> Any:
        letter, alteration, octave = spelled(note.pitch, sharps_at(self._score, note.onset))
        is_held = note.onset < symbol.start
        # The accidental of a note that is tied across a bar line still applies to it.
        is_signed = (not is_held or symbol.start > self._start) and self._accidentals.note(letter, alteration, octave)
        written = music21().pitch.Pitch(step=letter, octave=octave)
        if alteration or is_signed:
            written.accidental = music21().pitch.Accidental(alteration)
            written.accidental.displayStatus = is_signed
        element = music21().note.Note(written)
        if is_held or note.end > symbol.end:
            element.tie = music21().tie.Tie("start" if not is_held else "continue" if note.end > symbol.end else "stop")
        return element

    def _duration(self, symbol: Symbol) -> Any:
        quarters, num_dots = symbol.notehead(self._score.grid)
        written = music21().duration.Duration(type=_type(quarters), dots=num_dots)
        if symbol.tuplet:
            start, end, actual, normal = symbol.tuplet
            unit = _type(Fraction(end - start, normal * self._score.grid))
            written.appendTuplet(music21().duration.Tuplet(actual, normal, unit, unit))
        return written

    def _beam(self, elements: Sequence[Any], symbols: Sequence[Symbol]) -> None:
        """Join notes with one beam per flag; a flag that no neighbour has becomes a partial beam."""
        flags = [symbol.notehead(self._score.grid)[0].denominator.bit_length() - 1 for symbol in symbols]
        for place, element in enumerate(elements):
            before = flags[place - 1] if place else 0
            after = flags[place + 1] if place + 1 < len(flags) else 0
            for level in range(1, flags[place] + 1):
                joins = (before >= level, after >= level)
                if any(joins):
                    element.beams.append({(0, 1): "start", (1, 1): "continue", (1, 0): "stop"}[joins])
                else:
                    element.beams.append("partial", "left" if before else "right")


@cache
def _type(quarters: Fraction) -> str:
    """Return music21's name of a notehead value."""
    types: dict[str, float] = music21().duration.typeToDuration
    return next(name for name, value in types.items() if value == quarters)


def _bracket(elements: Sequence[Any], symbols: Sequence[Symbol], groups: Sequence[Sequence[int]]) -> None:
    """Mark the beginning and end of each tuplet; it has a bracket unless one beam joins it."""
    for tuplet, places in groupby(range(len(symbols)), lambda place: symbols[place].tuplet):
        if not tuplet:
            continue
        members = list(places)
        for place in members:
            elements[place].duration.tuplets[0].bracket = members not in groups
            elements[place].duration.tuplets[0].placement = None  # on the side of the beam
        elements[members[-1]].duration.tuplets[0].type = "stop"
        elements[members[0]].duration.tuplets[0].type = "start" if len(members) > 1 else "startStop"
