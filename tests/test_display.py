"""Output on terminals of any size, and in pipes."""

import io
import math
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from seqgen.cli import display, panel
from seqgen.cli.description import Description
from seqgen.corpus.reading import ReadingLog
from seqgen.training.report import Report

MESSAGE = "poems: lstm 2x512, 3,251,513 parameters, 121 character tokens, batch 32 x 128, learning rate 0.0019"
HEADS = ["", "nats per token", "perplexity", "bits per character", "bits per byte"]
ROWS = [["the model", "1.1019", "2,010,103,927.1234", "1.5899", "1.5853"], ["xz", "", "", "1.7063", "1.7014"]]


def terminal(width, height=24):
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, highlight=False, markup=False,
        legacy_windows=False,
    )  # fmt: skip


def shown_on(console):
    """Return what was printed, without escape sequences."""
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_messages_break_between_words_on_a_terminal(monkeypatch, width):
    for name in ("console", "_errors"):
        monkeypatch.setattr(display, name, terminal(width))
    display.note(MESSAGE)
    display.error(MESSAGE)
    for console in (display.console, display._errors):
        lines = shown_on(console).splitlines()
        assert max(map(len, lines)) <= width
        assert " ".join(lines).split()[-len(MESSAGE.split()) :] == MESSAGE.split()


def test_messages_are_one_line_if_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    display.note(MESSAGE)
    display.error(MESSAGE)
    assert capsys.readouterr().err == f"{MESSAGE}\nError: {MESSAGE}\n"


def test_a_suggested_command_is_printed_on_one_line(monkeypatch):
    command = "seqgen sample --checkpoint a-long-name --length 300"
    for width, expected in (
        (80, f"try: {command}\n"),
        (52, f"try:\n{command}\n"),
        (30, f"try:\n{command}\n"),
    ):
        monkeypatch.setattr(display, "console", terminal(width))
        display.propose("try", command)
        assert shown_on(display.console) == expected


def test_a_loss_is_shown_per_token_and_per_note_or_character():
    """Of 200 tokens each; 50 notes take four tokens each, 400 characters half a token."""
    notes, text = (SimpleNamespace(total_targets=200, extent={"bars": 9} | extent)
                   for extent in ({"notes": 50}, {"characters": 400}))  # fmt: skip
    assert panel.loss(1.5, notes) == "1.5000 nats (6.000 per note)"
    assert panel.loss(math.log(2), text) == "0.6931 nats (0.500 bits per character)"


def test_a_table_in_a_pipe_is_never_cut_or_wrapped(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    display.show_table(HEADS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "           nats per token          perplexity  bits per character  bits per byte",
        "the model          1.1019  2,010,103,927.1234              1.5899         1.5853",
        "xz                                                         1.7063         1.7014",
    ]


def test_a_table_that_is_too_wide_for_a_terminal_is_shown_row_by_row(monkeypatch):
    out = terminal(60)
    monkeypatch.setattr(display, "results", lambda: out)
    display.show_table(HEADS, ROWS)
    assert shown_on(out).splitlines() == [
        "the model",
        "  nats per token: 1.1019",
        "  perplexity: 2,010,103,927.1234",
        "  bits per character: 1.5899",
        "  bits per byte: 1.5853",
        "xz",
        "  bits per character: 1.7063",
        "  bits per byte: 1.7014",
    ]
    out = terminal(80)
    monkeypatch.setattr(display, "results", lambda: out)
    display.show_table(HEADS, ROWS)
    assert len(shown_on(out).splitlines()) == 3


def test_wide_characters_keep_the_columns_of_a_table_straight(capsys):
    display.show_table(["run", "steps"], [["詩", "7"], ["poems", "12"]])
    assert capsys.readouterr().out == "run    steps\n詩         7\npoems     12\n"


@pytest.fixture(scope="module")
def report():
    return Report(
        step=1234, epoch=12.3, tokens=10**6, seconds=60.0, train_nats=1.2345, valid_nats=1.3456, learning_rate=0.001,
        gradient_norm=0.5, clipped_share=0.25, tokens_per_second=123_456.0,
    )  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 12), (40, 10), (80, 6), (30, 3)])
def test_the_panel_fits_the_terminal_until_it_is_final(monkeypatch, start, report, width, height):
    """A higher panel would scroll and could not be erased."""
    trainer = start(steps=2)
    trainer.figures.valid_nats = trainer.figures.best_valid_nats = 1.3456
    trainer.figures.best_step = 1234
    console = terminal(width, height)
    for module in (panel, display):
        monkeypatch.setattr(module, "console", console)
    frames = []
    with panel.TrainingDisplay(trainer, is_quiet=False, is_verbose=False) as shown:
        for sample in ("", "\n".join(f"line {number}" for number in range(9)), "long words " * 40):
            shown.show(report)
            shown.show_sample(sample)
            frames.append(console.render_lines(shown._live.renderable, pad=False))
        shown.show_sample("\n".join(f"line {number}" for number in range(9)))
    assert all(len(frame) < height for frame in frames)
    assert all(sum(segment.cell_length for segment in line) <= width for frame in frames for line in frame)
    written = console.file.getvalue()
    assert written.rindex("\x1b[2K") < written.rindex("line 5")  # the final panel is not erased
    last = shown_on(console)[-2000:]
    assert "line 5" in last
    assert "line 6" not in last
    assert "1,234" in last
    for word in ("tokens/s", "character)", "gradient"):
        assert word in last


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(59, "now"), (60, "1 minute"), (3599, "59 minutes"), (3600, "1 hour"), (86400, "1 day"), (200_000, "2 days")],
)
def test_an_age_is_shown_in_its_largest_unit(monkeypatch, seconds, age):
    monkeypatch.setattr("seqgen.cli.description.time.time", lambda: 1e9 + seconds)
    assert Description("r", "word", 9, "lstm", "1x8", 0, None, None, 0, 0.0, (), "0", modified=1e9).age == age


def test_what_was_skipped_is_counted_and_named_up_to_twenty():
    reading = ReadingLog()
    for number in range(21):
        reading.skip("hidden file", f".{number}")
        reading.note("UTF-16", f"{number}.txt")
    assert reading.summary == ["0.txt and 20 more: UTF-16", "skipped 21 hidden files"]
    assert reading.details[-2:] == ["skipped hidden file: .19", "skipped hidden file: and 1 more"]
    few = ReadingLog()
    few.skip("hidden file", ".a")
    assert few.details == ["skipped hidden file: .a"]
