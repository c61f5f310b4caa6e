"""Files of music by suffix: any input gives tunes or error messages."""

import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from music21 import meter

from seqgen.errors import MusicError
from seqgen.music import midi_reader, notices, read
from seqgen.music.read import MUSIC, ReadingOptions, Tune
from seqgen.music.score import Note, Score
from tests import processes
from tests.midi_bytes import TICKS, melody, note, riff, track
from tests.midi_bytes import midi as midi_of

XML = b"""<score-partwise><part-list><score-part id="P1"><part-name/></score-part></part-list><part id="P1"><measure>
<attributes><divisions>1</divisions></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration></note></measure></part></score-partwise>"""
WHOLE_NOTE = {
    ".mid": melody((0, 4, 60)),
    ".midi": melody((0, 4, 60)),
    ".kar": melody((0, 4, 60)),
    ".rmi": riff(melody((0, 4, 60))),
    ".musicxml": XML,
    ".xml": XML,
    ".mxl": XML,  # not compressed, but recognized by its content
    ".krn": b"**kern\n1c\n*-\n",
    ".abc": b"X:1\nL:1/4\nK:C\nC4|\n",
}


def test_the_same_note_is_read_from_every_format():
    assert set(WHOLE_NOTE) == MUSIC
    for suffix, data in WHOLE_NOTE.items():
        (tune,) = read.read(f"a/note{suffix.upper()}", data)
        assert isinstance(tune, Tune)
        assert tune.name == f"a/note{suffix.upper()}"
        assert [single[:3] for single in tune.score.notes] == [(0, 48, 60)]
        assert (len(tune.score), tune.score.grid, tune.notices) == (1, 12, {})


def test_the_requested_grid_is_used():
    for suffix, data in WHOLE_NOTE.items():
        (tune,) = read.read(f"note{suffix}", data, ReadingOptions(24))
        assert (tune.score.grid, tune.score.tracks[0].notes[0].duration) == (24, 96)


LONG_METRES = {
    ".xml": XML.replace(b"</divisions>", b"</divisions><time><beats>900+900</beats><beat-type>4</beat-type></time>"),
    ".krn": b"**kern\n*M1800/4\n1c\n*-\n",
    ".abc": b"X:1\nM:900+900/4\nL:1/4\nK:C\nC4|\n",
}


@pytest.mark.parametrize("suffix", LONG_METRES)
def test_a_metre_that_takes_music21_minutes_is_removed(suffix, monkeypatch):
    asked = []
    first = meter.TimeSignature.__init__
    monkeypatch.setattr(
        meter.TimeSignature, "__init__", lambda own, value="4/4", *rest: asked.append(value) or first(own, "4/4", *rest)
    )
    (tune,) = read.read(f"a{suffix}", LONG_METRES[suffix])
    assert [single[:3] for single in tune.score.notes] == [(0, 48, 60)]
    assert set(asked) <= {"4/4"}


def test_changes_are_counted():
    (tune,) = read.read("a.mid", melody((0, 0.95, 60), (1, 2.02, 60), (3.51, 4, 62)))
    assert tune.notices == {notices.CLOSED: 1, notices.QUANTIZED: 2}


def test_tunes_of_a_book_are_in_order_and_an_invalid_one_does_not_stop_reading():
    book = b"X:1\nT:One\nK:C\nC|\nX:2\nT:Two\nK:C\nz4|\nX:3\nT:Three\nD|\nX:4\nT:Four\nK:C\nE|\n"
    one, two, three, four = read.read("book.abc", book)
    assert (one.name, four.name) == ("book.abc, tune 1 (One)", "book.abc, tune 4 (Four)")
    assert (two.kind, three.kind) == ("file without notes", "text that is no ABC")
    assert str(two) == "book.abc, tune 2 (Two) holds no notes"
    assert str(three) == "book.abc, tune 3 (Three) is incomplete ABC: it has no K: field, which states the key"


def test_an_error_message_begins_with_the_name():
    (error,) = read.read("tunes/a.mid", midi_of(track([])))
    assert (error.kind, str(error)) == ("file without notes", "tunes/a.mid holds no notes")


def test_an_unknown_suffix_is_an_error():
    (error,) = read.read("a.txt", b"text")
    assert str(error) == "a.txt is not one of .abc, .kar, .krn, .mid, .midi, .musicxml, .mxl, .rmi, .xml"


