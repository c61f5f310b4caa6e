"""Suggestions of bars of music, the editor that shows them, and its player."""

import asyncio
import sys
from types import SimpleNamespace

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqgen.cli import player
from seqgen.cli.bar_editor import BarEditor
from seqgen.cli.manuscript import ScoreFile
from seqgen.cli.player import Player
from seqgen.config import SamplingConfig
from seqgen.errors import SeqgenError, UsageError
from seqgen.music.read import read
from seqgen.music.score import Bar
from seqgen.writing.bar_suggester import NUM_BARS, BarSuggester
from tests.scores import melody
from tests.test_composer import LEVEL, SOLO
from tests.test_editor import CTRL, ESCAPE, SHIFT_TAB, TAB, is_done, send_keys


@pytest.fixture
def suggester(make_model):
    def make(prime=None, level=LEVEL, **options):
        model = make_model(level.vocabulary_size, num_factors=level.num_factors)
        config = SamplingConfig(**{"bars": 8, "seed": 3, **options})
        return BarSuggester(SimpleNamespace(level=level, unseen=[]), model, config, prime)

    return make


def notes(score):
    return [[note[:3] for note in track.notes] for track in score.tracks]


def test_the_offered_bars_follow_the_kept_ones_until_the_piece_ends(suggester):
    draft = suggester().draft(None, 1.0, 0)
    assert (draft.kept, draft.num_kept, draft.end) == (None, 0, NUM_BARS)
    seen = []
    while draft.offered is not None:
        seen += draft.offered.bars
        draft = draft.with_offered()
    assert draft.kept == draft.plan
    assert tuple(seen) == draft.plan.bars
    assert draft.with_offered() == draft


@pytest.mark.parametrize("prime", [None, melody()])
def test_another_plan_keeps_the_kept_bars_and_the_length(suggester, prime):
    source = suggester(prime)
    draft = source.draft(None, 1.0, 0).with_offered()
    if prime is not None:
        assert draft.num_kept == len(prime) + NUM_BARS
    for attempt in range(1, 4):
        other = source.draft(draft, 1.0, attempt)
        assert notes(other.plan[: other.num_kept]) == notes(draft.plan[: draft.num_kept])
        assert [track.program for track in other.plan.tracks] == [track.program for track in draft.plan.tracks]
        assert len(other.plan) <= len(draft.plan)
        assert notes(other.plan) != notes(draft.plan)
    assert source.draft(draft, 1.0, 2) == source.draft(draft, 1.0, 2)


def test_the_options_fix_key_metre_and_tempo_of_all_plans(suggester):
    source = suggester(key="D", metre="4/4", tempo=90.0, instrument=("Violin",), level=SOLO)
    draft = source.draft(None, 1.0, 0).with_offered()
    other = source.draft(draft, 1.0, 1)
    for plan in (draft.plan, other.plan):
        assert plan.bars[0] == Bar(4, 4, 2)
        assert plan.tempos[0].quarters_per_minute == 90
        assert [track.program for track in plan.tracks] == [40]


def test_models_of_text_are_rejected():
    with pytest.raises(UsageError, match="model of music"):
        BarSuggester(SimpleNamespace(level=None, unseen=[]), None, SamplingConfig(), None)


def when_idle(condition):
    return lambda editor: condition(editor) and editor.background.is_idle


@pytest.fixture
def drive(tmp_path, suggester):
    """Return a function that sends keys to an editor, each followed by a condition to wait for."""

    def run(*steps, path=None, play=None):
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            source = tmp_path / "run" / "best.safetensors"
            editor = BarEditor(ScoreFile(path, None, source), suggester(level=SOLO), 1.0, "run")
            if play is not None:
                editor.player.play = play
            asyncio.run(send_keys(editor, pipe, [(keys, when_idle(condition)) for keys, condition in steps]))
            return editor

    return run


def has_kept(num_bars):
    return lambda editor: editor.draft.num_kept == num_bars


def asks(word):
    return lambda editor: word in editor.screen.message


