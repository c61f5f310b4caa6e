"""The built-in models: files, figures and how they are found; the commands that trained them are the oracle."""

import json
import random
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import seqgen
from seqgen import pretrained
from seqgen.checkpoint import Checkpoint
from seqgen.corpus.builtin import files
from seqgen.levels.note import NoteLevel
from tests.pretraining import OPTIONS, command, pack

CARDS = Path(__file__).parents[1] / "checkpoints" / "README.md"
every_model = pytest.mark.parametrize("name", pretrained.names())


def test_there_is_a_command_and_a_card_for_each_model():
    names = {name.removeprefix("builtin:") for name in pretrained.names()}
    assert names == OPTIONS.keys()
    assert set(re.findall(r"^## builtin:(\S+)$", CARDS.read_text(encoding="utf-8"), re.MULTILINE)) == names


def test_the_files_are_small_and_in_half_precision():
    paths = [pretrained.path_of(name) for name in pretrained.names()]
    assert max(path.stat().st_size for path in paths) <= 3_000_000
    assert sum(path.stat().st_size for path in paths) <= 10_000_000
    for path in paths:
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118  # no mapping


@every_model
def test_a_model_was_trained_by_its_command(name, tmp_path, monkeypatch):
    """The options recorded in the file are those of the command, and its loss is the one on the card."""
    monkeypatch.chdir(tmp_path)
    loaded = Checkpoint.read(pretrained.path_of(name))
    arguments = command(name.removeprefix("builtin:"))
    requested = loaded.requested.to_flat()
    for option, value in zip(arguments[1::2], arguments[2::2], strict=True):
        if option != "--name":
            recorded = requested[option.removeprefix("--")]
            assert str(recorded[0] if isinstance(recorded, list | tuple) else recorded) == value
    card = re.split(r"^## builtin:", CARDS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (own,) = [text for text in card if text.startswith(name.removeprefix("builtin:"))]
    assert f"seqgen {' '.join(arguments)}" in own
    assert f"{sum(weight.numel() for weight in loaded.weights.values()):,} parameters" in own
    (nats,) = re.findall(r"([\d.]+) nats per token", own)
    assert float(nats) == pytest.approx(loaded.figures["best_valid_nats"], abs=0.002)


def trigrams(text):
    return {text[place : place + 3] for place in range(len(text) - 2)}


@every_model
def test_a_model_writes_what_its_card_says(name):
    model = seqgen.load(name, device="cpu")
    if isinstance(model.checkpoint.level, NoteLevel):
        (score,) = model.compose(seed=1)
        assert len(score.bars) >= 8
        assert any(track.notes for track in score.tracks)
    else:
        text = "\n".join(model.sample(length=200, num_samples=20, seed=1))
        (file,) = files(name.removeprefix("builtin:"))
        with file.opened() as opened:
            known = trigrams(opened.read().decode())
        own = trigrams(text)
        assert len(own) > 40
        assert len(own & known) / len(own) > 0.9
        assert len(trigrams("".join(random.Random(1).sample(text, len(text)))) & known) / len(own) < 0.7


def test_half_precision_keeps_the_loss(trained, tmp_path):
    pack(trained.files, tmp_path / "half.safetensors")
    (tmp_path / "rhyme.txt").write_bytes((trained.folder / "rhyme.txt").read_bytes())
    losses = []
    for path in (trained.files / "best.safetensors", tmp_path / "half.safetensors"):
        report = trained.cli("evaluate", "--checkpoint", str(path), "--corpus", "rhyme.txt", "--json")
        losses.append(json.loads(report.stdout)["nats_per_token"])
    assert losses[1] == pytest.approx(losses[0], abs=1e-3)
    weights = Checkpoint.read(tmp_path / "half.safetensors").weights
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (trained.files / "best.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ([], "builtin:shakespeare"),
        (["--prime", "@a.txt"], "builtin:shakespeare"),
        (["--output", "a.mid"], "builtin:bach-chorales"),
        (["--prime", "@a.abc"], "builtin:bach-chorales"),
    ],
)
def test_without_a_run_a_built_in_model_writes_and_says_so(quick_cli, tmp_path, options, model):
    (tmp_path / "a.txt").write_text("Good morrow")
    (tmp_path / "a.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n")
    done = quick_cli("sample", "--length", "30", "--seed", "1", *options)
    assert done.returncode == 0, done.stderr
    assert f"there is no run in checkpoints: using {model} (also built in: " in done.stderr
    assert f"{model}, seed 1\n" in done.stderr


def test_a_run_is_preferred_to_the_built_in_models(trained):
    assert "builtin:" not in trained.cli("sample", "--length", "10").stderr


@pytest.mark.parametrize("arguments", ["sample --checkpoint", "evaluate --checkpoint", "train --corpus a.txt --from"])
def test_an_unknown_built_in_model_is_an_error_that_lists_them(quick_cli, tmp_path, arguments):
    (tmp_path / "a.txt").write_text("text " * 200)
    done = quick_cli(*arguments.split(), "builtin:poems")
    assert done.returncode == 1
    listed = ", ".join(pretrained.names())
    assert done.stderr == f"Error: there is no built-in model 'builtin:poems'; the built-in models are {listed}\n"


def test_training_starts_from_a_built_in_model(quick_cli, tmp_path):
    (tmp_path / "mine.txt").write_text("Shall I compare thee to a summer's day?\n" * 40, encoding="utf-8")
    done = quick_cli("train", "--corpus", "mine.txt", "--from", "builtin:names", "--steps", "2", "--name", "mine")
    assert done.returncode == 0, done.stderr
    own = Checkpoint.read(tmp_path / "checkpoints" / "mine" / "best.safetensors")
    assert own.config.model.hidden_size == Checkpoint.read(pretrained.path_of("builtin:names")).config.model.hidden_size
