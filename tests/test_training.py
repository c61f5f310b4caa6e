"""Training: learning, interruption and exact resumption."""

import copy
import itertools
import json
import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import BudgetConfig, CorpusConfig, TrainOptions
from seqgen.errors import CheckpointError, CorpusError, TrainingError, UsageError
from seqgen.evaluation.likelihood import Likelihood, score
from seqgen.model.hardware import PRECISIONS
from seqgen.model.state import map_state, tensors_of
from seqgen.noise import Noise
from seqgen.training import session, validation
from seqgen.training.batch import Batch
from seqgen.training.budget import VALIDATION_SHARE, StepBudget, TimeBudget
from seqgen.training.distributed import World
from seqgen.training.divergence import MAX_ROLL_BACKS, RollBack
from seqgen.training.figures import Figures
from seqgen.training.learner import Learner, StepResult
from seqgen.training.report import Notice
from seqgen.training.run_folder import RunFolder
from seqgen.training.schedule import HALVED, LAST, learning_rate_factor
from seqgen.training.session import Session
from seqgen.training.validation import MAX_VALIDATION_TOKENS, TRIAL_TOKENS
from tests.conftest import RHYME


def train(trainer, stop_at=None):
    """Train; interrupt after a step if one is given."""
    return list(trainer.train(lambda: trainer.figures.step == stop_at))


def tensors(trainer, file="last.safetensors"):
    checkpoint = Checkpoint.read(trainer.run.folder / file)
    return {**checkpoint.weights, **{f"training.{name}": tensor for name, tensor in checkpoint.training.items()}}


def assert_bit_for_bit(trainer, other, file="last.safetensors"):
    mine, theirs = tensors(trainer, file), tensors(other, file)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


class Clock:
    """A fake clock: time passes in the functions that are made slow, and a little between two readings."""

    def __init__(self, monkeypatch):
        self.now, self._patch = 100.0, monkeypatch
        monkeypatch.setattr(time, "perf_counter", self._read)

    def _read(self):
        self.now += 1e-4
        return self.now

    def slow(self, owner, name, seconds):
        """Let a function of a module or class take this number of seconds."""
        function = getattr(owner, name)

        def slowly(*given, **options):
            self.now += seconds
            return function(*given, **options)

        self._patch.setattr(owner, name, slowly)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def test_the_loss_of_a_repetitive_text_approaches_zero(start):
    trainer = start(text="abcdefgh" * 200, steps=150)
    reports = train(trainer)
    assert reports[0].train_nats > 1.5
    assert trainer.figures.best_valid_nats < 0.1


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_two_runs_of_one_command_are_bit_for_bit_identical(start, cell, precision):
    runs = [start(name, model={"cell": cell, "num_layers": 2}, precision=precision, steps=25) for name in ("a", "b")]
    for trainer in runs:
        train(trainer)
    for file in ("last.safetensors", "best.safetensors"):
        assert_bit_for_bit(*runs, file)


