"""Music that music21 has parsed: kern, and a chorale compared with what music21 plays."""

import zipfile
from pathlib import Path

import pytest

from seqgen.errors import MusicError
from seqgen.music import kern_reader, music21_streams, musicxml_reader, notices
from seqgen.music.score import Bar, Note, Tempo

GRID = 12

TWO_PARTS = """**kern\t**kern
*M3/4\t*M3/4
*k[]\t*k[]
*d:\t*d:
*MM90\t*MM90
4D\t4f
=1\t=1
2C\t4a[
.\t4a_
4BB-\t4a]
=2\t=2
2.AA\t(4cc
.\t8b-L
.\t8aJ)
.\t4qg
.\t4f# 4a
==:|!\t==:|!
*-\t*-
"""


def corpus(name):
    import music21

    return Path(music21.__file__).parent / "corpus" / name


def kern(text):
    score, counts = kern_reader.score_of(text.encode(), GRID)
    return score, dict(counts)


def test_kern_is_read_with_parts_metre_key_tempo_and_pickup():
    score, counts = kern(TWO_PARTS.replace("==:|!", "=="))
    upper, lower = score.tracks
    assert lower.notes == (Note(24, 12, 50), Note(36, 24, 48), Note(60, 12, 46), Note(72, 36, 45))
    assert upper.notes == (
        Note(24, 12, 65),
        Note(36, 36, 69),  # three tied notes
        Note(72, 12, 72),
        Note(84, 6, 70),
        Note(90, 6, 69),
        Note(96, 12, 69),
        Note(96, 12, 66),
    )
    assert score.bars == (Bar(3, 4, 0),) * 3  # as it is written, whatever the key is called
    assert score.pickup == 12
    assert score.tempos == (Tempo(0, 90.0),)
    assert counts == {notices.GRACE: 1}


def test_repeats_of_kern_are_played():
    score, _ = kern(TWO_PARTS)
    assert score.num_notes == 2 * kern(TWO_PARTS.replace("==:|!", "=="))[0].num_notes


def test_kern_in_latin_1_is_read():
    score, _ = kern_reader.score_of("!!!OTL: L\u00fcfte\n**kern\n4c\n*-\n".encode("latin-1"), GRID)
    assert score.tracks[0].notes == (Note(0, 12, 60),)


def test_kern_without_notes_is_rejected():
    with pytest.raises(MusicError, match="holds no notes"):
        kern("**kern\n4r\n*-\n")


def test_kern_that_takes_music21_too_long_is_rejected():
    with pytest.raises(MusicError, match="has 30,010 characters and 6,000 bars: too much to read"):
        kern("**kern\n" + "=\n4c\n" * 6000 + "*-\n")


def test_decoded_text_has_line_feeds_and_no_byte_order_mark():
    assert music21_streams.decoded_text("\ufeffa\r\nb\rc".encode()) == "a\nb\nc"


def flat(part):
    """Return the start, end and pitch of the notes of a music21 part."""
    return sorted(
        (round(float(note.offset) * GRID), round(float(note.offset + note.quarterLength) * GRID), pitch.midi)
        for note in part.stripTies().flatten().notes
        for pitch in note.pitches
    )


@pytest.mark.parametrize("name", ["bach/bwv66.6.mxl", "bach/bwv153.1.mxl"])  # with a pickup; with a repeat
def test_a_chorale_equals_what_music21_plays(name):
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    importer = MusicXMLImporter()
    with zipfile.ZipFile(corpus(name)) as archive:
        importer.xmlText = archive.read(next(file for file in archive.namelist() if "META" not in file))
    importer.parseXMLText()
    score, counts = musicxml_reader.score_of(corpus(name).read_bytes(), GRID)
    found = [[(note.onset - score.start, note.end - score.start, note.pitch) for note in t.notes] for t in score.tracks]
    assert [sorted(notes) for notes in found] == [flat(part) for part in importer.stream.expandRepeats().parts]
    assert [track.name for track in score.tracks] == [part.partName for part in importer.stream.parts]
    assert not counts
