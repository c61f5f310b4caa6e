"""`--log-to tensorboard`, read back by TensorBoard's own reader; and the documentation of the fields of the log."""

import json
import re
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from seqgen.training import event_files
from seqgen.training.event_files import EventFiles
from seqgen.training.example import Example
from seqgen.training.report import Report
from tests.conftest import RHYME

ROOT = Path(__file__).parent.parent
SMALL = ("--hidden-size", "16", "--num-layers", "1", "--batch-size", "4", "--sequence-length", "16")
needs_tensorboard = pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")


def read_back(folder):
    """Return the numbers and the texts by tag and step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    numbers = {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in tags["scalars"]}
    texts = {tag: {event.step: event.tensor_proto.string_val[0].decode() for event in events.Tensors(tag)}
             for tag in tags["tensors"]}  # fmt: skip
    return numbers, texts


def logged(folder):
    """Return the numbers in `metrics.jsonl` by field and step."""
    numbers = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if value is not None and name != "step":
                numbers.setdefault(name, {})[record["step"]] = pytest.approx(value, rel=1e-6)
    return numbers


@needs_tensorboard
def test_tensorboard_reads_every_figure_of_the_log_also_of_a_resumed_run(quick_cli, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 30)
    folder = tmp_path / "checkpoints" / "rhyme"
    logging = ("--log-to", "tensorboard", "--quiet")
    assert quick_cli("train", "--corpus", "rhyme.txt", "--steps", "12", *SMALL, *logging).returncode == 0
    assert read_back(folder)[0] == logged(folder)
    assert {"train_nats", "valid_nats", "learning_rate", "epoch"} <= logged(folder).keys()
    assert quick_cli("train", "--resume", "rhyme", "--steps", "20", "--quiet").returncode == 0
    assert quick_cli("train", "--resume", "rhyme", "--steps", "30", *logging).returncode == 0
    assert read_back(folder)[0] == logged(folder)
    assert max(logged(folder)["valid_nats"]) == 30
    assert len(list(folder.glob("events.*"))) == 1
    again = ("--name", "rhyme", "--overwrite", "--quiet")
    assert quick_cli("train", "--corpus", "rhyme.txt", "--steps", "2", *SMALL, *again).returncode == 0
    assert not list(folder.glob("events.*"))


@needs_tensorboard
def test_examples_are_texts_and_a_restart_drops_later_steps(tmp_path):
    events = EventFiles(tmp_path)
    records = [
        {"step": step, "valid_nats": step / 8, "train_nats": None, "example": {"given": f"given {step}", "output": "b"}}
        for step in range(3)
    ]
    events.restart(records)
    events.restart(records[:2])
    events.close()
    numbers, texts = read_back(tmp_path)
    assert numbers == {"valid_nats": {0: 0.0, 1: 0.125}}
    assert texts == {
        "example/given/text_summary": {0: "given 0", 1: "given 1"},
        "example/output/text_summary": {0: "b", 1: "b"},
    }


@needs_tensorboard
def test_event_files_in_a_folder_of_text_are_not_learned(quick_cli, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 30)
    options = ("--steps", "2", *SMALL, "--log-to", "tensorboard", "--checkpoints-dir", "runs", "--data-dir", "cache")
    assert quick_cli("train", "--corpus", "rhyme.txt", *options).returncode == 0
    num_files = len([path for path in (tmp_path / "runs").rglob("*") if path.is_file()])
    done = quick_cli("train", "--corpus", str(tmp_path), *options, "--name", "b")
    assert f"{num_files} files of seqgen's own runs" in done.stderr


def test_a_missing_package_is_reported_before_the_corpus_is_read(quick_cli, monkeypatch):
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    done = quick_cli("train", "--corpus", "missing.txt", "--log-to", "tensorboard")
    assert done.returncode == 2
    assert done.stderr == "Error: --log-to tensorboard needs the package tensorboard: pip install tensorboard\n"


def test_every_field_of_the_log_is_documented():
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    section = page.partition("## The log of a run\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))
    assert list(rows) == [item.name for item in fields(Report)]
    assert {item.name for item in fields(Example)} <= set(re.findall(r"`(\w+)`", rows["example"]))