def by_hand(trainer, steps):
    """Train with a plain implementation, in which early steps consist of two halves."""
    options, model = trainer.config.optimization, copy.deepcopy(trainer.model)
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) is wanted] for wanted in (True, False))
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.99),
    )
    state, averaged = model.initial_state(options.batch_size), copy.deepcopy(model)
    for step, batch in zip(range(steps), trainer.batches.from_step(0), strict=False):
        inputs, targets = batch.inputs, batch.targets
        for tensor in tensors_of(state):
            tensor[batch.is_fresh] = 0
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * learning_rate_factor(step / steps)
        length = len(inputs) if step / steps >= HALVED else -(-len(inputs) // 2)
        for part, begin in enumerate(range(0, len(inputs), length)):
            noise = Noise((trainer.config.machine.seed * 1_000_003 + step) * 2 + part, inputs.shape[1])
            some, following = inputs[begin : begin + length], targets[begin : begin + length]
            logits, state = model(some, state, PRECISIONS[trainer.config.machine.precision], noise)
            state = map_state(lambda tensor: tensor.detach().clone(), state)
            nats = -logits.log_softmax(-1).gather(-1, following.clamp(min=0)[..., None])[..., 0]
            optimizer.zero_grad()
            nats[following >= 0].mean().backward()
            norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
            for parameter in model.parameters():
                parameter.grad *= min(1.0, options.clip / norm)
            optimizer.step()
        for mean, parameter in zip(averaged.parameters(), model.parameters(), strict=True):
            mean.data += (parameter.data - mean.data) * 5 / (5 + step)
    return model, averaged


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2e-4), ("bfloat16", 1e-3)])
def test_training_equals_a_plain_implementation(start, precision, tolerance):
    trainer = start(text="To be, or not to be: " * 9 + RHYME * 2, model={"dropout": 0.3, "num_layers": 2}, steps=8,
                    precision=precision, optimization={"weight_decay": 0.1, "clip": 0.3})  # fmt: skip
    assert trainer.batches.steps_per_epoch < 8  # several epochs
    expected = by_hand(trainer, 8)
    reports = train(trainer)
    for model, by_definition in zip((trainer.model, trainer.averaged), expected, strict=True):
        for name, parameter in model.named_parameters():
            expected_parameter = dict(by_definition.named_parameters())[name]
            torch.testing.assert_close(parameter, expected_parameter, atol=tolerance, rtol=1e-3)
    kept = trainer.run.read_last()
    assert all(torch.equal(weight, kept.weights[name]) for name, weight in trainer.averaged.state_dict().items())
    assert reports[0].learning_rate == 0.01 * learning_rate_factor(reports[0].step / 8)


def test_another_seed_gives_other_weights_and_another_order_of_documents(start):
    trainers = [start(name, seed=seed, steps=3) for name, seed in (("a", 1), ("b", 2))]
    assert not torch.equal(
        trainers[0].model.stack.cells[0].recurrent_weight, trainers[1].model.stack.cells[0].recurrent_weight
    )
    assert not torch.equal(*(mask(trainer.learner, 0, 0) for trainer in trainers))
    assert trainers[0].batches.seed != trainers[1].batches.seed


def mask(learner, step, part):
    return learner._noise(step, part, 0, 4).stream_mask(4, 50, 0.5)


def test_each_half_of_each_step_has_its_own_noise(start):
    learner = start(steps=3).learner
    masks = [mask(learner, step, part) for step in (0, 1) for part in (0, 1)]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(masks, 2))


@pytest.mark.parametrize("steps", [1, 10, 41])
def test_the_last_step_is_validated_regardless_of_the_last_report(start, monkeypatch, steps):
    monkeypatch.setattr("seqgen.training.timetable.REPORT_SECONDS", 0.0)  # a report at every step
    trainer = start(steps=steps)
    reports = train(trainer)
    assert reports[-1].step == trainer.figures.validated_step == steps
    assert reports[-1].valid_nats is not None
    assert (trainer.run.folder / "best.safetensors").exists()


def test_a_very_short_time_gives_a_model_or_a_one_line_error(start, folders, clock):
    clock.slow(session, "resolve", 0.01)
    with pytest.raises(UsageError, match=r"--time 0.0001s is too short for one step: .*; give --time [1-9]s or more"):
        start("none", time="0.0001s")
    assert not Path(folders.checkpoints_dir).exists()
    trainer = start(time="0.5s")
    trainer.timetable.started -= 1  # the time is over before the first step
    train(trainer)
    assert trainer.figures.step == 1
    assert (trainer.run.folder / "best.safetensors").exists()


