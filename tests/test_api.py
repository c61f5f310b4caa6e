"""The Python API."""

import json

import pytest

import seqgen
from seqgen.errors import CheckpointError, CorpusError, UsageError
from tests.conftest import runner


@pytest.fixture
def model(trained):
    return seqgen.load(trained.files / "best.safetensors", device="cpu")


def test_samples_are_those_of_the_command_line(trained, model):
    options = ("--prime", "How ", "--seed", "3", "--length", "30", "--num-samples", "2", "--json")
    done = runner(trained.folder)("sample", *options)
    expected = [json.loads(line)["text"] for line in done.stdout.splitlines()]
    assert model.sample("How ", seed=3, length=30, num_samples=2) == expected


def test_scores_are_those_of_the_command_line(trained, model, tmp_path):
    (tmp_path / "a.txt").write_text("How I wonder ü\n", encoding="utf-8")
    done = trained.cli("evaluate", "--corpus", str(tmp_path / "a.txt"), "--json")
    expected = json.loads(done.stdout)
    scored = model.score("How I wonder ü\r\n")
    assert scored.pop("part") == "text"
    assert scored == {name: expected[name] for name in scored}
    assert {"tokens", "nats_per_token", "bits_per_character", "bits_per_byte"} <= scored.keys()


def test_what_was_never_seen_is_never_written(model):
    alphabet = set(model.checkpoint.level.alphabet)
    texts = model.sample("", seed=1, length=400, num_samples=20, temperature=20.0)
    assert set("".join(texts)) <= alphabet
    assert all(len(text) == 400 for text in texts)  # nor does a text end that never ended in training


def test_an_empty_text_has_no_score(model):
    with pytest.raises(CorpusError, match="an empty text cannot be scored"):
        model.score("")


def test_the_newest_run_is_loaded_by_default(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)
    assert seqgen.load().checkpoint.fingerprint == seqgen.load("rhyme").checkpoint.fingerprint


def test_what_is_wrong_is_raised_as_a_sentence(model):
    with pytest.raises(UsageError, match="--temperature must be at least 0, got -1"):
        model.sample(temperature=-1)
    with pytest.raises(CheckpointError, match="no checkpoint 'nothing'"):
        seqgen.load("nothing")
    with pytest.raises(AttributeError, match="no attribute 'play'"):
        seqgen.play  # noqa: B018
