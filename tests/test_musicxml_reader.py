"""MusicXML, plain and packed: sounding notes, and files that are rejected before music21 reads them."""

import io
import socket
import zipfile

import pytest

from seqgen.errors import MusicError
from seqgen.music import musicxml_document, musicxml_reader, musicxml_writer, notices
from seqgen.music.score import Bar, Note, Score, Tempo, Track

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


def spans(score):
    return [single[:3] for single in score.tracks[0].notes]


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


def test_all_voices_and_staves_of_a_part_are_one_track():
    voices = note("C5", 8, "<voice>1</voice>") + "<backup><duration>8</duration></backup>"
    voices += rest(4) + note("E4", 4, "<voice>2</voice>")
    score, _ = read(attributes() + voices)
    assert score.tracks[0].notes == (Note(0, 48, 72), Note(24, 24, 64))
    staves = note("C5", 8, "<staff>1</staff>") + "<backup><duration>8</duration></backup>"
    staves += note("C3", 8, "<staff>2</staff>")
    score, _ = read(attributes(more="<staves>2</staves>") + staves)
    assert [track.notes for track in score.tracks] == [(Note(0, 48, 72), Note(0, 48, 48))]


def test_a_wide_piano_track_is_one_track_after_writing_and_reading():
    notes = tuple(Note(12 * place, 24, pitch) for place, pitch in enumerate((76, 40, 79, 43, 84, 36, 72)))
    score = Score((Bar(),) * 2, (Track(notes, "Piano", 0), Track((Note(0, 96, 50),), "Cello", 42)))
    content = musicxml_writer.rendered(score)
    assert b"<staves>2</staves>" in content
    assert musicxml_reader.score_of(content, GRID)[0].tracks == score.tracks


def test_transposing_instruments_are_read_at_sounding_pitch():
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    double_bass = (
        "<attributes><transpose><chromatic>0</chromatic><octave-change>-1</octave-change></transpose></attributes>"
    )
    score, _ = read(attributes(fifths=2, more=clarinet) + note("D5", 8), double_bass + note("D5", 8), note("E5", 8))
    assert pitches(score) == [72, 62, 64]
    assert [bar.sharps for bar in score.bars] == [0, 2, 2]


def test_grace_notes_cues_lyrics_and_pedals_are_omitted_and_counted():
    symbol = "<harmony><root><root-step>G</root-step></root><kind>major</kind></harmony>"
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch></note>"
    lyrics = "<lyric><text>la</text></lyric><lyric><text>li</text></lyric>"
    pedal = '<direction><direction-type><pedal type="{}"/></direction-type></direction>'
    score, counts = read(
        attributes() + symbol + grace + note("C5", 4, lyrics) + note("E5", 4, before="<cue/>"),
        pedal.format("start") + note("D5", 8) + pedal.format("stop"),
    )
    assert score.tracks[0].notes == (Note(0, 24, 72), Note(48, 48, 74))
    expected = {notices.GRACE: 1, notices.CUE: 1, notices.LYRIC: 2, notices.PEDAL_MARK: 1, notices.CHORD_SYMBOL: 1}
    assert counts == expected


def unpitched(place="", head="", instrument=""):
    position = f"<display-step>{place[0]}</display-step><display-octave>{place[1]}</display-octave>" if place else ""
    sound = f'<instrument id="{instrument}"/>' if instrument else ""
    notehead = f"<notehead>{head}</notehead>" if head else ""
    return f"<note><unpitched>{position}</unpitched><duration>2</duration>{sound}{notehead}</note>"


def test_drums_sound_as_their_midi_pitches():
    head = '<midi-instrument id="P1-I39"><midi-unpitched>39</midi-unpitched></midi-instrument>'
    score, counts = read(
        attributes() + unpitched("F4", "x", "P1-I39") + unpitched("", "", "P1-I99") + unpitched("F4"), head=head
    )
    assert score.tracks[0].notes == (Note(0, 12, 38), Note(24, 12, 38))
    assert score.tracks[0].is_drum
    assert counts == {notices.UNPITCHED: 1}