def test_overfitting_is_detected(start, monkeypatch):
    trainer = start(steps=10)
    losses = iter([2.0, 1.9, 1.95, 1.96, 1.97])
    told, train_nats = [], iter([2.0, 1.8, 1.7, 1.6, 1.6])
    monkeypatch.setattr("seqgen.training.validation.estimate", lambda *_: Likelihood(next(losses), 1))
    for _ in range(5):
        trainer.figures.step += 1
        trainer.timetable.since_validation.count(StepResult(next(train_nats), 1, 1.0, 0.0), 1.0)
        trainer._validate()
        told.append(trainer.is_overfitting)
    assert told == [False, False, False, True, True]


def test_overfitting_from_the_first_step_is_detected(start, monkeypatch):
    trainer = start(steps=10)
    losses, train_nats = iter([1.0, 1.1, 1.2, 1.3]), iter([2.0, 1.9, 1.8])
    monkeypatch.setattr("seqgen.training.validation.estimate", lambda *_: Likelihood(next(losses), 1))
    trainer._validate()
    told = []
    for nats in train_nats:
        trainer.figures.step += 1
        trainer.timetable.since_validation.count(StepResult(nats, 1, 1.0, 0.0), 1.0)
        trainer._validate()
        told.append(trainer.is_overfitting)
    assert told == [False, True, True]


@pytest.mark.parametrize(
    ("stop_at", "attention"), [*((step, 0) for step in (1, 7, 13, 14, 15, 20, 28, 29, 30, 40, 41)), (20, 24)]
)
def test_an_interrupted_and_resumed_run_is_bit_for_bit_identical(start, folders, stop_at, attention):
    model = {"attention": attention}
    whole = start("whole", steps=41, model=model)
    train(whole)
    timetable = whole.timetable  # some interruptions coincide with a validation
    assert timetable.budget.validation_interval(timetable.validation_steps) in {14, 15}
    stopped = start("stopped", steps=41, model=model)
    train(stopped, stop_at)
    resumed = Session(folders, print).resume("stopped")
    if resumed is None:  # after the last step nothing is left to interrupt
        resumed = stopped
    else:
        assert resumed.figures.step == stop_at
        train(resumed)
    assert_bit_for_bit(whole, resumed)
    assert_bit_for_bit(whole, resumed, "best.safetensors")


def test_a_run_that_died_resumes_from_its_last_save(start, folders):
    whole = start("whole", steps=30)
    train(whole)
    dying = start("dying", steps=30)

    def die():
        if dying.figures.step == 17:
            raise MemoryError
        return False

    with pytest.raises(MemoryError):
        list(dying.train(die))
    resumed = Session(folders, print).resume("dying")
    assert resumed.figures.step < 17
    train(resumed)
    assert_bit_for_bit(whole, resumed)


class Kill(BaseException):
    """Ends training where SIGKILL would."""


def train_and_kill_after_the_best_model_of(step, trainer, monkeypatch):
    """End training between the two saves that follow a validation."""

    def save_last(run, checkpoint):
        if checkpoint.figures["best_step"] == step:
            raise Kill
        write(run, checkpoint)

    write = RunFolder.save_last
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "save_last", save_last)
        with pytest.raises(Kill):
            train(trainer)


def test_a_kill_between_two_saves_never_loses_the_best_model(start, folders, monkeypatch):
    losses = {5: 3.0, 10: 1.0, 12: 2.0, 17: 0.5}  # by step; a resumed run validates at others
    running = start(time="1h")
    monkeypatch.setattr(
        "seqgen.training.validation.estimate", lambda *_: Likelihood(100 * losses.get(running.figures.step, 9.0), 100)
    )
    monkeypatch.setattr(TimeBudget, "is_validation_due", lambda _, step, *__: step in (5, 10))
    train_and_kill_after_the_best_model_of(10, running, monkeypatch)
    best = running.run.best.read_bytes()
    assert Checkpoint.read(running.run.best).figures["step"] == 10
    assert running.run.read_last().figures["step"] == 5

    running = Session(folders, print).resume("run")
    monkeypatch.setattr(TimeBudget, "is_validation_due", lambda _, step, *__: step in (12, 17))
    train(running, stop_at=13)
    assert running.run.best.read_bytes() == best
    assert (running.figures.best_step, running.figures.best_valid_nats) == (10, 1.0)
    assert running.figures.validations_since_best == 1

    running = Session(folders, print).resume("run")
    train(running, stop_at=18)
    assert Checkpoint.read(running.run.best).figures["step"] == 17


