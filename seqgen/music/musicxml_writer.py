"""Scores -> MusicXML, through music21, with every sign written explicitly."""

from bisect import bisect_right
from fractions import Fraction
from typing import Any

from seqgen.music import drum_notation
from seqgen.music.beams import beat_quarters
from seqgen.music.instruments import names_of
from seqgen.music.midi_writer import channels_of
from seqgen.music.score import Score, Track
from seqgen.music.staves import music21, staff_of
from seqgen.music.voices import hands_of


def rendered(score: Score) -> bytes:
    """Return a MusicXML file: numbered measures, 0 for the pickup; a wide keyboard part has two staves.

    Raises:
        MusicError: a note is too short for any notehead.
    """
    whole = music21().stream.Score()
    parts = zip(score.tracks, names_of(score.tracks), channels_of(score.tracks), strict=True)
    for number, (track, name, channel) in enumerate(parts, 1):
        written = drum_notation.without_keys(score) if track.is_drum else score
        staves = [staff_of(written, notes, is_drum=track.is_drum) for notes in hands_of(track)]
        for staff in staves:
            staff.partName = name
            staff.insert(0, _instrument(track, name, channel, f"P{number}"))
            whole.insert(0, staff)
        if len(staves) > 1:
            whole.insert(0, music21().layout.StaffGroup(staves, symbol="brace"))
    _add_tempos(score, whole.parts.first())
    exporter = music21().musicxml.m21ToXml.ScoreExporter(whole, makeNotation=False)
    root = exporter.parse()
    placeholders = root.find("movement-title"), root.find("identification/creator")  # "Music21 Fragment", "Music21"
    root.find("identification").remove(placeholders[1])
    if score.title:
        placeholders[0].text = score.title
    else:
        root.remove(placeholders[0])
    for track, part, description in zip(score.tracks, root.iter("part"), root.iter("score-part"), strict=True):
        if track.is_drum:
            drum_notation.rewrite(part, description)
    content: bytes = exporter.asBytes()
    return content


def _instrument(track: Track, name: str, channel: int, identity: str) -> Any:
    """Return a generic music21 instrument; its specific classes transpose, or are drums."""
    instrument = music21().instrument.Instrument(name)
    instrument.partId, instrument.instrumentId = identity, f"{identity}-I1"
    instrument.midiProgram, instrument.midiChannel = track.program, channel - 1
    instrument.autoAssignMidiChannel = lambda **_: None  # channels may be shared
    return instrument


def _add_tempos(score: Score, part: Any) -> None:
    """Add the tempos to the measures of the first part, in beats of the metre."""
    measures = part.getElementsByClass(music21().stream.Measure)
    for onset, quarters_per_minute in score.tempos:
        place = bisect_right(score.bar_starts[1:-1], onset)
        beat = beat_quarters(score.bars[place])
        beats_per_minute = float(
            f"{float(quarters_per_minute / beat):.5g}"
        )  # 76 becomes 75.99997 in MIDI's microseconds
        mark = music21().tempo.MetronomeMark(number=beats_per_minute, referent=music21().duration.Duration(beat))
        start = max(score.bar_starts[place], score.start)
        measures[place].insert(Fraction(max(onset - start, 0), score.grid), mark)
