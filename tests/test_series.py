"""`seqgen train --seeds`: runs that differ only in their seeds, compared with single runs."""

import hashlib
import signal

import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.training import session
from seqgen.training.learner import Learner
from seqgen.training.series import RunResult, summary
from tests.conftest import RHYME

SMALL = ["--steps", "6", "--hidden-size", "16", "--num-layers", "1", "--batch-size", "4", "--quiet"]


def tensors(folder, name):
    """Return the hash of all tensors of the last state of a run."""
    content = (folder / "checkpoints" / name / "last.safetensors").read_bytes()
    return hashlib.sha256(content[8 + int.from_bytes(content[:8], "little") :]).hexdigest()


def test_the_spread_is_the_standard_deviation_or_the_range_of_two():
    results = [RunResult(f"r-seed{seed}", seed, 5, nats) for seed, nats in enumerate([1.0, 2.0, 4.0], 1)]
    assert summary(results) == "mean 2.3333, standard deviation 1.5275"  # ((4/3)^2 + (1/3)^2 + (5/3)^2) / 2 = 7/3
    assert summary(results[:2]) == "mean 1.5000, range 1.0000 to 2.0000"


def test_an_interrupted_series_continues_and_equals_single_runs(quick_cli, tmp_path, monkeypatch):
    (tmp_path / "rhyme.txt").write_text(RHYME * 20)
    learn, learners = Learner.learn, []

    def interrupt(self, batch, step, *others):
        if self not in learners:
            learners.append(self)
        if len(learners) == 2 and step == 3:
            signal.raise_signal(signal.SIGINT)
        return learn(self, batch, step, *others)

    loud = SMALL[:-1]
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", interrupt)
        done = quick_cli("train", "--corpus", "rhyme.txt", "--seeds", "3", "--seed", "4", *loud)
    assert done.returncode == 130
    assert done.stderr.strip().splitlines()[-1] == "resume with: seqgen train --resume rhyme --seeds 3"
    assert "run 2 of 3: rhyme-seed5" in done.stderr
    assert not (tmp_path / "checkpoints" / "rhyme-seed6").exists()
    first = tensors(tmp_path, "rhyme-seed4")

    done = quick_cli("train", "--resume", "rhyme", "--seeds", "3", "--quiet")
    assert done.returncode == 0, done.stderr
    assert tensors(tmp_path, "rhyme-seed4") == first
    rows = [line.split() for line in done.stdout.splitlines()[1:4]]
    assert [row[:2] for row in rows] == [["rhyme-seed4", "4"], ["rhyme-seed5", "5"], ["rhyme-seed6", "6"]]
    for name, seed, step, nats in rows:
        checkpoint = Checkpoint.read(tmp_path / "checkpoints" / name / "last.safetensors")
        assert checkpoint.config.machine.seed == int(seed)
        assert step == str(checkpoint.figures["best_step"])
        assert nats == f"{checkpoint.figures['best_valid_nats']:.4f}"
    results = [RunResult(name, int(seed), int(step), float(nats)) for name, seed, step, nats in rows]
    mean = summary(results).split(",")[0]
    assert f"best validation loss of 3 seeds: {mean[:10]}" in done.stdout
    assert "standard deviation" in done.stdout

    for seed in ("5", "6"):
        done = quick_cli("train", "--corpus", "rhyme.txt", "--name", f"single{seed}", "--seed", seed, *SMALL)
        assert done.returncode == 0, done.stderr
        assert tensors(tmp_path, f"single{seed}") == tensors(tmp_path, f"rhyme-seed{seed}")

    done = quick_cli("train", "--corpus", "rhyme.txt", "--seeds", "2", "--seed", "4", *SMALL)
    assert done.returncode == 2
    assert "continue the series with --resume rhyme --seeds 2, replace it with --overwrite" in done.stderr


def test_what_was_chosen_for_the_first_run_is_used_by_all(quick_cli, tmp_path, monkeypatch):
    """With --time, choices depend on the speed of the machine, which varies."""
    (tmp_path / "rhyme.txt").write_text(RHYME * 20)
    resolve, requested = session.resolve, []

    def recorded(options, *others):
        requested.append(options)
        return resolve(options, *others)

    monkeypatch.setattr(session, "resolve", recorded)
    done = quick_cli("train", "--corpus", "rhyme.txt", "--name", "r", "--seeds", "2", "--steps", "2", "--quiet")
    assert done.returncode == 0, done.stderr
    config = Checkpoint.read(tmp_path / "checkpoints" / "r-seed1" / "last.safetensors").config
    assert requested[0].model.hidden_size is None
    for option in ("hidden_size", "num_layers", "dropout"):
        assert getattr(requested[1].model, option) == getattr(config.model, option)
    for option in ("learning_rate", "batch_size", "sequence_length"):
        assert getattr(requested[1].optimization, option) == getattr(config.optimization, option)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0", "--corpus", "x.txt"], "--seeds must be a whole number in [2, 1000], got '0'"),
        (["--seeds", "two", "--corpus", "x.txt"], "--seeds must be a whole number in [2, 1000], got 'two'"),
        (["--seeds", "3", "--corpus", "-"], "standard input can be read only once: use a file"),
        (["--seeds", "3", "--corpus", "x.txt", "--processes", "2"], "--seeds trains with a single process"),
        (["--seeds", "3", "--corpus", "x.txt", "--seed", "2147483646"], "--seed plus --seeds must be at most"),
        (["--seeds", "3", "--resume", "r", "--steps", "9"], "--steps cannot be combined with --resume and --seeds"),
        (["--seeds", "3", "--resume", "r", "--hidden-size", "9"], "--hidden-size cannot be given"),
    ],
)
def test_impossible_combinations_are_rejected(quick_cli, arguments, message):
    done = quick_cli("train", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_series_that_does_not_exist_cannot_be_resumed(quick_cli):
    done = quick_cli("train", "--resume", "nothing", "--seeds", "3")
    assert done.returncode == 1
    assert "there is no run 'nothing-seed1' to resume" in done.stderr