def test_drums_without_midi_pitches_are_known_by_name():
    named = '<score-instrument id="{}"><instrument-name>{}</instrument-name></score-instrument>'
    head = named.format("I1", "Closed Hi-Hat") + named.format("I2", "Acoustic Snare") + named.format("I3", "Gran Cassa")
    score, _ = read(attributes() + "".join(unpitched("E5", "", name) for name in ("I1", "I2", "I3")), head=head)
    assert pitches(score) == [42, 38, 35]
    staff = "<staff-details><staff-lines>1</staff-lines></staff-details>"
    score, _ = read(attributes(more=staff) + unpitched("E4"), name="Tambourine")
    assert pitches(score) == [54]
    with pytest.raises(MusicError, match="holds no notes"):
        read(attributes(more=staff) + unpitched("E4"), name="Percussion")


def test_drums_without_names_are_known_by_staff_position_and_notehead():
    drums = [("F4", ""), ("C5", "normal"), ("G5", "x"), ("C5", "cross"), ("A5", "x"), ("D4", "x"), ("F4", "slash")]
    score, counts = read(attributes() + "".join(unpitched(*drum) for drum in drums[:4]), "".join(
        unpitched(*drum) for drum in drums[4:]
    ), name="Drumset")  # fmt: skip
    assert pitches(score) == [36, 38, 42, 37, 49, 44]
    assert score.tracks[0].is_drum
    assert counts == {notices.UNPITCHED: 1}


def test_unpitched_notes_of_a_pitched_part_are_omitted():
    score, counts = read(attributes() + note("C4") + unpitched("F4"))
    assert (pitches(score), score.tracks[0].is_drum) == ([60], False)
    assert counts == {notices.UNPITCHED: 1}


def program(head="", name=""):
    return read(attributes() + note(), head=head, name=name)[0].tracks[0].program


def test_programs_are_those_that_the_file_states_unless_it_is_the_usual_one_for_every_part():
    stated = '<midi-instrument id="I"><midi-program>{}</midi-program></midi-instrument>'
    assert [program(stated.format(number), "Trumpet") for number in (0, 1, 2, 3, 4, 5, 6, 57, 128)] == [
        56, 56, 1, 2, 3, 4, 5, 56, 127,
    ]  # fmt: skip
    assert program(stated.format(1), "Piano") == program(stated.format(1), "Melody") == 0
    assert program(stated.format(129), "Trumpet") == program(stated.format("x"), "Trumpet") == 56


def test_programs_that_are_not_stated_follow_from_the_sound_or_the_name():
    named = (
        '<score-instrument id="I"><instrument-name>{}</instrument-name>'
        "<instrument-sound>{}</instrument-sound></score-instrument>"
    )
    assert program(name="Trumpet") == 56
    assert program(name="Klarinette in B") == 71
    assert program(name="Melody") == 0
    assert program(named.format("Flute", "strings.violin"), "Oboe") == 40
    assert program(named.format("Flute", "wind.reed.clarinet.basset"), "Oboe") == 71
    assert program(named.format("Flute", "synth.unknown"), "Oboe") == 73
    assert program(named.format("", ""), "Oboe") == 68


def test_a_measure_repeat_is_played_until_it_stops():
    sign = "<attributes><measure-style><measure-repeat{}</measure-repeat></measure-style></attributes>"
    start, stop = sign.format(' type="start">{}'), sign.format(' type="stop">')
    full = [attributes() + note("C4", 8), start.format(1) + rest(8), rest(8), stop + note("E4", 8), stop + rest(8)]
    score, _ = read(*full)
    assert [single[:3] for single in score.tracks[0].notes] == [(48 * place, 48, 60) for place in range(3)] + [
        (144, 48, 64)
    ]
    pattern = [
        attributes() + note("C4", 8),
        note("D4", 8),
        start.format(2) + rest(8),
        rest(8),
        rest(8),
        stop + note("E4", 8),
    ]
    assert pitches(read(*pattern)[0]) == [60, 62, 60, 62, 60, 64]
    assert pitches(read(attributes() + note("C4", 8), start.format("") + rest(8))[0]) == [60, 60]
    assert pitches(read(attributes() + note("C4", 8), start.format(1) + note("D4", 8))[0]) == [60, 62]
    assert pitches(read(attributes() + note("C4", 8), start.format(9) + rest(8))[0]) == [60]


