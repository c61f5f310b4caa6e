"""Fine-tuning: weights and vocabulary of another run, and options that contradict them."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig, ModelOptions, TrainOptions
from seqgen.errors import UsageError
from seqgen.levels import level_class
from seqgen.music.write import rendered
from seqgen.training.fine_tuning import extended, inherited
from tests.conftest import RHYME, quick_runner
from tests.scores import random_melody

OTHER = "Baa, baa, black sheep,\nHave you any wool?\nYes sir, yes sir,\nThree bags full: ça!\n"


@pytest.fixture(scope="module")
def tuned(trained, tmp_path_factory):
    """Fine-tune `rhyme` on another rhyme; return the folder, its command line and the output."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "sheep.txt").write_text(OTHER * 30, encoding="utf-8")
    cli = quick_runner(folder)
    best = str(trained.files / "best.safetensors")
    done = cli("train", "--corpus", "sheep.txt", "--from", best, "--steps", "4", "--batch-size", "8")
    assert done.returncode == 0, done.stderr
    return folder, cli, done.stderr


def test_fine_tuning_starts_with_the_weights_and_the_vocabulary_of_the_run(trained, tuned):
    folder, _, output = tuned
    parent = Checkpoint.read(trained.files / "best.safetensors")
    child = Checkpoint.read(folder / "checkpoints" / "sheep" / "last.safetensors")
    assert child.level.alphabet.startswith(parent.level.alphabet)
    assert child.config.model.architecture == parent.config.model.architecture
    assert set(child.unseen) <= set(parent.unseen)
    lines = (folder / "checkpoints" / "sheep" / "metrics.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert (first["step"], first["train_nats"]) == (0, None)
    assert "step 0" in output


def test_the_first_validation_is_that_of_the_parent(trained, tuned):
    folder, cli, _ = tuned
    text = RHYME.replace("star", "sun") * 30
    (folder / "known.txt").write_text(text, encoding="utf-8")
    done = cli("train", "--corpus", "known.txt", "--from", str(trained.files), "--steps", "1", "--name", "known")
    assert done.returncode == 0, done.stderr
    assert "to the vocabulary of --from" not in done.stderr
    first = json.loads((folder / "checkpoints" / "known" / "metrics.jsonl").read_text().splitlines()[0])
    (folder / "tail.txt").write_text(text[int(0.9 * len(text)) :], encoding="utf-8")
    before = trained.cli("evaluate", "--corpus", str(folder / "tail.txt"), "--json")
    assert first["valid_nats"] == pytest.approx(json.loads(before.stdout)["nats_per_token"], rel=0.01)


def test_new_characters_are_added_after_those_of_the_parent_which_keep_their_weights(trained, tuned):
    folder, cli, output = tuned
    lacking = Counter(character for character in OTHER if character not in RHYME)
    printed = " ".join(output.split())
    assert f"added {len(lacking)} characters of this corpus to the vocabulary of --from: " in printed
    parent = Checkpoint.read(trained.files / "best.safetensors")
    child = Checkpoint.read(folder / "checkpoints" / "sheep" / "best.safetensors")
    assert set(child.level.alphabet) - set(parent.level.alphabet) == set(lacking)
    figures = json.loads(cli("evaluate", "--json").stdout)  # reads the corpus again, with the same vocabulary
    assert figures["tokens"] == figures["characters"] + 1
    rows = extended(parent.weights, {name: torch.full_like(w, 7) for name, w in child.weights.items()})
    for name, weight in parent.weights.items():
        assert torch.equal(rows[name][: len(weight)], weight)
        assert rows[name].shape == child.weights[name].shape
        assert (rows[name][len(weight) :] == 7).all()
    assert len(rows["embedding"]) - len(parent.weights["embedding"]) == len(lacking)


@pytest.mark.parametrize("options", [["--level", "word"], ["--ngram", "2"], ["--softmax-cutoff", "20"]])
def test_other_vocabularies_are_kept_and_what_they_lack_is_reported(tmp_path, options):
    cli = quick_runner(tmp_path)
    (tmp_path / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    (tmp_path / "sheep.txt").write_text(OTHER * 30, encoding="utf-8")
    small = ["--steps", "1", "--hidden-size", "16", "--num-layers", "1", "--batch-size", "4"]
    assert cli("train", "--corpus", "rhyme.txt", *options, *small).returncode == 0
    done = cli("train", "--corpus", "sheep.txt", "--from", "rhyme", "--steps", "1", "--batch-size", "4")
    assert done.returncode == 0, done.stderr
    lacking = Counter(character for character in OTHER * 30 if character not in RHYME)
    printed = " ".join(done.stderr.split())
    assert (
        f"a vocabulary that lacks {len(lacking)} characters of this corpus ({lacking.total():,} occurrences, "
        f"{lacking.total() / len(OTHER * 30):.2%} of the text), each of which takes several tokens: "
    ) in printed
    assert all(repr(character) in printed for character in sorted(lacking)[:3])
    figures = json.loads(cli("evaluate", "--json").stdout)
    assert figures["characters"] < figures["bytes"]


@pytest.mark.parametrize("level", ["character", "word", "subword"])
def test_the_count_of_characters_outside_the_vocabulary_equals_that_of_the_text(level, monkeypatch):
    monkeypatch.setattr("seqgen.levels.base._COUNTED_AT_ONCE", 7)  # within characters, too
    text = "Über ∀x: 日本語 \U0001f600, ça va\nüber ∀" * 3
    found = level_class(level).fit([[RHYME * 30]], CorpusConfig(level=level))
    counts = found.spelled_out(found.encode(text))
    expected = Counter(character for character in text if ord(character) > 127)
    assert {c: n for c, n in counts.items() if ord(c) > 127} == expected
    assert found.spelled_out(found.encode("How I wonder")) == Counter()


def test_a_fine_tuned_run_learns_and_resumes(tuned):
    folder, cli, _ = tuned
    best = str(folder / "checkpoints" / "sheep" / "best.safetensors")
    options = ["--corpus", "sheep.txt", "--from", best, "--batch-size", "8"]
    assert cli("train", *options, "--name", "long", "--steps", "6").returncode == 0
    assert cli("train", *options, "--name", "short", "--steps", "3").returncode == 0
    done = cli("train", "--resume", "short", "--steps", "6")
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (folder / "checkpoints" / "long" / "metrics.jsonl").read_text().splitlines()]
    losses = [line["valid_nats"] for line in log if line["valid_nats"] is not None]
    assert losses[-1] < losses[0]


def test_a_run_that_only_gets_worse_keeps_its_initial_weights(trained, tuned):
    folder, cli, _ = tuned
    (folder / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    parent = trained.files / "best.safetensors"
    done = cli("train", "--corpus", "rhyme.txt", "--from", str(parent), "--steps", "2", "--learning-rate", "5",
               "--clip", "1000", "--name", "worse")  # fmt: skip
    assert done.returncode == 0, done.stderr
    best = Checkpoint.read(folder / "checkpoints" / "worse" / "best.safetensors")
    for name, weight in Checkpoint.read(parent).weights.items():
        assert torch.equal(best.weights[name], weight)


def test_the_configuration_of_a_fine_tuned_run_can_be_reused(tuned):
    folder, cli, _ = tuned
    config = folder / "checkpoints" / "sheep" / "config.toml"
    assert "from = " in config.read_text()
    done = cli("train", "--config", str(config), "--name", "again")
    assert done.returncode == 0, done.stderr
    logs = [(folder / "checkpoints" / name / "metrics.jsonl").read_text() for name in ("sheep", "again")]
    assert len({json.loads(log.splitlines()[-1])["valid_nats"] for log in logs}) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--level", "word"], "uses --level character: omit --level word"),
        (["--hidden-size", "64"], "uses a model with --hidden-size 48: omit --hidden-size"),
        (["--cell", "gru"], "uses a model with --cell lstm: omit --cell"),
        (
            ["--projection-size", "24"],
            "uses a model without --projection-size: omit --projection-size",
        ),
        (["--residual"], "uses a model without --residual: omit --residual"),
        (["--ngram", "2"], "omit --ngram"),
        (["--vocabulary-size", "50"], "omit --vocabulary-size"),
        (["--corpus", "tune.mid"], "tune.mid is not plain text (MIDI file): read it as music, with --level note"),
    ],
)
def test_options_of_another_model_or_vocabulary_are_rejected(trained, tuned, options, message):
    folder, cli, _ = tuned
    (folder / "tune.mid").write_bytes(rendered(random_melody(1), ".mid"))
    corpus = [] if "--corpus" in options else ["--corpus", "sheep.txt"]
    best = str(trained.files / "best.safetensors")
    done = cli("train", *corpus, "--from", best, "--name", "refused", *options)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_explicit_default_values_are_respected(trained):
    parent = Checkpoint.read(trained.files / "best.safetensors")
    gru = replace(parent, config=replace(parent.config, model=replace(parent.config.model, cell="gru")))
    requested = TrainOptions(model=ModelOptions(from_="gru"))
    assert inherited(requested, gru, ()).model.cell == "gru"
    with pytest.raises(UsageError, match="uses a model with --cell gru: omit --cell"):
        inherited(requested, gru, {"cell"})


def test_a_missing_run_is_named(tuned):
    _, cli, _ = tuned
    done = cli("train", "--corpus", "sheep.txt", "--from", "nobody")
    assert done.returncode == 1
    assert "there is no checkpoint 'nobody'" in done.stderr