def test_a_run_killed_between_two_saves_is_bit_for_bit_identical(start, folders, monkeypatch):
    monkeypatch.setattr(StepBudget, "validation_interval", lambda *_: 10)
    whole = start("whole", steps=40)
    train(whole)
    killed = start("killed", steps=40)
    train_and_kill_after_the_best_model_of(40, killed, monkeypatch)
    assert killed.run.read_last().figures["step"] < 40
    resumed = Session(folders, print).resume("killed")
    train(resumed)
    for file in ("last.safetensors", "best.safetensors"):
        assert_bit_for_bit(whole, resumed, file)
    mine, theirs = ({**asdict(trainer.figures), "seconds": 0, "launch": ""} for trainer in (whole, resumed))
    assert mine == theirs


@pytest.mark.parametrize("stop_at", [0, 7])
def test_a_fine_tuned_run_resumes_exactly(start, folders, stop_at):
    parent = start("parent", steps=5)
    train(parent)
    begun = {"model": {"from_": str(parent.run.folder / "best.safetensors")}, "text": "Three bags full!\n" * 60}
    whole = start("whole", steps=20, **begun)
    train(whole)
    train(start("stopped", steps=20, **begun), stop_at)
    resumed = Session(folders, print).resume("stopped")
    assert resumed.figures.step == stop_at
    train(resumed)
    assert_bit_for_bit(whole, resumed)
    assert resumed.unseen == whole.unseen


def test_a_run_on_documents_of_all_lengths_resumes_exactly(start, tmp_path, folders):
    texts = tmp_path / "texts"
    texts.mkdir()
    for i in range(60):
        (texts / f"{i:02}.txt").write_text(f"{i} " * (1 + i % 30), encoding="utf-8")
    runs = []
    for name, stop_at in (("whole", None), ("stopped", 9)):
        trainer = start(name, steps=20)
        requested = TrainOptions(
            corpus=CorpusConfig(corpus=(str(texts),)), model=trainer.requested.model,
            optimization=trainer.requested.optimization, budget=trainer.requested.budget,
        )  # fmt: skip
        trainer.run.release()
        trainer = Session(folders, print).start(requested, name, overwrite=True)
        train(trainer, stop_at)
        runs.append(trainer)
    resumed = Session(folders, print).resume("stopped")
    train(resumed)
    assert_bit_for_bit(runs[0], resumed)


def test_the_reported_validation_loss_is_that_of_the_saved_best_model(start):
    trainer = start(optimization={"learning_rate": 0.02}, steps=60)
    reports = train(trainer)
    losses = [report.valid_nats for report in reports if report.valid_nats is not None]
    assert trainer.figures.best_valid_nats == min(losses)
    best = Checkpoint.read(trainer.run.folder / "best.safetensors")
    assert best.training == {}
    exact = score(best.model(), trainer.corpus.valid).nats_per_token
    assert exact == pytest.approx(trainer.figures.best_valid_nats, abs=0.01)


def test_validation_does_not_disturb_training(start, monkeypatch):
    often = start("often", steps=30)
    monkeypatch.setattr(StepBudget, "validation_interval", lambda *_: 2)
    train(often)
    monkeypatch.setattr(StepBudget, "validation_interval", lambda *_: 10**9)
    seldom = start("seldom", steps=30)
    train(seldom)
    assert_bit_for_bit(often, seldom)