def test_an_exception_of_a_library_becomes_a_message(monkeypatch):
    def fail(data, grid, pedal):
        raise ZeroDivisionError("division\nby zero " * 100)

    monkeypatch.setattr(midi_reader, "score_of", fail)
    (error,) = read.read("a.mid", b"")
    assert str(error).startswith("a.mid cannot be read: division by zero division")
    assert len(str(error)) < 300


@pytest.mark.parametrize("passing", [MemoryError, KeyboardInterrupt])
def test_interrupts_and_memory_errors_are_raised(monkeypatch, passing):
    def fail(data, grid, pedal):
        raise passing

    monkeypatch.setattr(midi_reader, "score_of", fail)
    with pytest.raises(passing):
        list(read.read("a.mid", b""))


def test_reading_writes_no_files_and_no_warnings(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for suffix, data in WHOLE_NOTE.items():
            list(read.read(f"a{suffix}", data + b" junk"))
    assert not list(Path(tmp_path).iterdir())
    assert capfd.readouterr() == ("", "")


def check(suffix, data):
    for found in read.read(f"a{suffix}", data):
        if isinstance(found, Tune):
            assert isinstance(found.score, Score)
            assert found.score.num_notes
            assert all(type(value) is int for single in found.score.notes for value in single)
        else:
            assert isinstance(found, MusicError)
            assert str(found).startswith("a")


@given(st.sampled_from(sorted(MUSIC)), st.binary(max_size=200))
@example(".abc", b"")
@example(".krn", b"")
def test_random_bytes_never_raise(suffix, data):
    check(suffix, data)


PIECE = midi_of(
    track(
        [
            *note(0, 1, 60),
            *note(1, 2, 62, channel=9),
            (960, b"\xff\x58\x04\x03\x02\x18\x08"),
            (970, b"\xf0\x02\x01\xf7"),
        ]
    ),
    track([*note(0, 4, 40), (0, b"\xff\x03\x04Bass"), (0, b"\xc0\x20"), (0, b"\xff\x51\x03\x07\xa1\x20")]),
)
edits = st.lists(st.tuples(st.integers(0, len(PIECE) - 1), st.integers(0, 3), st.binary(max_size=4)), max_size=6)


@settings(max_examples=300)
@given(edits)
def test_damaged_midi_never_raises(edits):
    data = PIECE
    for place, num_lost, inserted in edits:
        data = data[:place] + inserted + data[place + num_lost :]
    check(".mid", data)


@given(st.text(alphabet="ABcz^_=,'/2348|:[]()-<>{}&\"!%\nKLMQVX ", max_size=80))
def test_random_abc_never_raises(body):
    check(".abc", f"X:1\nM:3/4\nK:C\n{body}".encode())


@given(st.text(alphabet="0123456789.acdCD#-[]_*=|:!\tMrqk\n ", max_size=80))
def test_random_kern_never_raises(body):
    check(".krn", f"**kern\t**kern\n{body}\n*-\t*-\n".encode())


@given(st.sampled_from([b"step", b"octave", b"duration", b"divisions"]), st.text(max_size=6))
def test_random_values_in_musicxml_never_raise(tag, value):
    before, _, after = XML.partition(b"<%s>" % tag)
    check(
        ".xml", before + b"<%s>" % tag + value.replace("<", "").replace("&", "").encode() + after[after.index(b"<") :]
    )


def test_music21_and_numba_are_imported_only_when_needed():
    code = "import sys, seqgen.music.read; print({'music21', 'numba'} & set(sys.modules))"
    done = processes.run([sys.executable, "-c", code])
    assert done.stdout == "set()\n"


def test_notes_are_plain_numbers():
    (tune,) = read.read("a.mid", melody((0, 1, 60)))
    assert tune.score.tracks[0].notes == (Note(0, 12, 60, 80),)


def test_the_pedal_extends_notes_only_on_request():
    events = [(0, b"\xb0\x40\x7f"), *note(0, 1, 60), (4 * TICKS, b"\xb0\x40\x00")]
    for pedal, duration in ((False, 12), (True, 48)):
        (tune,) = read.read("a.mid", midi_of(track(events)), ReadingOptions(pedal=pedal))
        assert [single.duration for single in tune.score.notes] == [duration]
        assert bool(tune.notices) != pedal
