"""The editor of `seqgen write`, driven by keys, and on a pseudo-terminal."""

import asyncio
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqgen.cli.editor import Editor
from seqgen.cli.manuscript import Manuscript
from seqgen.cli.word_wrap import _displayed, _padding, _source
from seqgen.cli.write import refuse_no_terminal
from seqgen.config import SamplingConfig
from seqgen.errors import CheckpointError, UsageError
from seqgen.writing.next_words import NextWord
from tests import processes

TAB, SHIFT_TAB, ESCAPE, ENTER = "\t", "\x1b[Z", "\x1b", "\r"
CTRL = {letter: chr(ord(letter) - ord("a") + 1) for letter in "acnqrstyz"}
LEFT = "\x1b[D"
REDRAWN = b"Twinkle\x0c"  # Ctrl-L draws the whole screen, otherwise only what has changed is written
PATIENCE_SECONDS = 60


class Parrot:
    """Suggests the same for every text, and counts how often it is asked."""

    def __init__(self):
        self.asked = []

    def continuation(self, text, config, attempt=0, is_outdated=lambda: False):
        self.asked.append((text, config.temperature, attempt))
        return f" upon{attempt or ''} a time, there was"

    def next_words(self, text, count, is_outdated=lambda: False):
        return [NextWord(" upon", 0.7), NextWord("\nmore", 3.0), NextWord("s", 9.0)][:count]


async def send_keys(editor, pipe, steps):
    """Run an editor, and send it keys, each followed by a condition to wait for."""
    running = asyncio.ensure_future(editor.app.run_async())
    for keys, condition in steps:
        pipe.send_text(keys)
        latest = time.monotonic() + PATIENCE_SECONDS
        while not (running.done() or condition(editor)):
            assert time.monotonic() < latest, (keys, editor.app.current_buffer.text, editor.screen.message)
            await asyncio.sleep(0.001)
    if not running.done() and not editor.app.is_done:
        editor.app.exit()
    await running
    editor.background.close()


@pytest.fixture
def drive(tmp_path):
    """Return a function that sends keys to an editor, each followed by a condition to wait for."""

    def run(*steps, text="", path=None, is_saved=True, parrot=None):
        with create_pipe_input() as pipe, create_app_session(pipe, DummyOutput()):
            manuscript = Manuscript(path, text, tmp_path / "run" / "best.safetensors", is_saved=is_saved)
            editor = Editor(manuscript, parrot or Parrot(), SamplingConfig(seed=1, temperature=1.0), "run")
            asyncio.run(send_keys(editor, pipe, steps))
            return editor

    return run


def has_text(text):
    return lambda editor: editor.buffer.text == text and editor.background.is_idle


def asks(word):
    return lambda editor: word in editor.screen.message


def is_done(editor):
    return editor.app.is_done


def test_tab_accepts_one_word_of_the_ghost_also_before_it_is_known(drive):
    editor = drive(("Once", lambda _: True), (TAB, has_text("Once upon")), (TAB, has_text("Once upon a")),
                   (TAB + TAB, has_text("Once upon a time,")))  # fmt: skip
    assert editor.ghost.text.startswith(" there was")


def test_typing_what_the_ghost_says_keeps_it(drive):
    parrot = Parrot()
    drive(("Once", has_text("Once")), (" upo", has_text("Once upo")), parrot=parrot)
    assert [text for text, *_ in parrot.asked if len(text) < 9] == ["Once"] or parrot.asked[0][0] in "Once"
    assert all(text.startswith("Once upon a time") for text, *_ in parrot.asked if len(text) > 4)


def test_shift_tab_asks_for_another_ghost_and_the_temperature_changes_it(drive):
    parrot = Parrot()
    editor = drive(
        ("Once", has_text("Once")),
        (SHIFT_TAB, lambda e: e.ghost.text.startswith(" upon1")),
        (SHIFT_TAB, lambda e: e.ghost.text.startswith(" upon2")),
        (CTRL["t"], lambda e: parrot.asked[-1][1] == 1.1),
        (CTRL["r"] * 13, lambda e: parrot.asked[-1][1] == 0),
        parrot=parrot,
    )
    assert "temperature 0" in editor._status()


def test_three_words_are_offered_and_a_digit_inserts_one_of_them(drive):
    steps = [("Once", has_text("Once")), (CTRL["n"], lambda e: len(e.choices) == 3)]
    shown = []
    editor = drive(*steps, ("", lambda e: shown.append(e._choice_line()) or True), ("2", has_text("Once\nmore")))
    styles = [style for line in shown[:1] for style, _ in line]
    assert styles == ["", "class:expected", "class:help", "", "class:possible", "class:help", "", "class:surprising",
                      "class:help"]  # fmt: skip
    assert "".join(text for _, text in shown[0]) == " 1 upon 1.0 bits   2 \u21b5more 4.3 bits   3 \u2026s 13.0 bits  "
    assert not editor.choices
    assert drive(*steps, (ESCAPE, lambda e: not e.choices), ("2", has_text("Once2"))).choices == []