def test_the_log_has_its_keys_and_no_duplicates_after_resuming(start, folders):
    trainer = start(steps=40)
    train(trainer, stop_at=25)
    strange = [
        '{"step": -3}',
        '{"step": true}',
        '{"step": 3, "train_nats": "$x$"}',
        f'{{"step": 1{"0" * 400}}}',
        "null",
    ]
    with (trainer.run.folder / "metrics.jsonl").open("a") as log:
        log.write("\n".join([json.dumps({"step": 33, "train_nats": 1.0}), *strange, '{"step": 34, "tra']))  # by a crash
    train(Session(folders, print).resume("run"))
    lines = [json.loads(line) for line in (trainer.run.folder / "metrics.jsonl").read_text().splitlines()]
    assert set(lines[0]) == {
        "step", "epoch", "tokens", "seconds", "train_nats", "valid_nats", "learning_rate", "gradient_norm",
        "clipped_share", "tokens_per_second",
    }  # fmt: skip
    steps = [line["step"] for line in lines]
    assert steps == sorted(steps)
    assert steps[0] <= 10
    assert steps[-1] == 40
    assert not any(line["step"] == 33 and line["train_nats"] == 1.0 for line in lines)


def test_the_log_contains_the_share_of_clipped_gradients(start, monkeypatch):
    norms = iter([0.5, 2.0, 0.9, 3.0, 4.0, 1.0, 0.1, 0.2, 0.3, 5.0, 0.7, 6.0, 0.1, 0.2, 0.3])  # halves, wholes
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(next(norms)))
    trainer = start(steps=10)
    reports = list(trainer.train(lambda: False))
    shares = [report.clipped_share for report in reports if report.clipped_share is not None]
    assert shares == [pytest.approx((4 * 0.5 + 1) / 10)]


def test_patience_ends_a_run_that_no_longer_improves(start, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.1, 2.2, 1.0])
    monkeypatch.setattr("seqgen.training.validation.estimate", lambda *_: Likelihood(next(losses), 1))
    trainer = start(steps=10**6, patience=3)
    monkeypatch.setattr(StepBudget, "validation_interval", lambda *_: 4)
    train(trainer)
    assert trainer.figures.step == 5 * 4
    assert (trainer.figures.best_step, trainer.figures.best_valid_nats) == (8, 2.0)
    assert trainer.figures.is_finished


def test_a_time_budget_includes_validation_and_saving(start, clock):
    clock.slow(Learner, "learn", 0.02)
    clock.slow(validation, "estimate", 0.1)
    clock.slow(RunFolder, "save_last", 0.2)
    trainer = start(time="3s", patience=10**6)
    begun = clock.now
    train(trainer)
    assert 2.8 < clock.now - begun <= 3.05
    assert trainer.learning_rate == pytest.approx(0.01 * LAST, rel=0.05)


def test_a_short_run_validates_on_as_many_tokens_as_its_time_allows(start, folders, monkeypatch, clock):
    monkeypatch.setattr(validation, "estimate", lambda *_: Likelihood(2.0 * TRIAL_TOKENS, TRIAL_TOKENS))
    clock.slow(validation, "estimate", 0.05)
    affordable = [start(name, time=name)._validation_tokens for name in ("1s", "20s", "9h")]
    assert affordable[0] == TRIAL_TOKENS
    assert affordable[1] == pytest.approx(VALIDATION_SHARE * 20 * TRIAL_TOKENS / 0.05, rel=0.01)
    assert affordable[2] == MAX_VALIDATION_TOKENS
    steps = start("steps", steps=3)
    train(steps, stop_at=2)
    assert steps.figures.validation_tokens == MAX_VALIDATION_TOKENS
    monkeypatch.setattr("seqgen.training.validation.MAX_VALIDATION_TOKENS", 5)
    resumed = Session(folders, print).resume("steps")
    assert resumed._validation_tokens == MAX_VALIDATION_TOKENS  # the same throughout the run


