"""Training on a corpus of which each machine has only its share; two processes act as two machines."""

import random
import re
import shutil
import signal
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.levels.base import PADDING
from seqgen.training.batch import Batch
from seqgen.training.batches import Batches
from seqgen.training.distributed import World
from seqgen.training.session import Session
from seqgen.training.stream_batches import StreamBatches
from tests import shares
from tests.conftest import quick_runner
from tests.processes import fault
from tests.several import STEP, assert_close, last, on_machines

SIZES = {"num_layers": 2, "hidden_size": 16, "dropout": 0.3, "recurrent_dropout": 0.1}
OPTIMIZATION = {"batch_size": 8, "sequence_length": 16}
OPTIONS = (
    "--corpus", "texts", "--num-layers", "2", "--hidden-size", "16", "--dropout", "0.3",
    "--recurrent-dropout", "0.1", "--batch-size", "8", "--sequence-length", "16", "--seed", "1", "--precision",
    "float32", "--patience", "1000",
)  # fmt: skip
SHARED = (*OPTIONS, "--corpus-share")
NUM_STEPS = 40


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """The folders of two machines, of which the first has a third of the text, and a folder with all of it."""
    paths = [tmp_path_factory.mktemp(name) for name in ("machine", "machine", "all")]
    for path in paths:
        (path / "texts").mkdir()
    random.seed(1)
    words = "the cat sat on a mat with many other animals of great renown in old houses far away from every sea"
    for number in range(60):
        is_short = number % 4 > 0
        text = " ".join(random.choices(words.split(), k=2 if is_short else random.randint(70, 90)))[
            : 14 if is_short else 400
        ]
        for path in (paths[number >= 20], paths[2]):
            (path / "texts" / f"{number}.txt").write_text(text)
    return paths


def ended(trainings, status=0):
    assert [training.returncode for training in trainings] == [status] * len(trainings), trainings
    assert not any("Traceback" in training.stderr for training in trainings)
    return [training.stderr for training in trainings]


def errors(trainings):
    """Return the messages of machines that all have failed."""
    return [output.strip().splitlines()[-1].removeprefix("Error: ") for output in ended(trainings, 1)]


@pytest.fixture(scope="module")
def output(machines):
    """The output of a run on two machines."""
    return ended(on_machines(machines[:2], *SHARED, "--steps", str(NUM_STEPS), "--name", "divided"))


class Joined(Batches):
    """The batches of all machines, side by side."""

    def __init__(self, dataset: Dataset, parts: list[StreamBatches]) -> None:
        self.dataset, self.batch_size, self.sequence_length = dataset, parts[0].batch_size, parts[0].sequence_length
        self.parts = parts

    @property
    def steps_per_epoch(self) -> int:
        (number,) = {part.steps_per_epoch for part in self.parts}
        return number

    def from_step(self, step: int) -> Any:
        for batches in zip(*(part.from_step(step) for part in self.parts), strict=True):
            read = [batch for batch in batches if batch.num_targets or not batch.is_whole]
            inputs, targets = (side_by_side([getattr(batch, name) for batch in read]) for name in ("inputs", "targets"))
            targets[inputs == PADDING] = PADDING
            yield Batch(inputs.clamp(min=0), targets, torch.cat([batch.is_fresh for batch in read]), read[0].is_whole)

    def show_beginnings(self, num_tokens: int) -> bool:
        return self.parts[0].show_beginnings(num_tokens)


def side_by_side(tensors: list[Tensor]) -> Tensor:
    length = max(map(len, tensors))
    return torch.cat([F.pad(tensor, (0, 0, 0, length - len(tensor)), value=PADDING) for tensor in tensors], 1)


def joined(machines, whole: PreparedCorpus) -> Joined:
    """Return the batches of both machines, side by side, in the order of their shares."""

    def prepare(machine):
        config = CorpusConfig(corpus=(str(machines[machine.rank] / "texts"),))
        split = SplitCorpus.read(config, processes=machine)
        corpus = PreparedCorpus.prepare(split, machines[machine.rank] / "data-of-threads")
        assert corpus.level.to_json() == whole.level.to_json()
        batches = StreamBatches(corpus.train, **OPTIMIZATION, seed=1, shares=corpus.shares)
        return corpus.shares.place, batches

    return Joined(whole.train, [batches for _, batches in sorted(shares.on_machines(2, prepare), key=itemgetter(0))])


def test_two_machines_learn_what_one_learns_from_the_streams_of_both(machines, output, monkeypatch):
    """The validation loss is exact, because documents are shorter than a segment."""
    monkeypatch.setattr("seqgen.training.loop.make_batches", lambda corpus, _: joined(machines, corpus))
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(machines[2] / "texts"),)),
        model=ModelOptions(**SIZES),
        optimization=OptimizationOptions(**OPTIMIZATION),
        budget=BudgetConfig(steps=NUM_STEPS, patience=1000),
        machine=MachineConfig(device="cpu", seed=1, precision="float32"),
    )
    places = FoldersConfig(checkpoints_dir=str(machines[2] / "checkpoints"), data_dir=str(machines[2] / "data"))
    trainer = Session(places, print).start(requested, "joined")
    steps = list(islice(zip(*(part.from_step(0) for part in trainer.batches.parts), strict=True), NUM_STEPS))
    assert {batch.is_whole for step in steps for batch in step} == {True, False}
    # Otherwise the halves of a batch in time would be others.
    assert {len(batch.inputs) for step in steps for batch in step if not batch.is_whole} == {16}
    assert list(trainer.train(lambda: False))
    one, two = last(machines[2], "joined"), last(machines[0], "divided")
    assert_close(one, two)
    for name in ("step", "tokens", "validation_tokens", "best_step"):
        assert two.figures[name] == one.figures[name]
    assert two.figures["best_valid_nats"] == pytest.approx(one.figures["best_valid_nats"], abs=1e-5)
    assert two.unseen == one.unseen
    assert f"{trainer.corpus.train.num_targets:,} tokens" in output[0]


