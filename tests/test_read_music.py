"""Scores from Python: reading, writing, and what they look like."""

import pytest

import seqgen
from seqgen.music.read import Tune, read
from tests.scores import melody, random_melody

TWO_TUNES = "X:1\nT:First\nM:4/4\nL:1/4\nK:D\nDEFG|ABcd|\n\nX:2\nT:Second\nM:3/4\nL:1/4\nK:C\nCDE|FGA|\n"
GRACE = "X:1\nM:4/4\nL:1/4\nK:C\n{d}CDEF|GABc|\n"


@pytest.mark.parametrize("suffix", [".mid", ".midi", ".musicxml", ".xml", ".abc"])
@pytest.mark.parametrize("seed", range(3))
def test_a_written_score_is_read_again(tmp_path, suffix, seed):
    score = random_melody(seed)
    path = tmp_path / f"tune{suffix}"
    score.write(str(path))
    (again,) = seqgen.read_music(path)
    assert list(again.notes) == list(score.notes)
    assert again.bars == score.bars


def test_every_tune_of_a_file_is_a_score(tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text(TWO_TUNES)
    scores = seqgen.read_music(path)
    assert scores == [tune.score for tune in read("tunes.abc", TWO_TUNES.encode()) if isinstance(tune, Tune)]
    assert [score.bars[0].numerator for score in scores] == [4, 3]
    assert seqgen.read_music(path, grid=4)[0].grid == 4


def test_changes_and_skipped_pieces_are_warnings(tmp_path):
    (tmp_path / "grace.abc").write_text(GRACE)
    (tmp_path / "broken.mid").write_bytes(b"MThd broken")
    with pytest.warns(UserWarning, match="grace note|skipped") as caught:
        (score,) = seqgen.read_music(tmp_path)
    messages = [str(warning.message) for warning in caught]
    assert messages[0] == "1 grace note omitted"
    assert messages[1].startswith("skipped 1 ")
    assert all(warning.filename == __file__ for warning in caught)
    assert score.num_notes == 8


def test_a_file_without_music_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("no music")
    (tmp_path / "a.mid").write_bytes(b"MThd broken")
    (tmp_path / "empty").mkdir()
    with pytest.raises(seqgen.MusicError, match=r"a\.txt is not one of \.abc"):
        seqgen.read_music(tmp_path / "a.txt")
    with pytest.raises(seqgen.MusicError, match=r"a\.mid "):
        seqgen.read_music(tmp_path / "a.mid")
    with pytest.raises(seqgen.CorpusError, match="empty contains no music"):
        seqgen.read_music(tmp_path / "empty")
    with pytest.raises(seqgen.CorpusError, match="there is no file or folder"):
        seqgen.read_music(tmp_path / "b.mid")
    with pytest.raises(seqgen.UsageError, match="there is no option level: the options are grid, chords, pedal"):
        seqgen.read_music(tmp_path / "a.mid", level="note")


def test_a_score_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(seqgen.UsageError, match=r"music is written as \.mid"):
        melody().write(tmp_path / "a.pdf")
    with pytest.raises(seqgen.MusicError, match="cannot be written: No such file or directory"):
        melody().write(tmp_path / "missing" / "a.mid")


def test_a_score_describes_itself_in_one_line():
    assert repr(melody(title="A")) == "Score(title='A', bars=2, metre='4/4', tracks=[''], notes=6)"
    assert repr(seqgen.Score((), ())) == "Score(bars=0, tracks=[], notes=0)"