def test_choices_are_inserted_at_the_cursor_but_the_ghost_only_at_the_end(drive):
    editor = drive(("Once more", has_text("Once more")), (LEFT * 5, lambda e: e.buffer.cursor_position == 4),
                   (TAB, asks("end of the text")), (CTRL["n"], lambda e: e.choices),
                   ("1", has_text("Once upon more")))  # fmt: skip
    assert editor._shown_ghost() == ""


def test_undo_and_redo_go_word_by_word(drive):
    drive(("Once upon", has_text("Once upon")), (CTRL["z"], has_text("Once ")), (CTRL["z"], has_text("Once")),
          (CTRL["z"], has_text("")), (CTRL["y"] * 2, has_text("Once ")), (TAB, has_text("Once  upon")),
          (CTRL["z"], has_text("Once ")))  # fmt: skip


def test_the_text_is_saved_under_the_name_that_is_entered(drive, tmp_path):
    path = tmp_path / "a b.txt"
    editor = drive(("Ünce\ttwo".replace("\t", " "), has_text("Ünce two")), (CTRL["s"], lambda e: e.screen.is_asking),
                   (str(path) + ENTER, asks("saved")), (CTRL["q"], is_done))  # fmt: skip
    assert path.read_text(encoding="utf-8") == "Ünce two"
    assert editor.manuscript.recovered is None


def test_another_file_is_replaced_only_after_a_question(drive, tmp_path):
    path = tmp_path / "old.txt"
    path.write_text("old")
    save = [("new", has_text("new")), (CTRL["s"], lambda e: e.screen.is_asking), (f"{path}{ENTER}", asks("exists"))]
    drive(*save, (ESCAPE, lambda e: not e.screen.is_asking))
    assert path.read_text() == "old"
    drive(*save, ("n", lambda e: e.screen._named is not None))
    assert path.read_text() == "old"
    drive(*save, ("y", asks("saved")))
    assert path.read_text() == "new"


def test_a_file_that_cannot_be_written_is_reported_and_another_name_may_be_entered(drive, tmp_path):
    editor = drive(("x", has_text("x")), (CTRL["s"], lambda e: e.screen.is_asking),
                   (f"{tmp_path}/none/a.txt{ENTER}", asks("cannot be written")),
                   (CTRL["s"], lambda e: e.screen.is_asking), (f"{tmp_path}/b.txt{ENTER}", asks("saved")))  # fmt: skip
    assert editor.manuscript.path == tmp_path / "b.txt"
    editor = drive(("x", has_text("x")), (CTRL["s"], asks("cannot be written")), path=tmp_path / "none" / "a.txt")
    assert editor.manuscript.saved != "x"


@pytest.mark.parametrize("key", [CTRL["q"], CTRL["c"]])
def test_quitting_with_an_unsaved_text_asks(drive, tmp_path, key):
    path = tmp_path / "a.txt"
    begin = [("abc", has_text("abc")), (key, asks("save before you quit?"))]
    drive(*begin, ("y", is_done), path=path)
    assert path.read_text() == "abc"
    editor = drive(*begin, ("x", asks("save")), (ESCAPE, lambda e: not e.screen.is_asking), ("d", has_text("abcd")),
                   path=path)  # fmt: skip
    assert not editor.screen.is_asking
    path.unlink()
    drive(*begin, ("n", is_done), path=path)
    assert not path.exists()
    drive((key, is_done), path=path, text="as it was")


def test_a_failure_of_the_model_ends_the_editor_with_its_error(drive):
    class Broken(Parrot):
        def continuation(self, *_):
            raise CheckpointError("the model gives no likelihoods")

    with pytest.raises(CheckpointError, match="no likelihoods"):
        drive(("Once", is_done), parrot=Broken())


def test_a_text_is_recovered_beside_its_file_under_a_new_name(tmp_path):
    manuscript = Manuscript(tmp_path / "a.txt", "old", tmp_path / "run" / "best.safetensors", is_saved=True)
    manuscript.recover("old")
    assert manuscript.recovered is None
    for number, expected in enumerate(["a-recovered.txt", "a-recovered-2.txt"]):
        manuscript.recover(f"new {number}")
        assert manuscript.recovered == tmp_path / expected
        assert (tmp_path / expected).read_text() == f"new {number}"


def test_a_text_is_recovered_elsewhere_if_its_folder_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    manuscript = Manuscript(tmp_path / "none" / "a.txt", "", tmp_path / "run" / "best.safetensors", is_saved=True)
    manuscript.recover("new")
    assert manuscript.recovered == tmp_path / "a-recovered.txt"