def test_bars_are_kept_undone_replaced_and_saved(drive, tmp_path):
    path, plans = tmp_path / "tune.mid", []
    drive(
        (TAB, has_kept(2)),
        (TAB, has_kept(4)),
        (CTRL["z"], has_kept(2)),
        (CTRL["y"], has_kept(4)),
        (CTRL["z"], lambda e: has_kept(2)(e) and (plans.append(e.draft.plan) or True)),
        (SHIFT_TAB, lambda e: e.draft.plan != plans[0]),
        (CTRL["t"], lambda e: e.temperature == 1.1),
        (CTRL["s"], asks("saved")),
        (CTRL["q"], is_done),
        path=path,
    )
    (piece,) = read(str(path), path.read_bytes())
    assert notes(piece.score)[0][:4] == notes(plans[0][:2])[0][:4]


def test_nothing_is_saved_before_a_bar_is_kept_and_unknown_formats_are_rejected(drive, tmp_path):
    editor = drive((CTRL["s"], asks("no bar is kept yet")), (CTRL["q"], is_done), path=tmp_path / "tune.mid")
    assert editor.file.recovered is None
    drive(
        (TAB, has_kept(2)),
        ("xyz", lambda _: True),  # keys without a meaning have no effect
        (CTRL["s"], lambda e: e.screen.is_asking),
        (f"{tmp_path}/tune.txt\r", asks("music is written as")),
        (CTRL["s"], lambda e: e.screen.is_asking),
        (f"{tmp_path}/tune.abc\r", asks("saved")),
    )
    assert "X:1\n" in (tmp_path / "tune.abc").read_text()


def test_quitting_with_kept_bars_asks_and_they_can_be_recovered(drive, tmp_path):
    path = tmp_path / "tune.musicxml"
    editor = drive((TAB, has_kept(2)), (CTRL["c"], asks("save before")), (ESCAPE, lambda e: not e.screen.is_asking),
                   path=path)  # fmt: skip
    editor.saving.recover()
    assert editor.file.recovered == tmp_path / "tune-recovered.musicxml"
    (piece,) = read("a.musicxml", editor.file.recovered.read_bytes())
    assert len(piece.score) == 2


def test_the_offered_bars_or_everything_is_played(drive):
    played = []

    async def play(score):
        played.append(len(score))
        return ""

    drive((TAB, has_kept(2)), ("p", lambda _: len(played) == 1), ("a", lambda _: len(played) == 2), play=play)
    assert played == [2, 4]


def test_both_rolls_are_shown_with_the_numbers_of_their_bars(drive):
    shown = []
    drive((TAB, has_kept(2)), ("", lambda e: shown.append(e._rolls()) or True))
    (kept_style, kept), (offered_style, offered) = shown[0]
    assert (kept_style, offered_style) == ("", "class:ghost")
    assert kept.splitlines()[0].startswith(" bars 1 to 2, kept")
    assert offered.splitlines()[0].startswith(" bars 3 to 4, offered")


def test_music_is_played_by_the_first_program_that_exists_and_its_failure_is_reported(monkeypatch):
    monkeypatch.setattr(player, "_PLAYERS", ((("no-such-player",), ".mid"), ((sys.executable, "-c", "import sys; "
        "sys.exit(open(sys.argv[1], 'rb').read(4) != b'MThd')"), ".mid")))  # fmt: skip
    assert asyncio.run(Player().play(melody())) == ""
    monkeypatch.setattr(player, "_PLAYERS", (((sys.executable, "-c", "import sys; sys.exit(3)"), ".mid"),))
    assert asyncio.run(Player().play(melody())).endswith("failed with exit status 3")


def test_playing_can_be_stopped(monkeypatch):
    monkeypatch.setattr(player, "_PLAYERS", (((sys.executable, "-c", "import time; time.sleep(600)"), ".mid"),))

    async def play_and_stop():
        playing = asyncio.ensure_future(it.play(melody()))
        while not it.stop():
            await asyncio.sleep(0.001)
        return await playing

    it = Player()
    assert asyncio.run(play_and_stop()) == ""
    assert not it.stop()


def test_without_a_player_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setattr(player.shutil, "which", lambda _: None)
    with pytest.raises(SeqgenError, match="install fluidsynth or timidity"):
        asyncio.run(Player().play(melody()))
