"""MusicXML, plain and packed: sounding notes, and files that are rejected before music21 reads them."""

import io
import socket
import zipfile

import pytest

from seqgen.errors import MusicError
from seqgen.music import musicxml_document, musicxml_reader, notices
from seqgen.music.score import Bar, Note, Tempo

GRID = 12


def document(*measures, head="", name="Piano", doctype=""):
    """Return a file of one part."""
    content = "".join(f'<measure number="{number}">{measure}</measure>' for number, measure in enumerate(measures, 1))
    part = f'<part-list><score-part id="P1"><part-name>{name}</part-name>{head}</score-part></part-list>'
    return (
        f'<?xml version="1.0"?>{doctype}<score-partwise>{part}<part id="P1">{content}</part></score-partwise>'.encode()
    )


def attributes(beats=4, unit=4, fifths=0, more=""):
    time = f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"
    return f"<attributes><divisions>2</divisions><key><fifths>{fifths}</fifths></key>{time}{more}</attributes>"


def note(pitch="C4", eighths=2, more="", before=""):
    step, alter, octave = pitch[0], pitch.count("#") - pitch.count("b"), pitch[-1]
    sound = f"<pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
    return f"<note>{before}{sound}<duration>{eighths}</duration>{more}</note>"


def rest(eighths=2):
    return f"<note><rest/><duration>{eighths}</duration></note>"


def barline(location, content):
    return f'<barline location="{location}">{content}</barline>'


def read(*measures, **options):
    score, counts = musicxml_reader.score_of(document(*measures, **options), GRID)
    return score, dict(counts)


def pitches(score):
    return [single.pitch for single in score.tracks[0].notes]


def test_notes_rests_chords_metre_key_and_tempo_are_read():
    sound = '<direction><direction-type><words>slow</words></direction-type><sound tempo="50"/></direction>'
    score, counts = read(
        attributes(3, 4, -2) + sound + note("D4") + rest() + note("G4", 2) + note("Bb4", 2, before="<chord/>"),
        note("F#4", 6),
    )
    assert score.tracks[0].notes == (Note(0, 12, 62), Note(24, 12, 70), Note(24, 12, 67), Note(36, 36, 66))
    assert score.bars == (Bar(3, 4, -2),) * 2
    assert score.tempos == (Tempo(0, 50.0),)
    assert (score.tracks[0].name, counts) == ("Piano", {})


def test_notes_tied_across_a_bar_line_are_one_note():
    start, both, stop = ('<tie type="start"/>', '<tie type="stop"/><tie type="start"/>', '<tie type="stop"/>')
    score, _ = read(attributes() + note(eighths=8, more=start), note(eighths=8, more=both), note(eighths=4, more=stop))
    assert score.tracks[0].notes == (Note(0, 120, 60),)


def test_a_repeated_note_is_not_tied():
    score, _ = read(attributes() + note(eighths=4) + note(eighths=4))
    assert score.tracks[0].notes == (Note(0, 24, 60), Note(24, 24, 60))


def test_the_voices_of_a_staff_are_one_part_and_each_staff_is_a_part():
    voices = note("C5", 8, "<voice>1</voice>") + "<backup><duration>8</duration></backup>"
    voices += rest(4) + note("E4", 4, "<voice>2</voice>")
    score, _ = read(attributes() + voices)
    assert score.tracks[0].notes == (Note(0, 48, 72), Note(24, 24, 64))
    staves = note("C5", 8, "<staff>1</staff>") + "<backup><duration>8</duration></backup>"
    staves += note("C3", 8, "<staff>2</staff>")
    score, _ = read(attributes(more="<staves>2</staves>") + staves)
    assert [track.notes for track in score.tracks] == [(Note(0, 48, 72),), (Note(0, 48, 48),)]


def test_transposing_instruments_are_read_at_sounding_pitch():
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    double_bass = (
        "<attributes><transpose><chromatic>0</chromatic><octave-change>-1</octave-change></transpose></attributes>"
    )
    score, _ = read(attributes(fifths=2, more=clarinet) + note("D5", 8), double_bass + note("D5", 8), note("E5", 8))
    assert pitches(score) == [72, 62, 64]
    assert [bar.sharps for bar in score.bars] == [0, 2, 2]


def test_ornaments_cues_and_chord_symbols_do_not_sound():
    symbol = "<harmony><root><root-step>G</root-step></root><kind>major</kind></harmony>"
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    score, counts = read(attributes() + symbol + grace + note("C5", 4) + note("E5", 4, before="<cue/>"), note("D5", 8))
    assert score.tracks[0].notes == (Note(0, 24, 72), Note(48, 48, 74))
    assert counts == {notices.GRACE: 1, notices.CUE: 1}


def test_drums_sound_as_their_midi_pitches():
    head = '<midi-instrument id="P1-I39"><midi-unpitched>39</midi-unpitched></midi-instrument>'
    drum = (
        '<note><unpitched><display-step>C</display-step></unpitched><duration>4</duration><instrument id="{}"/></note>'
    )
    score, counts = read(attributes() + drum.format("P1-I39") + drum.format("P1-I99"), head=head)
    assert score.tracks[0].notes == (Note(0, 24, 38),)
    assert score.tracks[0].is_drum
    assert counts == {notices.UNPITCHED: 1}