def test_a_measure_repeat_of_one_staff_leaves_the_other_as_it_is():
    sign = '<measure-style number="2"><measure-repeat type="start">1</measure-repeat></measure-style>'
    back = "<backup><duration>8</duration></backup>"
    first = note("C5", 8, "<staff>1</staff>") + back + note("C3", 8, "<staff>2</staff>")
    second = f"<attributes>{sign}</attributes>" + note("D5", 8, "<staff>1</staff>") + back
    second += "<note><rest/><duration>8</duration><staff>2</staff></note>"
    score, _ = read(attributes(more="<staves>2</staves>") + first, second)
    assert pitches(score) == [72, 48, 74, 48]


def test_jumps_that_only_sound_elements_describe_are_played():
    measures = [attributes() + note("C4", 8), note("D4", 8) + "{}", note("E4", 8) + "{}", "{}" + note("F4", 8)]

    def played(*sounds):
        filled = [measure.format(sound) for measure, sound in zip(measures, ("", *sounds), strict=True)]
        return pitches(read(*filled)[0])

    assert played('<sound tocoda="1"/>', '<sound dacapo="yes"/>', '<sound coda="1"/>') == [60, 62, 64, 60, 62, 65]
    assert played('<sound segno="1"/>', '<sound dalsegno="1"/>', "") == [60, 62, 64, 62, 64, 65]
    assert played('<sound fine="yes"/>', '<sound dacapo="yes"/>', "") == [60, 62, 64, 60, 62]
    assert played("<direction><direction-type><words/></direction-type><sound fine='yes'/></direction>",
                  '<sound dacapo="yes"/>', "") == [60, 62, 64, 60, 62]  # fmt: skip
    assert played('<sound dacapo="no"/>', "", "") == [60, 62, 64, 65]
    end = barline("right", '<repeat direction="backward"/>')
    assert played('<sound forward-repeat="yes"/>', end, "") == [60, 62, 64, 62, 64, 65]


def test_repeats_that_multiply_the_notes_are_rejected():
    end = barline("right", '<repeat direction="backward" times="15000"/>')
    with pytest.raises(MusicError, match="has 1,500,000 notes, more than 1,000,000"):
        read(attributes() + note("C4", 8) + note("E4", 8, before="<chord/>") * 99 + end)


def test_a_short_first_measure_is_a_pickup_even_with_a_repeat():
    end = barline("right", '<repeat direction="backward"/>')
    score, counts = read(attributes() + note("G4"), note("C5", 8), note("E5", 6) + end, note("D5", 8))
    assert (score.pickup, score.bars) == (12, (Bar(),) * 6)
    assert pitches(score) == [67, 72, 76, 67, 72, 76, 74]
    assert [single.onset for single in score.tracks[0].notes] == [36, 48, 96, 132, 144, 192, 240]
    assert counts == {notices.JOINED: 1}


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


@pytest.mark.parametrize("style", ["light-light", "light-heavy", "heavy-light", "heavy-heavy"])
def test_a_double_bar_line_ends_a_section_which_makes_room_for_the_upbeat_of_the_next(style):
    """The half note D becomes a quarter note, so that the upbeat E completes the bar."""

    def bars(location, style, offset):
        sign = barline(location, f"<bar-style>{style}</bar-style>")
        measures = [attributes() + note("C4", 4) + note("D4", 4), note("E4", 2), note("F4", 8)]
        measures[offset] = sign + measures[offset] if location == "left" else measures[offset] + sign
        score, counts = read(*measures)
        return score.bars, spans(score), counts

    joined = (Bar(), Bar()), [(0, 24, 60), (24, 12, 62), (36, 12, 64), (48, 48, 65)], {notices.JOINED: 1}
    assert bars("right", style, 0) == bars("left", style, 1) == joined
    apart = (Bar(), Bar(1, 4), Bar()), [(0, 24, 60), (24, 24, 62), (48, 12, 64), (60, 48, 65)], {}
    assert bars("right", "dashed", 0) == bars("middle", style, 0) == bars("left", style, 0) == apart