def test_output_is_continued_and_a_prime_does_not_replace_it(tmp_path):
    path, source = tmp_path / "a.txt", tmp_path / "run" / "best.safetensors"
    fresh = Manuscript.opened(path, "Once", source)
    assert (fresh.text, fresh.saved) == ("Once", "")
    path.write_bytes("\ufeffé\r\nb\r".encode())
    found = Manuscript.opened(path, "", source)
    assert (found.text, found.saved) == ("é\nb\n", "é\nb\n")
    assert Manuscript.opened(path, f"@{path}", source).text == "é\nb\n"
    assert Manuscript.opened(None, f"@{path}", source).path is None
    with pytest.raises(UsageError, match="exists and would be replaced"):
        Manuscript.opened(path, "Once", source)


@pytest.mark.parametrize("width", [10, 23])
def test_lines_are_wrapped_between_words(width):
    text = "It is a truth universally acknowledged, that a 漢字漢字 man " + "x" * 25 + " a"
    padding = _padding(text, width)
    shown = "".join(" " * padding.get(place, 0) + letter for place, letter in enumerate(text))
    rows, row, column = [], "", 0
    for letter in shown:
        size = 2 if letter in "漢字" else 1
        if column + size > width:
            rows, row, column = [*rows, row], "", 0
        row, column = row + letter, column + size
    words = [word for line in [*rows, row] for word in line.split()]
    assert [word for word in words if len(word) < width][:3] == ["It", "is", "a"]
    long = [word for word in text.split() if len(word) >= width - 1]
    assert all(word in words for word in text.split() if word not in long)
    displayed, source = _displayed(padding), _source(padding)
    for place, letter in enumerate(text):
        assert shown[displayed(place)] == letter
        assert source(displayed(place)) == place


@contextmanager
def on_terminal(trained, *arguments, **environment):
    """Start `seqgen write` on a pseudo-terminal; yield the process and the terminal."""
    terminal, other = os.openpty()
    variables = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(Path.cwd()), **environment}
    command = [sys.executable, "-m", "seqgen", "write", *arguments]
    process = processes.start(command, stdin=other, stdout=other, cwd=trained.folder, env=variables)
    os.close(other)
    os.set_blocking(terminal, False)
    try:
        yield process, terminal
    finally:
        os.close(terminal)


def wait_for(process, terminal, text):
    """Wait until the screen shows a text."""
    shown = bytearray()

    def is_shown():
        with suppress(BlockingIOError):
            shown.extend(os.read(terminal, 1 << 16))
        return text.encode() in shown

    processes.wait_until(is_shown, process)


@contextmanager
def unsaved_text(trained, path):
    """Start `seqgen write` on a pseudo-terminal and type a word; yield the process."""
    with on_terminal(trained, "--checkpoint", "rhyme", "--output", str(path)) as (process, terminal):
        wait_for(process, terminal, "temperature")
        os.write(terminal, REDRAWN)
        wait_for(process, terminal, "Twinkle")
        yield process


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_the_text_in_a_new_file(trained, tmp_path, number):
    path = tmp_path / "novel.txt"
    with unsaved_text(trained, path) as process:
        process.send_signal(number)
        done = processes.finish(process)
    assert done.returncode == 130
    assert "novel-recovered.txt" in done.stderr.replace("\n", "")
    assert (tmp_path / "novel-recovered.txt").read_text() == "Twinkle"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_that_disappears_loses_nothing(trained, tmp_path):
    path = tmp_path / "novel.txt"
    with unsaved_text(trained, path) as process:
        pass
    processes.finish(process)
    assert (tmp_path / "novel-recovered.txt").read_text() == "Twinkle"


@pytest.mark.parametrize("arguments", [[], ["--prime", "-"]])
def test_write_needs_a_terminal(trained, arguments):
    done = trained.cli("write", "--checkpoint", "rhyme", *arguments)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr


@pytest.fixture
def terminal(monkeypatch):
    """Let commands that run in this process believe that they have a terminal."""
    monkeypatch.setattr("seqgen.cli.write.refuse_no_terminal", lambda: None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prime", "-"], "--prime - would read the keyboard"),
        (["--output", "none/a.txt"], "does not exist"),
        (["--bars", "4"], "--bars is for models of music"),
        (["--temperature", "-1"], "--temperature must be"),
        (["--output", "rhyme.txt", "--prime", "x"], "omit --prime"),
        (["--prime", "@none.txt"], "cannot be read"),
    ],
)
def test_bad_input_is_a_one_line_error(trained, terminal, arguments, message):
    done = trained.cli("write", "--checkpoint", "rhyme", *arguments)
    assert done.returncode in (1, 2)
    assert message in done.stderr.splitlines()[-1]


def test_a_simple_terminal_is_rejected(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(UsageError, match="TERM is dumb"):
        refuse_no_terminal()
    monkeypatch.setenv("TERM", "xterm")
    refuse_no_terminal()