def test_a_short_first_measure_is_a_pickup_even_with_a_repeat():
    end = barline("right", '<repeat direction="backward"/>')
    score, _ = read(attributes() + note("G4"), note("C5", 8), note("E5", 6) + end, note("D5", 8))
    assert (score.pickup, score.bars) == (12, (Bar(),) * 4 + (Bar(3, 4), Bar()))
    assert pitches(score) == [67, 72, 76, 67, 72, 76, 74]
    assert [single.onset for single in score.tracks[0].notes] == [36, 48, 96, 132, 144, 192, 228]


def test_endings_and_jumps_are_played():
    first = barline("left", '<ending number="1" type="start"/>')
    first_end = barline("right", '<ending number="1" type="stop"/><repeat direction="backward"/>')
    second = barline("left", '<ending number="2" type="start"/>')
    second_end = barline("right", '<ending number="2" type="discontinue"/>')
    score, _ = read(
        attributes() + note("C4", 8),
        first + note("D4", 8) + first_end,
        second + note("E4", 8) + second_end,
        note("F4", 8),
    )
    assert pitches(score) == [60, 62, 60, 64, 65]
    score, _ = read(attributes() + note(), first + note("D4"), note("E4"), note("F4") + first_end, second + note("G4"))
    assert pitches(score) == [60, 62, 64, 65, 60, 67]
    fine = "<direction><direction-type><words>Fine</words></direction-type></direction>"
    da_capo = "<direction><direction-type><words>D.C. al Fine</words></direction-type></direction>"
    score, _ = read(attributes() + note("C4", 8), note("D4", 8) + fine, note("E4", 8) + da_capo)
    assert pitches(score) == [60, 62, 64, 60, 62]


def test_an_endless_repeat_is_rejected():
    with pytest.raises(MusicError, match="has more than 20,000 bars"):
        read(attributes() + note("C4", 8) + barline("right", '<repeat direction="backward" times="1000000000"/>'))


def test_measures_of_another_length_get_their_own_time_signatures():
    score, counts = read(attributes() + note(eighths=8), note(eighths=5), note(eighths=8))
    assert score.bars == (Bar(4, 4), Bar(5, 8), Bar(4, 4))
    assert counts == {}


def test_the_usual_document_type_is_accepted_but_not_fetched(monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    name = '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd"'
    assert pitches(read(attributes() + note(), doctype=f"<!DOCTYPE score-partwise PUBLIC {name}>")[0]) == [60]


ENTITIES = {
    "laughs": '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">',
    "file": '<!ENTITY a SYSTEM "file:///etc/passwd">',
    "parameter": '<!ENTITY % a SYSTEM "http://localhost/a.dtd">',
}


@pytest.mark.parametrize("declaration", ENTITIES.values(), ids=ENTITIES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_rejected(declaration, encoding):
    text = document(attributes() + note(), name="&a;", doctype=f"<!DOCTYPE score-partwise [{declaration}]>").decode()
    with pytest.raises(MusicError, match="declares XML entities") as caught:
        musicxml_reader.score_of(text.replace('"1.0"', f'"1.0" encoding="{encoding}"').encode(encoding), GRID)
    assert caught.value.kind == "XML with entities"


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        (b"", "damaged file", "its XML is broken"),
        (document(attributes())[:-9], "damaged file", "its XML is broken"),
        (b"<html/>", "XML that is no MusicXML", "its root is <html>"),
        (b"<score-timewise/>", "timewise MusicXML", "export it as partwise"),
        (document(attributes() + rest()), "file without notes", "holds no notes"),
        (document(*[""] * 7000), "endless music", "7,000 measures"),
        (document("<note/>" * 300_001), "endless music", "300,001 notes"),
        (b"PK\3\4" + bytes(100), "damaged file", "archive cannot be unpacked"),
    ],
)  # fmt: skip
def test_unusable_files_are_rejected_with_a_message(data, kind, sentence):
    with pytest.raises(MusicError, match=sentence) as caught:
        musicxml_reader.score_of(data, GRID)
    assert caught.value.kind == kind


def packed(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'


def test_the_container_of_an_archive_names_its_score():
    other, score = document(attributes() + note("C4")), document(attributes() + note("G4"))
    files = {"a.xml": other, "../b.xml": score}
    named = packed(**{"META-INF/container.xml": CONTAINER.format("../b.xml")}, **files)
    assert pitches(musicxml_reader.score_of(named, GRID)[0]) == [67]
    assert pitches(musicxml_reader.score_of(packed(**files), GRID)[0]) == [60]  # without a name, the first


def test_a_decompression_bomb_is_rejected_before_it_is_unpacked(monkeypatch):
    with pytest.raises(MusicError, match="unpacks to 50 MB, more than music has") as caught:
        musicxml_reader.score_of(packed(**{"a.xml": b" " * 50_000_000}), GRID)
    assert caught.value.kind == "archive that unpacks to too much"
    monkeypatch.setattr(musicxml_document, "MAX_BYTES", 100)
    with pytest.raises(MusicError, match="unpacks to"):
        musicxml_reader.score_of(packed(**{"a.xml": document(attributes() + note())}), GRID)