def test_a_finished_run_needs_a_larger_budget_to_resume(start, folders):
    train(start(steps=10))
    assert Session(folders, print).resume("run") is None
    with pytest.raises(UsageError, match="--steps must be above the run's 10, got 10"):
        Session(folders, print).resume("run", budget=BudgetConfig(steps=10))
    with pytest.raises(UsageError, match="the budget of this run is --steps 10: give a larger --steps"):
        Session(folders, print).resume("run", budget=BudgetConfig(time="1h"))
    train(start("timed", time="1h"), stop_at=1)
    with pytest.raises(UsageError, match="--time must be above the run's 1h, got 60m"):
        Session(folders, print).resume("timed", budget=BudgetConfig(time="60m"))
    longer = Session(folders, print).resume("run", budget=BudgetConfig(steps=15))
    train(longer)
    assert longer.figures.step == 15
    last = longer.run.read_last()
    assert last.config.budget.steps == last.requested.budget.steps == 15


def test_a_run_resumes_on_its_own_or_on_a_requested_device(start, folders, monkeypatch):
    train(start(steps=10), stop_at=1)
    asked = []
    monkeypatch.setattr(session, "resolve_device", lambda name: asked.append(name) or "cpu")
    for device in (None, "mps"):
        Session(folders, print).resume("run", device=device).run.release()
    assert asked == ["cpu", "mps"]


def test_a_vocabulary_of_the_requested_size_is_not_reported():
    said = []
    for size in (299, 300, 301):
        session._report_vocabulary(300, size, said.append)
    assert ["fewer than" in sentence for sentence in said] == [True, False]


def test_a_changed_corpus_is_rejected_with_both_fingerprints(start, tmp_path, folders):
    trainer = start(steps=10)
    train(trainer, stop_at=5)
    (tmp_path / "corpus.txt").write_text("another text altogether")
    with pytest.raises(CorpusError, match=f"has changed .*{trainer.corpus.fingerprint} then, [0-9a-f]+ now"):
        Session(folders, print).resume("run")


def test_a_diverged_run_rolls_back_to_its_best_model_with_a_lower_learning_rate(start, monkeypatch):
    monkeypatch.setattr(StepBudget, "validation_interval", lambda *_: 10)
    trainer = start(steps=30)
    learn, exploded = trainer.learner.learn, []

    def explode_once(batch, step, learning_rate, parts):
        learned = learn(batch, step, learning_rate, parts)
        if step == 24 and not exploded:
            exploded.append(trainer.learning_rate)
            for parameter in trainer.model.parameters():
                parameter.data.fill_(math.nan)
            return replace(learned, gradient_norm=math.nan)
        return learned

    monkeypatch.setattr(trainer.learner, "learn", explode_once)
    told = train(trainer)
    (notice,) = (each for each in told if isinstance(each, Notice))
    assert notice.text == (
        "training diverged at step 25; rolled back to the best model (step 20) and continuing at 0.25 times the "
        "learning rate"
    )
    assert trainer.figures.step == 30
    assert trainer.learning_rate == pytest.approx(0.01 * LAST * 0.25)
    assert math.isfinite(trainer.figures.best_valid_nats)
    steps = [record["step"] for record in trainer.run.read_log()]
    assert steps == sorted(steps)


def test_a_run_that_diverges_at_once_restarts_until_its_learning_rate_is_stable(start):
    trainer = start(steps=40, optimization={"learning_rate": 60.0})
    notices = [each.text for each in train(trainer) if isinstance(each, Notice)]
    assert 1 <= len(notices) <= MAX_ROLL_BACKS
    assert trainer.figures.is_finished
    assert trainer.figures.best_valid_nats < math.log(trainer.corpus.level.vocabulary_size)


def test_a_diverged_run_that_is_resumed_is_bit_for_bit_identical(start, folders):
    options = {"steps": 40, "optimization": {"learning_rate": 60.0}}
    whole = start("whole", **options)
    train(whole)
    assert whole.figures.roll_backs
    stopped = start("stopped", **options)
    train(stopped, 12)
    resumed = Session(folders, print).resume("stopped")
    train(resumed)
    assert_bit_for_bit(whole, resumed)


