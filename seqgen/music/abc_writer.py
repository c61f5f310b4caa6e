"""Scores -> ABC, without music21, which does not write it."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count

from seqgen.music.accidentals import Accidentals, sharps_at
from seqgen.music.beams import beams, beat_quarters
from seqgen.music.clefs import COMMON, clef_of
from seqgen.music.engraving import Symbol, Tuplet, bars_of
from seqgen.music.instruments import names_of
from seqgen.music.midi_writer import DRUM_CHANNEL
from seqgen.music.score import Bar, Note, Score
from seqgen.music.theory import key_name, spelled
from seqgen.music.voices import Chord, hands_of, voices_of

_Staff = Sequence[tuple[int, Sequence[Chord]]]  # numbered voices

_UNIT = 8  # L:1/8, the note without a number
_BARS_PER_LINE = 4
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}
_UNSAFE = str.maketrans('"', "'", "\\%")  # these end a name, begin an escape or a comment


def rendered(score: Score) -> str:
    """Return a tune of ABC 2.1, one voice after the other; the voices of a track share its staff or its two staves.

    Tempo changes are written at the next bar line.

    Raises:
        MusicError: a note is too short for any notehead.
    """
    names = [name.translate(_UNSAFE) for name in names_of(score.tracks)]
    numbers = count(1)
    tracks = [
        [[(next(numbers), voice) for voice in voices_of(notes)] for notes in hands_of(track)] for track in score.tracks
    ]
    title = score.title.translate(_UNSAFE) or (names[0] if len(names) == 1 else "Untitled")
    lines = _header(score, title, [_group(staves) for staves in tracks])
    is_alone = next(numbers) == 2
    for track, name, staves in zip(score.tracks, names, tracks, strict=True):
        title = f' name="{name}"'
        for staff in staves:
            clef = "perc" if track.is_drum else clef_of(_notes(staff), COMMON).lower()
            for number, voice in staff:
                lines += [] if is_alone else [f"V:{number}{title} clef={clef}"]
                lines.append(f"%%MIDI channel {DRUM_CHANNEL}" if track.is_drum else f"%%MIDI program {track.program}")
                lines += _lines(score, bars_of(score, voice), has_tempos=number == 1)
                title = ""
    return "\n".join([*lines, ""])


def _header(score: Score, title: str, groups: Sequence[str]) -> list[str]:
    tempo = _tempo(score.tempos[0].quarters_per_minute, score.bars[0])
    lines = ["%abc-2.1", "X:1", f"T:{title}", _metre(score.bars[0]), f"L:1/{_UNIT}", tempo]
    lines += [] if all(map(str.isdigit, groups)) else [f"%%score {' '.join(groups)}"]
    return [*lines, _key(score.bars[0])]


def _group(staves: Sequence[_Staff]) -> str:
    """Return a track's part of `%%score`: parentheses group the voices of a staff, braces the staves of a track."""
    numbers = [[str(number) for number, _ in staff] for staff in staves]
    groups = [f"({' '.join(staff)})" if len(staff) > 1 else staff[0] for staff in numbers]
    return f"{{{' '.join(groups)}}}" if len(groups) > 1 else groups[0]


def _notes(staff: _Staff) -> Iterator[Note]:
    return (note for _, voice in staff for chord in voice for note in chord.notes)


def _metre(bar: Bar) -> str:
    return f"M:{bar.numerator}/{bar.denominator}"


def _key(bar: Bar) -> str:
    return f"K:{key_name(bar.sharps, 'major').split()[0]}"


def _tempo(quarters_per_minute: float, bar: Bar) -> str:
    beat = beat_quarters(bar)
    whole = beat / 4
    return f"Q:{whole.numerator}/{whole.denominator}={float(quarters_per_minute / beat):.5g}"


