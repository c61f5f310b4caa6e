"""Music that music21 has parsed: a chorale compared with what music21 plays."""

import zipfile
from pathlib import Path

import pytest

from seqgen.music import musicxml_reader, notices
from seqgen.music.decoded_text import decoded_text

GRID = 12


def corpus(name):
    import music21

    return Path(music21.__file__).parent / "corpus" / name


def test_decoded_text_has_line_feeds_and_no_byte_order_mark():
    assert decoded_text("\ufeffa\r\nb\rc".encode()) == "a\nb\nc"


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
    assert set(counts) <= {notices.LYRIC}