@dataclass(frozen=True)
class LongerElsewhere(World):
    """A machine beside another one, whose batch has 5 targets in its first half and 7 in its second."""

    is_divided: bool = True

    def total(self, *values: float) -> tuple[float, ...]:
        return tuple(own + other for own, other in zip(values, (5, 7), strict=False))


def test_a_machine_whose_batch_ends_sooner_takes_part_in_every_update(start, monkeypatch):
    learner = start(steps=1).learner
    learner._world = LongerElsewhere()
    updates = []

    def update(batch, state, _, num_tokens):
        updates.append((batch.num_targets, num_tokens))
        return state, torch.zeros(()), torch.zeros(())

    monkeypatch.setattr(learner, "_update", update)
    short = Batch(torch.ones(1, 4, dtype=torch.int64), torch.ones(1, 4, dtype=torch.int64), torch.ones(4) > 0, False)
    assert learner.learn(short, 0, 0.01, 2).tokens == 16
    assert updates == [(4, 9), (0, 7)]
    updates.clear()
    assert learner.learn(replace(short, is_whole=True), 0, 0.01, 2).tokens == 9
    assert updates == [(4, 9)]


def test_several_processes_of_a_machine_read_its_share_together(machines, output):
    both = [machines[0], machines[1], machines[1]]
    ended(on_machines(both, *SHARED, "--steps", str(NUM_STEPS), "--name", "three"))
    assert_close(last(machines[0], "divided"), last(machines[0], "three"))


def test_the_first_machine_reports_what_all_have(machines, output):
    assert "read 60 texts, 6,012 characters, on 2 machines" in output[0]
    assert re.search(r"best validation loss .* nats per token, estimated on 2 machines", output[0])
    assert output[1] == ""
    assert not (machines[1] / "checkpoints").exists()


def test_two_machines_resume_bit_for_bit_even_in_the_other_order(machines, output):
    stop = fault(1, STEP, 15, signal.SIGTERM)
    ended(on_machines(machines[:2], *SHARED, "--steps", str(NUM_STEPS), "--name", "stopped", **stop), 130)
    assert 0 < last(machines[0], "stopped").figures["step"] < NUM_STEPS
    shutil.move(machines[0] / "checkpoints/stopped", machines[1] / "checkpoints/stopped")
    ended(on_machines([machines[1], machines[0]], "--resume", "stopped"))
    whole, resumed = last(machines[0], "divided"), last(machines[1], "stopped")
    for name, tensor in whole.training.items():
        assert torch.equal(tensor, resumed.training[name]), name
    shutil.rmtree(machines[1] / "checkpoints")


def test_a_run_is_resumed_with_the_same_shares_on_all_machines(machines, output):
    arguments = ("--resume", "divided", "--steps", str(NUM_STEPS + 2))
    changed = machines[1] / "texts" / "24.txt"
    text = changed.read_text()
    changed.write_text("another text")
    message = (
        "machine 1: texts/24.txt has changed since the run 'divided' began: to resume, name the original files of this "
        "machine with --resume divided --corpus PATH"
    )
    assert errors(on_machines(machines[:2], *arguments)) == [message] * 2
    changed.write_text(text)
    (alone,) = ended(on_machines(machines[:1], *arguments), 2)
    message = "the run 'divided' with --corpus-share was started on 2 machines, got 1: resume it on the same machines"
    assert message in alone


def test_the_option_is_given_to_all_machines_or_to_none(machines):
    both = on_machines(machines[:2], *OPTIONS, "--steps", "1", own=["--corpus-share"])
    message = "1 of 2 processes have the option --corpus-share: give it to all machines, or to none"
    assert all(message in output for output in ended(both, 2))


def test_on_one_machine_the_option_changes_nothing(machines):
    options = (*OPTIONS, "--steps", "20")
    for name, option in (("with", ["--corpus-share"]), ("without", [])):
        assert quick_runner(machines[2])("train", *options, *option, "--name", name).returncode == 0
    one, other = (last(machines[2], name) for name in ("with", "without"))
    assert one.fingerprint == other.fingerprint
    for name, tensor in one.training.items():
        assert torch.equal(tensor, other.training[name]), name
    assert quick_runner(machines[2])("evaluate", "--checkpoint", "with").returncode == 0


def test_the_validation_set_of_several_machines_cannot_be_evaluated_on_one(machines, output):
    evaluate = quick_runner(machines[0])
    refused = evaluate("evaluate", "--checkpoint", "divided")
    assert refused.returncode == 1
    message = "each machine has only its share of the corpus of this run: give a text with --corpus"
    assert refused.stderr.rstrip().endswith(message)
    scored = evaluate("evaluate", "--checkpoint", "divided", "--corpus", "texts/4.txt")
    assert scored.returncode == 0
    assert "no baselines" in scored.stderr
