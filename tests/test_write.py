"""Written files of music: other programs read back every note."""

import io
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from xml.etree import ElementTree

import music21
import pytest
import symusic
from hypothesis import assume, given, settings

from seqgen.errors import MusicError, UsageError
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of
from seqgen.music.write import SUFFIXES, rendered
from tests.scores import melody, scores


def changes(score, place):
    """Return the changes of a property of the bars, with their steps."""
    values = list(zip(score.bar_starts, (bar[place] for bar in score.bars), strict=False))
    return [new for old, new in zip([(0, None), *values], values, strict=False) if old[1] != new[1]]


@given(score=scores())
def test_midi_is_read_back_exactly_by_symusic(score):
    found = symusic.Score.from_midi(rendered(score, ".mid"))
    ticks = found.tpq // score.grid
    assert [
        (track.is_drum, 0 if track.is_drum else track.program, sorted(tuple_of(note, ticks) for note in track.notes))
        for track in found.tracks
    ] == [(track.is_drum, track.program, sorted(map(tuple, track.notes))) for track in score.tracks]
    metres = [(time.time // ticks, (time.numerator, time.denominator)) for time in found.time_signatures]
    assert metres == changes(score, slice(2))
    assert [(key.time // ticks, key.key) for key in found.key_signatures] == changes(score, 2)


def tuple_of(note, ticks):
    return note.time / ticks, note.duration / ticks, note.pitch, note.velocity


def test_midi_has_names_and_tempos_and_ends_with_the_last_bar():
    score = Score(
        (Bar(), Bar()),
        (track_of([Note(36, 6, 60)], "Flöte", 73), Track((), "silent")),
        pickup=12,
        tempos=(Tempo(0, 100.0), Tempo(50, 60.5)),
    )
    content = rendered(score, ".MIDI")
    found = symusic.Score.from_midi(content)
    assert [track.name for track in found.tracks] == ["Flöte"]
    tempos = [(tempo.time * 12 // found.tpq, round(tempo.qpm, 3)) for tempo in found.tempos]
    assert tempos == [(0, 100.0), (50, 60.5)]
    file = music21.midi.MidiFile()
    file.readstr(content)
    for track in file.tracks:
        assert sum(event.time for event in track.events if event.isDeltaTime()) == 96 * file.ticksPerQuarterNote // 12


def test_music21_reads_the_same_midi():
    score = melody([(0, 12, 60), (12, 3, 60), (15, 9, 60), (15, 39, 64), (60, 4, 67)])
    file = music21.midi.MidiFile()
    file.readstr(rendered(score, ".mid"))
    assert sum(sounding(music21.midi.translate.midiFileToStream(file), 12), Counter()) == notes_of(score)


def test_tracks_share_channels_only_if_there_are_too_many():
    def channels(programs):
        tracks = (*(track_of([Note(0, 12, 60)], program=program) for program in programs),)
        file = music21.midi.MidiFile()
        file.readstr(rendered(Score((Bar(),), (*tracks, track_of([Note(0, 12, 36)], is_drum=True))), ".mid"))
        return [track.getChannels()[-1] for track in file.tracks[1:]]

    assert channels([0] * 15) == [*range(1, 10), *range(11, 17), 10]
    assert channels([5, 6] * 8) == [1, 2] * 8 + [10]
    assert channels(range(17)) == [*range(1, 10), *range(11, 17), 1, 2, 10]


def test_a_tempo_outside_the_range_of_midi_is_rejected():
    with pytest.raises(MusicError, match="2 quarter notes per minute is not in 4 to 60,000,000"):
        rendered(melody(tempos=(Tempo(0, 2.0),)), ".mid")


def sounding(stream, grid, start=0):
    """Return the notes of each part that music21 reads, ties joined."""
    parts = []
    for part in stream.parts:
        notes, held = [], {}
        for element in part.flatten().notes:
            for note in getattr(element, "notes", [element]):
                begin = Fraction(element.offset) * grid + start
                end = begin + Fraction(element.quarterLength) * grid
                tie = note.tie.type if note.tie else ""
                pitch = note.pitch.midi
                place = held.pop(pitch, None) if tie in ("stop", "continue") else None
                if place is None:
                    place = len(notes)
                    notes.append([begin, end, pitch])
                assert notes[place][1] == (end if notes[place][0] == begin else begin), "a tie leads nowhere"
                notes[place][1] = end
                if tie in ("start", "continue"):
                    held[pitch] = place
        parts.append(Counter(map(tuple, notes)))
    return parts


def notes_of(score):
    return Counter((note.onset, note.end, note.pitch) for note in score.notes)


@given(score=scores())
@settings(max_examples=25)
def test_musicxml_is_read_back_exactly_by_music21(score):
    assume(score.pickup != 4 * score.grid)  # music21 reads a whole rest as a whole bar, in a pickup too
    score = replace(score, tracks=tuple(replace(track, is_drum=False) for track in score.tracks))  # it warns of drums
    stream = music21.converter.parseData(rendered(score, ".musicxml").decode(), format="musicxml")
    assert sum(sounding(stream, score.grid, score.start), Counter()) == notes_of(score)


def xml_of(score):
    return ElementTree.fromstring(rendered(score, ".xml"))


def texts(element, path):
    return [found.text for found in element.findall(path)]


def test_musicxml_has_the_elements_of_notation():
    notes = [(24, 12, 61), (36, 4, 62), (40, 4, 64), (44, 4, 66), (48, 6, 61), (54, 6, 61), (60, 60, 65)]
    bars = (Bar(3, 4, 2), Bar(3, 4, 2), Bar(3, 4, 2), Bar(6, 8, -1))
    score = Score(
        bars, (track_of([Note(*note) for note in notes], "Melody", 40),), 12, (Tempo(0, 90.0), Tempo(108, 60.0))
    )
    root = xml_of(score)
    measures = root.findall("part/measure")
    assert [(measure.get("number"), measure.get("implicit")) for measure in measures] == [("0", "yes")] + [
        (number, "no") for number in "123"
    ]
    assert texts(root, ".//part-name") == ["Melody"]
    assert texts(root, ".//midi-program") == ["41"]
    assert texts(root, ".//fifths") == ["2", "-1"]
    assert texts(root, ".//beats") == ["3", "6"]
    assert texts(root, ".//per-minute") == ["90", "40"]
    assert texts(root, ".//beat-unit") == ["quarter", "quarter"]
    assert len(root.findall(".//beat-unit-dot")) == 1
    assert texts(root, ".//clef/sign") == ["G"]
    assert texts(measures[1], "note/type") == ["eighth"] * 5 + ["quarter"]
    assert texts(measures[1], "note/beam") == ["begin", "continue", "end", "begin", "end"]
    assert texts(root, ".//accidental") == ["natural"]  # not the sharps of the key, nor the F that is tied on
    assert [tuplet.get("type") for tuplet in root.iter("tuplet")] == ["start", "stop"]
    assert [tied.get("type") for tied in root.iter("tied")] == ["start", "stop", "start", "stop"]
    assert texts(measures[3], ".//bar-style") == ["light-heavy"]
    assert [measure.find("note/rest").get("measure") for measure in measures[3:]] == [None]
    assert b"Music21" not in rendered(score, ".musicxml")


def test_musicxml_has_voices_and_hands():
    together = [Note(0, 48, 60), Note(0, 12, 72), Note(12, 36, 74)]
    violin = xml_of(Score((Bar(),), (track_of(together, program=40),)))
    assert texts(violin, ".//voice") == ["1", "1", "2"]
    assert texts(violin, ".//part-name") == ["Strings"]
    piano = xml_of(Score((Bar(),), (track_of([*together, Note(0, 48, 40)]),)))
    assert texts(piano, ".//clef/sign") == ["G", "F"]
    assert texts(piano, ".//staves") == ["2"]
    assert len(piano.findall("part")) == 1


def test_musicxml_of_drums_has_staff_positions_and_instruments():
    root = xml_of(
        Score((Bar(sharps=6),), (track_of([Note(0, 24, 36), Note(24, 24, 42), Note(24, 24, 90)], is_drum=True),))
    )
    assert not root.findall(".//pitch")
    assert not root.findall(".//accidental")
    assert texts(root, ".//fifths") == ["0"]
    assert texts(root, ".//clef/sign") == ["percussion"]
    places = [place.findtext("display-step") + place.findtext("display-octave") for place in root.iter("unpitched")]
    assert places == ["F4", "B4", "G5"]
    assert [instrument.get("id") for instrument in root.iter("instrument")] == ["P1-D36", "P1-D90", "P1-D42"]
    assert texts(root, ".//instrument-name") == ["Bass drum", "Closed hi-hat", "Percussion 90"]
    assert texts(root, ".//midi-unpitched") == ["37", "43", "91"]
    assert texts(root, ".//midi-channel") == ["10"] * 3
    assert texts(root, ".//notehead") == ["x", "x"]


def test_musicxml_of_many_tracks_has_no_channels(capfd):
    score = Score((Bar(),), tuple(track_of([Note(0, 12, 60)], f"\0{number}") for number in range(20)))
    assert texts(xml_of(score), ".//part-name") == [str(number) for number in range(20)]
    assert capfd.readouterr() == ("", "")


def test_the_same_score_gives_the_same_bytes():
    score = Score((Bar(),), (track_of([Note(0, 12, 72), Note(0, 12, 40)]), track_of([Note(0, 12, 60)])))
    assert all(rendered(score, suffix) == rendered(score, suffix) for suffix in SUFFIXES)


def test_scores_that_cannot_be_written_are_rejected():
    with pytest.raises(UsageError, match=r"as \.mid, \.midi, \.musicxml, \.xml, \.abc, \.wav or \.png, got '\.ogg'"):
        rendered(melody(), ".ogg")
    for score in (Score((), (Track(()),)), Score((Bar(),), ())):
        with pytest.raises(MusicError, match="without bars or without tracks"):
            rendered(score, ".mid")
    with pytest.raises(MusicError, match="at most 7 sharps or flats"):
        rendered(Score((Bar(sharps=8),), (Track(()),)), ".abc")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_silence_can_be_written(suffix):
    assert rendered(Score((Bar(), Bar(5, 8)), (Track(()), Track((), is_drum=True)), pickup=12), suffix)


def test_a_picture_is_a_png():
    assert io.BytesIO(rendered(melody(), ".png", 24)).read(8) == b"\x89PNG\r\n\x1a\n"