def test_a_run_that_diverges_repeatedly_stops_with_its_last_good_state(start):
    trainer = start(steps=50, optimization={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match="diverged at step .*, after 4 rollbacks: .*try a --learning-rate below"):
        train(trainer)
    assert all(math.isfinite(tensor.sum()) for tensor in tensors(trainer).values())


def test_a_step_that_exceeds_the_memory_is_reported_with_its_sizes(start, monkeypatch):
    trainer = start(steps=5)

    def fail(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Batch, "loss", fail)
    with pytest.raises(
        TrainingError, match=r"not enough memory for a step: lower --batch-size \(4\), --sequence-length \(16\)"
    ):
        train(trainer)


def test_streams_that_exceed_the_memory_of_a_gpu_are_read_in_parts_with_the_same_result(start, monkeypatch):
    options = {"steps": 12, "model": {"dropout": 0.4, "num_layers": 2}, "precision": "float32"}
    whole, divided = (start(name, **options) for name in ("whole", "divided"))
    train(whole)
    loss = Batch.loss

    def refuse_more_than_one(batch, *others):
        if batch.num_streams > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss(batch, *others)

    monkeypatch.setattr(Batch, "loss", refuse_more_than_one)
    (notice,) = (each.text for each in train(divided) if isinstance(each, Notice))
    assert "4 streams of 16 tokens at once: reading 1 at a time, with the same result" in notice
    mine, theirs = tensors(whole), tensors(divided)
    for name, tensor in mine.items():
        torch.testing.assert_close(tensor, theirs[name], atol=1e-4, rtol=1e-3)


def test_gradients_are_clipped_to_the_requested_norm(start, monkeypatch):
    seen = []
    trainer = start(steps=5, optimization={"clip": 0.01})
    step = trainer.learner._optimizer.step

    def watched():
        seen.append(torch.stack([p.grad.norm() for p in trainer.model.parameters()]).norm().item())
        step()

    monkeypatch.setattr(trainer.learner._optimizer, "step", watched)
    train(trainer)
    assert seen == pytest.approx([0.01] * 8, rel=1e-3)  # three of the five steps have two halves


def test_weight_decay_applies_only_to_matrices(start):
    trainer = start(steps=5, optimization={"weight_decay": 0.3})
    assert trainer.learner._optimizer.decay == {
        name: 0.3 if p.ndim == 2 else 0.0 for name, p in trainer.model.named_parameters()
    }


def test_a_small_corpus_trains_with_a_smaller_batch_and_reports_it(start, capsys):
    trainer = start(text=RHYME, optimization={"batch_size": 64, "sequence_length": 50}, steps=3)
    assert trainer.config.optimization.batch_size == 3
    assert "--batch-size 3 instead of 64" in capsys.readouterr().out
    train(trainer)


def test_two_characters_are_enough(start):
    trainer = start(text="ab", steps=3)
    train(trainer)
    assert trainer.figures.is_finished


def test_patience_starts_again_with_a_larger_budget(start, folders):
    trainer = start(steps=10)
    train(trainer)
    trainer.figures.validations_since_best = 6
    trainer._save_last()
    resumed = Session(folders, print).resume("run", budget=BudgetConfig(steps=20))
    train(resumed)
    assert resumed.figures.step == 20


def test_a_larger_budget_survives_kills_before_and_after_it_is_saved(start, folders, monkeypatch):
    """Restarted processes have the same command line."""
    train(start(steps=10))
    for module in ("session", "loop"):
        monkeypatch.setattr(f"seqgen.training.{module}.launch_name", lambda: "this launch")
    larger, restarted = BudgetConfig(steps=20), World(is_restarted=True)
    Session(folders, print).resume("run", budget=larger).run.release()  # and killed
    train(Session(folders, print, restarted).resume("run", budget=larger), stop_at=15)
    resumed = Session(folders, print, restarted).resume("run", budget=larger)
    assert resumed.figures.step == 15
    train(resumed)
    assert resumed.figures.step == 20
    with pytest.raises(UsageError, match="--steps must be above the run's 20"):
        Session(folders, print).resume("run", budget=larger)


def test_seconds_of_all_parts_of_a_run_add_up(start, folders):
    trainer = start(steps=30)
    train(trainer, stop_at=10)
    resumed = Session(folders, print).resume("run")
    assert resumed.timetable.seconds >= trainer.figures.seconds > 0


def test_the_state_before_the_last_one_is_kept_as_previous(start):
    trainer = start(steps=12)
    train(trainer)
    folder = trainer.run.folder
    steps = [Checkpoint.read(folder / f"{name}.safetensors").figures["is_finished"] for name in ("previous", "last")]
    assert steps == [False, True]


def test_a_model_without_training_state_cannot_be_resumed(start, folders):
    trainer = start(steps=10)
    train(trainer, stop_at=5)
    trainer.run.save_best(trainer._checkpoint({}))
    (trainer.run.folder / "last.safetensors").write_bytes(trainer.run.best.read_bytes())
    with pytest.raises(CheckpointError, match="no training state to resume from"):
        Session(folders, print).resume("run")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"config": {"optimization": {"batch_size": 10**9}}}, "holds a model, but no training state to resume from"),
        ({"config": {"model": {"hidden_size": 10**7}}}, "weights do not fit its configuration"),
        ({"training": {"optimizer.embedding.exp_avg": torch.zeros(3)}}, "does not fit its configuration"),
        ({"training": {"optimizer.other.exp_avg": torch.zeros(3)}}, "does not fit its configuration"),
        ({"figures": {"step": "a"}}, "contains figures that"),
        ({"figures": {"step": -7}}, "contains figures that"),
        ({"figures": {"other": 7}}, "contains figures that"),
    ],
)
def test_a_forged_state_is_rejected(start, folders, changed, message):
    trainer = start(steps=2)
    list(trainer.train(lambda: False))
    state = trainer.run.read_last()
    config = state.config
    for group, values in changed.get("config", {}).items():
        config = replace(config, **{group: replace(getattr(config, group), **values)})
    figures = state.figures | {"is_finished": False} | changed.get("figures", {})
    training = {**state.training, **changed.get("training", {})}
    replace(state, config=config, figures=figures, training=training).write(trainer.run.folder / "last.safetensors")
    with pytest.raises(CheckpointError, match=message):
        Session(folders, print).resume("run")


def test_a_deleted_best_model_is_written_again(start, folders):
    trainer = start(steps=40)
    train(trainer, stop_at=20)
    trainer.run.best.unlink()
    resumed = Session(folders, print).resume("run")
    train(resumed)
    assert resumed.run.best.is_file()


def test_the_error_for_a_missing_last_state_names_the_previous_one(start, folders):
    trainer = start(steps=10)
    train(trainer)
    (trainer.run.folder / "last.safetensors").unlink()
    with pytest.raises(CheckpointError, match="is missing; .*copy .*previous.safetensors to its place"):
        Session(folders, print).resume("run")


def test_a_small_text_is_validated_early_at_powers_of_two(start):
    trainer = start(text=RHYME * 3, steps=4000)
    steps = [report.step for report in train(trainer, stop_at=140) if report.valid_nats is not None]
    assert steps == [64, 128]


def test_a_rollback_keeps_the_figures_of_the_whole_run():
    diverged = Figures(
        step=9, tokens=99, valid_nats=2.0, validation_tokens=7, roll_backs=1, processes=2, machines=2, launch="mine"
    )
    kept = Figures(validation_tokens=7, roll_backs=2, processes=2, machines=2, launch="mine")
    assert RollBack(diverged, None).figures == kept