def _lines(score: Score, bars: Sequence[Sequence[Symbol]], *, has_tempos: bool) -> Iterator[str]:
    """Yield the lines of a voice: a few bars each, preceded by the fields that change."""
    line: list[str] = []
    for place, symbols in enumerate(bars):
        changes = list(_changes(score, place, has_tempos=has_tempos)) if place else []
        if line and (changes or len(line) == _BARS_PER_LINE):
            yield " ".join(line)
            line = []
        yield from changes
        line.append(_bar(score, place, symbols) + (" |" if place + 1 < len(bars) else " |]"))
    yield " ".join(line)


def _changes(score: Score, place: int, *, has_tempos: bool) -> Iterator[str]:
    bar, before = score.bars[place], score.bars[place - 1]
    if bar[:2] != before[:2]:
        yield _metre(bar)
    if bar.sharps != before.sharps:
        yield _key(bar)
    first, last = score.bar_starts[place - 1 : place + 1]
    tempos = [quarters_per_minute for onset, quarters_per_minute in score.tempos if first < onset <= last]
    if has_tempos and tempos:
        yield _tempo(tempos[-1], bar)


def _bar(score: Score, place: int, symbols: Sequence[Symbol]) -> str:
    """Return the notes of a bar; notes under one beam are not separated by spaces."""
    bar, start = score.bars[place], score.bar_starts[place]
    accidentals = Accidentals(bar.sharps)
    for note in symbols[0].notes if symbols else ():
        if note.onset < start:
            accidentals.hold(*spelled(note.pitch, sharps_at(score, note.onset))[:2])
    joined = {place for group in beams(symbols, bar, start, score.grid) for place in group[1:]}
    text = ""
    for number, symbol in enumerate(symbols):
        text += " " if number and number not in joined else ""
        if symbol.tuplet and (not number or symbols[number - 1].tuplet != symbol.tuplet):
            text += _opening(symbol.tuplet, sum(other.tuplet == symbol.tuplet for other in symbols))
        text += _sound(score, symbol, accidentals) + _length(symbol.written_quarters(score.grid))
        text += "-" if symbol.notes and all(note.end > symbol.end for note in symbol.notes) else ""
    return text


def _opening(tuplet: Tuplet, num_symbols: int) -> str:
    """Return the beginning of a tuplet: `(3` for three in the time of two, otherwise the ratio and number of notes."""
    ratio = (tuplet.actual, tuplet.normal, num_symbols)
    return "(3" if ratio == (3, 2, 3) else f"({':'.join(map(str, ratio))}"


def _sound(score: Score, symbol: Symbol, accidentals: Accidentals) -> str:
    """Return a rest, a note, or a chord in brackets; its notes have individual ties unless all are tied."""
    if len(symbol.notes) < 2:
        return _name(score, symbol.notes[0], accidentals, is_alone=True) if symbol.notes else "z"
    notes = symbol.notes[::-1]  # from the lowest up, which is the order of their accidentals
    is_held = [note.end > symbol.end for note in notes]
    names = [_name(score, note, accidentals, is_alone=False) for note in notes]
    ties = ["-" if held and not all(is_held) else "" for held in is_held]
    return f"[{''.join(name + tie for name, tie in zip(names, ties, strict=True))}]"


def _name(score: Score, note: Note, accidentals: Accidentals, *, is_alone: bool) -> str:
    """Return the name of a note, with a sign if needed; music21 carries none across chords or from doubles."""
    letter, alteration, octave = spelled(note.pitch, sharps_at(score, note.onset))
    needs_sign = accidentals.note if is_alone and abs(alteration) < 2 else accidentals.doubtful_note
    sign = _SIGNS[alteration] if needs_sign(letter, alteration, octave) else ""
    return sign + (letter + "," * (4 - octave) if octave <= 4 else letter.lower() + "'" * (octave - 5))


def _length(quarters: Fraction) -> str:
    units = quarters * _UNIT / 4
    if units.denominator == 1:
        return "" if units == 1 else str(units)
    return f"{'' if units.numerator == 1 else units.numerator}/{units.denominator}"