@pytest.mark.parametrize(
    "event",
    [
        "<direction><direction-type><words>fine</words></direction-type><offset>3</offset></direction>",
        "<forward><duration>0</duration></forward>",
    ],
)
def test_what_takes_no_time_does_not_lengthen_a_measure(event):
    head = "<identification><encoding><software>Finale 2014</software></encoding></identification>"
    measures = attributes(2, 4) + note("C4", 4) + event, note("D4", 4) + event, note("E4", 4)
    data = document(*measures).replace(b"<part-list>", f"{head}<part-list>".encode())
    score, _ = musicxml_reader.score_of(data, GRID)
    assert score.bars == (Bar(2, 4),) * 3
    assert spans(score) == [(0, 24, 60), (24, 24, 62), (48, 24, 64)]


def test_a_measure_that_is_longer_by_a_fraction_keeps_its_time_signature():
    score, _ = read(attributes() + note("C4", 8) + rest(0.19), note("D4", 8))  # such as rounded tuplets
    assert score.bars == (Bar(),) * 2
    assert spans(score) == [(0, 48, 60), (48, 48, 62)]


def test_the_notes_of_a_chord_have_their_own_durations():
    def chord(pitch, eighths):
        return note(pitch, eighths, before="<chord/>")

    score, _ = read(
        attributes() + note("C4", 4) + chord("E4", 2) + chord("G4", 4) + chord("B4", 6) + note("D4", 2) + rest(2),
        note("C4", 8) + chord("A4", 9),  # beyond the bar
        note("D4", 8),
    )
    assert spans(score) == [
        (0, 36, 71), (0, 24, 67), (0, 12, 64), (0, 24, 60), (24, 12, 62),
        (48, 54, 69), (48, 48, 60), (96, 48, 62),
    ]  # fmt: skip
    assert score.bars == (Bar(),) * 3


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


def harmony(root, kind, more=""):
    alter = f"<root-alter>{root.count('#') - root.count('b')}</root-alter>"
    return f"<harmony><root><root-step>{root[0]}</root-step>{alter}</root><kind>{kind}</kind>{more}</harmony>"


def test_chord_symbols_become_a_track_if_wanted():
    flat_five = (
        "<degree><degree-value>5</degree-value><degree-alter>-1</degree-alter><degree-type>alter</degree-type></degree>"
    )
    first = harmony("C", "major") + note("E5", 4) + harmony("Bb", "dominant", "<bass><bass-step>D</bass-step></bass>")
    second = harmony("F#", "minor", flat_five) + note("D5", 2) + harmony("C", "none") + note(eighths=2)
    data = document(attributes() + first + note("D5", 4), second + harmony("C", "mystic") + note(eighths=4))
    score, counts = musicxml_reader.score_of(data, GRID, chords=True)
    melody, chords = score.tracks
    assert chords.name == "Chords"
    assert [single[:3] for single in chords.notes] == [
        (0, 24, 55), (0, 24, 52), (0, 24, 48), (24, 24, 68), (24, 24, 65), (24, 24, 62), (24, 24, 58), (24, 24, 50),
        (48, 12, 60), (48, 12, 57), (48, 12, 54),
    ]  # fmt: skip
    assert counts == {notices.UNKNOWN_CHORD: 1}
    plain, omitted = musicxml_reader.score_of(data, GRID)
    assert (plain.tracks, omitted) == ((melody,), {notices.CHORD_SYMBOL: 5})


def test_a_displaced_chord_symbol_begins_later():
    data = document(attributes() + harmony("C", "power", "<offset>2</offset>") + note(eighths=8))
    score, _ = musicxml_reader.score_of(data, GRID, chords=True)
    assert [single[:3] for single in score.tracks[1].notes] == [(12, 36, 55), (12, 36, 48)]
