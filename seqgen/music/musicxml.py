"""Scores -> MusicXML, through music21: every measure is engraved here, so that nothing is left for it to guess."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from seqgen.music import drum_notation
from seqgen.music.engraving import Accidentals, Piece, Tuplet, bars_of, beat_of
from seqgen.music.instruments import names_of
from seqgen.music.score import Bar, Note, Score, Track
from seqgen.music.theory import spelled
from seqgen.music.voices import voices_of

_MIDDLE_C = 60
_KEYBOARDS = {*range(8), *range(16, 24), 46}  # General MIDI: pianos, organs and the harp
_REACH = 8  # semitones from the middle line to the first ledger line
_CLEFS = {"TrebleClef": 71, "BassClef": 50, "Treble8vbClef": 59, "Treble8vaClef": 83, "Bass8vbClef": 38}  # middle lines
_COMMON = ("TrebleClef", "BassClef")
_RARER = 1.5  # semitones a note that another clef has to save


def rendered(score: Score) -> bytes:
    """Return a MusicXML file: parts of numbered measures, 0 for the pickup, a wide keyboard part on two staves.

    Raises:
        MusicError: a note is too short for any notehead.
    """
    from music21 import layout, stream
    from music21.musicxml.m21ToXml import ScoreExporter

    whole = stream.Score()
    names = names_of(score.tracks)
    for number, (track, name) in enumerate(zip(score.tracks, names, strict=True), 1):
        staves = [_staff(score, track, notes) for notes in _hands(track)]
        for staff in staves:
            staff.partName = name
            whole.insert(0, staff)
        staves[0].insert(0, _instrument(track, name, number))
        if len(staves) > 1:
            whole.insert(0, layout.StaffGroup(staves, symbol="brace"))
    _add_tempos(score, whole.parts.first())
    exporter = ScoreExporter(whole, makeNotation=False)
    root = exporter.parse()
    for header in (root, root.find("identification")):  # "Music21 Fragment" by "Music21"
        for element in [*header.findall("movement-title"), *header.findall("creator")]:
            header.remove(element)
    for track, part, description in zip(score.tracks, root.findall("part"), root.iter("score-part"), strict=True):
        if track.is_drum:
            drum_notation.rewrite(part, description)
    content: bytes = exporter.asBytes()
    return content


def _hands(track: Track) -> list[list[Note]]:
    """Return the notes of each staff: two, parted at middle C, for a keyboard that plays chords far to both sides."""
    notes = list(track.notes)
    is_keyboard = not track.is_drum and track.program in _KEYBOARDS
    is_wide = any(note.pitch < _MIDDLE_C - 5 for note in notes) and any(note.pitch > _MIDDLE_C + 5 for note in notes)
    if is_keyboard and is_wide and any(note.end > following.onset for note, following in pairwise(notes)):
        return [[note for note in notes if (note.pitch < _MIDDLE_C) == is_left] for is_left in (False, True)]
    return [notes]


def _instrument(track: Track, name: str, number: int) -> Any:
    """Return music21's plain instrument; those of its classes transpose, and some are drums."""
    from music21.instrument import Instrument

    instrument = Instrument(name)
    instrument.partId, instrument.instrumentId = f"P{number}", f"P{number}-I1"
    instrument.midiProgram = track.program
    instrument.midiChannel = DRUM_CHANNEL
    return instrument


def _staff(score: Score, notes: Sequence[Note]) -> Any:
    from music21 import bar, stream

    voices = [bars_of(score, voice) for voice in voices_of(notes)]
    staff = stream.PartStaff()
    before: Bar | None = None
    for place, written in enumerate(zip(*voices, strict=True)):
        measure = _measure(score, place, [pieces for pieces in written if any(piece.notes for piece in pieces)] or written[:1])
        staff.coreInsert(Fraction(...), measure)
    staff.coreElementsChanged()
    measure.rightBarline = bar.Barline("final")
    return staff
