"""The score of `--prime`."""

import pytest

from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.music.prime import first_bars, primed
from seqgen.music.read import DEFAULT_OPTIONS
from seqgen.music.score import Bar, Tempo
from seqgen.music.write import rendered
from tests.scores import melody

LEVEL = NoteLevel(12, habits=Habits(tempo=66.0, metres=[(3, 4)], layouts=[(TrackHeader(40, False, 1, "Violin"),)]))


def primed_with(text, **options):
    return primed(text, DEFAULT_OPTIONS, LEVEL.score_of, options.pop("key", None), **options)


def test_notes_have_the_metre_tempo_name_and_instrument_that_are_usual():
    score = primed_with("C4:2 E4 G4")
    assert [note[:3] for note in score.notes] == [(0, 24, 60), (24, 12, 64), (36, 12, 67)]
    assert score.bars == (Bar(3, 4),) * 2
    assert (score.tracks[0].name, score.tracks[0].program, score.tempos) == ("Violin", 40, (Tempo(0, 66.0),))


def test_notes_are_in_the_key_that_fits_all_of_them_even_if_only_some_bars_are_used():
    text = "D4 F#4 A4 C#5 B4 G4"
    assert primed_with(text, num_bars=1).bars == (Bar(3, 4, 2),)
    assert primed_with(text, num_bars=1, key="Bb").bars == (Bar(3, 4, -2),)


def test_a_file_has_its_own_metre_tempo_and_instrument(tmp_path):
    score = melody(tempos=(Tempo(0, 50.0),))
    path = tmp_path / "a.mid"
    path.write_bytes(rendered(score, ".mid"))
    read = primed_with(f"@{path}")
    assert (read.bars, read.tracks[0].program, read.tempos) == (score.bars, 0, score.tempos)


def test_the_first_bars_are_kept_with_the_pickup_and_a_note_that_lasts_longer_is_shortened():
    notes = [(36, 12, 60), (48, 24, 62), (72, 48, 64), (120, 24, 65)]
    beginning = first_bars(melody(notes, num_bars=3, pickup=12), 1)
    assert (len(beginning), beginning.pickup) == (2, 12)
    assert [note[:3] for note in beginning.notes] == [(36, 12, 60), (48, 24, 62), (72, 24, 64)]
    assert len(first_bars(melody(), 1)) == 1
    assert first_bars(melody(), 2) == melody() == first_bars(melody(), None)


def test_fewer_bars_a_missing_prime_and_bars_without_notes_are_rejected():
    with pytest.raises(
        UsageError, match="--prime-bars must be at most 2, the number of bars of the prime, got 3: lower"
    ):
        first_bars(melody([(36, 12, 60)], num_bars=3, pickup=12), 3)
    with pytest.raises(UsageError, match="--prime-bars needs --prime"):
        primed_with(" ", num_bars=1)
    with pytest.raises(UsageError, match="--prime-bars 1: these bars of the prime contain no note: raise it"):
        primed_with("R:3 C4", num_bars=1)
    assert primed_with(" ") is None
