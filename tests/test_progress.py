"""Progress of long computations."""

import io
import json
import os
from contextlib import nullcontext

import pytest
from rich.console import Console

from seqgen.cli.progress import ShownProgress
from seqgen.evaluation import progress
from seqgen.evaluation.likelihood import surprisals
from tests.test_cli import on_terminal


class Recorded(progress.Progress):
    """Records all tasks."""

    def __init__(self):
        self.tasks = {}

    def task(self, name, total=0):
        self.tasks.setdefault(name, []).append(progress.Task(total))
        return nullcontext(self.tasks[name][-1])


class Clock:
    """A clock that the test sets."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


def test_without_a_terminal_share_and_time_left_are_printed_every_ten_seconds(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with ShownProgress().task("sampling", 200) as task:
        for _ in range(50):
            clock.now += 1
            task.advance(2)
        task.expect(200)
        clock.now += 10
        task.advance(20)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "sampling: 10%, 1:30 left",
        "sampling: 20%, 1:20 left",
        "sampling: 30%, 1:10 left",
        "sampling: 40%, 1:00 left",
        "sampling: 50%, 0:50 left",
        "sampling: 30%, 2:20 left",
    ]


def test_no_time_is_estimated_before_anything_is_done(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with ShownProgress().task("sampling", 3) as task:
        clock.now += 10
        task.advance(0)
    assert capsys.readouterr().err == "sampling: 0%\n"


def test_a_share_is_never_above_100_percent(monkeypatch, capsys):
    clock = Clock(monkeypatch)
    with ShownProgress().task("reading") as task:  # how much there is to do is not known
        clock.now += 10
        task.advance(5)
    assert capsys.readouterr().err == "reading: 100%, 0:00 left\n"


def test_a_bar_moves_leaves_standard_output_alone_and_is_gone_at_the_end(monkeypatch, capsys):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "xterm"})
    monkeypatch.setattr("seqgen.cli.progress.console", console)
    clock = Clock(monkeypatch)
    with ShownProgress().task("scoring") as task:
        (bar,) = task._bars.tasks
        assert bar.total is None
        task.expect(4)
        clock.now += 1
        task.advance()
        assert (bar.completed, bar.total) == (1, 4)
        print("result")
    assert capsys.readouterr().out == "result\n"
    shown = console.file.getvalue()
    assert "\x1b[1A\x1b[2K" in shown[shown.rindex("scoring") :]


def test_a_terminal_without_escape_sequences_gets_lines(monkeypatch):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "dumb"})
    for name in ("progress", "display"):
        monkeypatch.setattr(f"seqgen.cli.{name}.console", console)
    clock = Clock(monkeypatch)
    with ShownProgress().task("scoring", 4) as task:
        clock.now += 10
        task.advance()
    assert console.file.getvalue() == "scoring: 25%, 0:30 left\n"


def test_tracked_items_are_yielded_and_counted():
    recorded = Recorded()
    done = [(item, recorded.tasks["counting"][0].done) for item in recorded.track("counting", "abc", 3)]
    assert done == [("a", 0), ("b", 1), ("c", 2)]
    assert (recorded.tasks["counting"][0].done, recorded.tasks["counting"][0].total) == (3, 3)
    assert list(progress.SILENT.track("counting", "abc", 3)) == ["a", "b", "c"]


@pytest.mark.parametrize("forgets", [True, False])
def test_the_progress_of_scoring_includes_tokens_that_are_read_again(make_dataset, make_model, forgets, monkeypatch):
    dataset = make_dataset("abcdefgh" * 400, "hgfedcba")
    if not forgets:
        monkeypatch.setattr("seqgen.evaluation.likelihood._TOLERANCE", -1.0)
    recorded = Recorded()
    surprisals(make_model(len(dataset.counts)), dataset, 4, progress=recorded)
    (task,) = recorded.tasks["scoring"]
    assert task.done == task.total
    assert task.total > dataset.num_targets  # warm-ups are read in addition
    assert (task.total > 2 * dataset.num_targets) == (not forgets)


@pytest.mark.parametrize("corpus", [[], ["--corpus", "rhyme.txt"]])
def test_each_task_of_an_evaluation_shows_complete_progress(trained, monkeypatch, corpus):
    recorded = Recorded()
    monkeypatch.setattr("seqgen.cli.evaluate.ShownProgress", lambda: recorded)
    done = trained.cli("evaluate", "--dynamic", "--cache", "50", "--num-samples", "1", "--json", *corpus)
    assert done.returncode == 0, done.stderr
    assert {"scoring", "counting n-grams", "scoring with n-grams", "compressing with xz", "compressing with bz2",
            "gradients of the training set", "dynamic evaluation", "scoring with a cache", "sampling",
            "searching for copies"} <= recorded.tasks.keys()  # fmt: skip
    assert ("comparing with the corpus of the run" in recorded.tasks) == bool(corpus)
    for name, tasks in recorded.tasks.items():
        for task in tasks:
            assert task.done == pytest.approx(task.total, rel=0.1), name


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_bars_on_a_terminal_do_not_mix_with_results(trained, tmp_path):
    target = tmp_path / "result.json"
    with target.open("w") as output:
        shown = on_terminal(trained.folder, "evaluate", "--num-samples", "1", "--json", output=output)
    assert "sampling" in shown
    assert "\x1b[" in shown
    assert "copying" in json.loads(target.read_text())
    assert "copying" not in shown
