"""The training loop: yields reports, saves checkpoints, prints nothing."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import torch
from torch import Tensor

from seqgen.checkpoint import Checkpoint, read_bytes
from seqgen.config import TrainConfig, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.errors import TrainingError
from seqgen.evaluation.likelihood import Likelihood, estimate
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import shortage_reported
from seqgen.sampling.opening import ENOUGH_BEGINNINGS
from seqgen.training.batch import Batch
from seqgen.training.batches import Batches
from seqgen.training.budget import VALIDATION_SHARE, Budget
from seqgen.training.distributed import World
from seqgen.training.figures import NEVER, Figures
from seqgen.training.launch import launch_name
from seqgen.training.learner import Learner, StepResult
from seqgen.training.progress import RunProgress
from seqgen.training.report import Notice, Report
from seqgen.training.run import Run
from seqgen.training.schedule import learning_rate_factor, num_parts
from seqgen.wording import counted

MAX_VALIDATION_TOKENS = 1_000_000  # enough to compare models; `evaluate` scores all tokens
TRIAL_TOKENS = 1 << 14  # scored first, to estimate how many tokens a short run can afford
OVERFITTING_VALIDATIONS = 2  # without improvement: a single one may be chance
FORWARD_SPEED = 3  # a training step takes about three times as long as a forward pass
EXPLODED = 5  # times the loss of the uniform distribution: a model that learns never gets there
MAX_ROLL_BACKS = 4
SLOWER = 0.25  # factor of the learning rate after each rollback


class Trainer:
    """A model in training.

    Args:
        model: the model, whose weights are changed in place.
        store: the prepared corpus.
        requested: the options as given.
        config: the options as resolved.
        run: where to save.
        started: `time.perf_counter()` when the budget began to count.
        world: the processes that train together.

    Attributes:
        progress: how far the run has come.
        is_overfitting: whether the validation loss has risen while the training loss fell.
        unseen: ids that were never a target, neither here nor in the run that this one started from.
    """

    def __init__(
        self,
        model: LanguageModel,
        store: PreparedCorpus,
        requested: TrainOptions,
        config: TrainConfig,
        run: Run,
        started: float,
        world: World,
    ) -> None:
        self.model = model
        self.store = store
        self.requested = requested
        self.config = config
        self.run = run
        self.world = world
        self.unseen = store.train.unseen
        self.is_overfitting = False
        options = config.optimization
        self.batches = Batches(
            store.train,
            options.batch_size,
            options.sequence_length,
            config.machine.seed,
            variants=store.level.variants(config.corpus),
        )
        self.learner = Learner(model, config, world)
        budget = Budget.of(config.budget, self.batches.steps_per_epoch)
        self.progress = RunProgress(budget, started, self._of_these_processes(Figures()))
        self._dtype = PRECISIONS[config.machine.precision]
        self._is_interrupted = False

    def begin_from(self, parent: Checkpoint) -> None:
        """Start with the weights of another run, which are validated before the first step."""
        self.learner.begin_from(parent.weights)
        self.unseen = sorted(set(self.unseen) & set(parent.unseen))
        self.figures.validated_step = NEVER

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `last.safetensors` was written: step, optimizer, hidden state and log."""
        figures = replace(self._of_these_processes(Figures.from_json(checkpoint.figures)), is_finished=False)
        self.progress.continue_from(figures)
        self.unseen = checkpoint.unseen
        best = self._read_best()
        figures.found(Figures.from_json(best.figures) if best else None)
        self.learner.restore(checkpoint.weights, checkpoint.training)
        if self.world.is_first:
            self.run.rewind_log(figures.step)

    def _read_best(self) -> Checkpoint | None:
        """Return the best model that the first process has saved; None if its file does not exist."""
        path = self.run.best
        data = self.world.broadcast(lambda: read_bytes(path) if path.is_file() else b"")
        return Checkpoint.of(data, path) if data else None

    def _of_these_processes(self, figures: Figures) -> Figures:
        return replace(figures, processes=self.world.size, launch=launch_name())

    @property
    def figures(self) -> Figures:
        """What the checkpoint keeps of the progress."""
        return self.progress.figures

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights, which is validated, sampled from and saved."""
        return self.learner.averaged

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        factor = learning_rate_factor(self.progress.share) * SLOWER**self.figures.roll_backs
        return self.config.optimization.learning_rate * factor

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model on the whole validation set may take after the run; 0 if it should not."""
        return 0.0 if self._validation_tokens < self.store.valid.num_targets else self.progress.exact_seconds

    def train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        """Train to the end of the budget, or until the loss has not improved for `patience` validations.

        Args:
            is_interrupted: called after each step; if it returns True, the state is saved and the iterator ends.

        Raises:
            TrainingError: training diverged repeatedly, there is not enough memory, or another process has ended.
            CheckpointError: a checkpoint or the log cannot be written.
        """
        try:
            yield from self._train(is_interrupted)
        finally:
            self.run.release()

    def _train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        self.model.train()
        self._agree(is_interrupted)
        self.progress.begin()
        self._save_last()
        self.progress.validation_steps = self._validation_steps()
        batches, num_passes = self.batches.from_step(self.figures.step), 1
        while True:
            if self.progress.is_validation_due:  # first, because a run may have been stopped before its validation
                yield self._validate()
            if self._is_over():
                break
            if self._is_interrupted:
                self._save_last()
                return
            if not self._step(next(batches), is_interrupted):
                yield self._roll_back()
                batches = self.batches.from_step(self.figures.step)
            if self.learner.num_passes > num_passes:
                num_passes = self.learner.num_passes
                yield self._divided()
            if self.progress.is_report_due and not self._is_about_to_validate():
                yield self._report(None)
            if self.progress.is_save_due:
                self._save_last()
        if self.figures.validated_step != self.figures.step:
            yield self._validate()
        self.figures.is_finished = True
        self._save_last()

    def _is_over(self) -> bool:
        if self.figures.step == 0:  # even if the time is up: without a step there is no model
            return False
        return self.progress.share >= 1 or self.figures.validations_since_best >= self.config.budget.patience

    def _is_about_to_validate(self) -> bool:
        """Return whether a validation, which reports as well, is next."""
        return self.progress.is_validation_due or (self.progress.share >= 1 and not self._is_interrupted)

    def _step(self, batch: Batch, is_interrupted: Callable[[], bool]) -> bool:
        """Learn from a batch; return whether its loss and gradient were sane."""
        begun = time.perf_counter()
        options = self.config.optimization
        with shortage_reported(self.config.model, options.batch_size, options.sequence_length):
            result = self.learner.learn(batch, self.figures.step, self.learning_rate, num_parts(self.progress.share))
        self.figures.step += 1
        self.figures.tokens += result.tokens
        nats, seconds = self._agree(is_interrupted, result.nats, time.perf_counter() - begun)
        result = replace(result, nats=nats)
        self.progress.count(result, seconds)
        return self._is_sane(result)

    def _agree(
        self, is_interrupted: Callable[[], bool] = lambda: False, nats: float = 0.0, seconds: float = 0.0
    ) -> tuple[float, float]:
        """Set the moment to the first process' clock, so that all decide alike, and note any process' interruption.

        Returns:
            The sum of the nats of all processes, and the seconds of the first.
        """
        now, seconds = (self.progress.seconds, seconds) if self.world.is_first else (0.0, 0.0)
        totals = self.world.total(nats, float(is_interrupted()), seconds, now)
        nats, interruptions, seconds, self.progress.now = totals
        self._is_interrupted = self._is_interrupted or interruptions > 0
        return nats, seconds

    def _is_sane(self, result: StepResult) -> bool:
        """Return whether the loss and its gradient are finite, and the loss is not extreme."""
        limit = EXPLODED * math.log(self.store.level.vocabulary_size) * result.tokens
        return math.isfinite(result.gradient_norm) and result.nats <= limit

    def _roll_back(self) -> Notice:
        """Return to the best model, or to the initial weights if no model was saved, and lower the learning rate.

        This does not depend on the clock, so that two runs of one command stay the same.
        """
        diverged, best = self.figures, self._read_best()
        if diverged.roll_backs == MAX_ROLL_BACKS or not (best or self.config.model.from_ is None):
            raise TrainingError(
                f"training diverged at step {diverged.step:,}, after {counted(diverged.roll_backs, 'rollback')}: the "
                f"last saved state is kept in {self.run.folder}; try a --learning-rate below {self.learning_rate:g}, "
                f"the current one, or a --clip below {self.config.optimization.clip:g}"
            )
        if best:
            figures = Figures.from_json(best.figures)
            self.learner.begin_from(best.weights)
        else:
            figures = Figures()
            self.learner.begin_from(initial_model(self.config, self.store).state_dict())
        self.progress.return_to(
            replace(
                self._of_these_processes(figures),
                validation_tokens=diverged.validation_tokens,
                roll_backs=diverged.roll_backs + 1,
            )
        )
        if self.world.is_first:
            self.run.rewind_log(self.figures.step)
        self._save_last()
        return Notice(
            f"training diverged at step {diverged.step:,}; rolled back to "
            f"{f'the best model (step {self.figures.step:,})' if best else 'the initial weights'} and "
            f"continuing at {SLOWER:g} times the learning rate"
        )

    def _divided(self) -> Notice:
        num_streams = self.world.largest_share(self.config.optimization.batch_size)
        at_once = -(-num_streams // self.learner.num_passes)
        return Notice(
            f"the GPU has too little memory for {num_streams:,} streams of "
            f"{self.config.optimization.sequence_length:,} tokens at once: reading {at_once:,} at a time, with the "
            "same result"
        )

    def _report(self, valid_nats: float | None) -> Report:
        """Log what happened since the last report."""
        recent = self.progress.since_report
        report = Report(
            step=self.figures.step,
            epoch=self.figures.step / self.batches.steps_per_epoch,
            tokens=self.figures.tokens,
            seconds=self.progress.seconds,
            train_nats=recent.nats_per_token,
            valid_nats=valid_nats,
            learning_rate=self.learning_rate,
            gradient_norm=recent.gradient_norm / recent.steps if recent.steps else None,
            clipped_share=recent.clipped / recent.steps if recent.steps else None,
            tokens_per_second=recent.tokens / recent.seconds if recent.steps else None,
        )
        if self.world.is_first:
            self.run.log(report.to_json())
        self.progress.reported()
        return report

    @property
    def _validation_tokens(self) -> int:
        """How many tokens are validated, throughout a run: with `--time`, as many as `VALIDATION_SHARE` allows."""
        if self.figures.validation_tokens is None:
            self.figures.validation_tokens = MAX_VALIDATION_TOKENS
            allowance = self.progress.budget.allowance(VALIDATION_SHARE)
            if math.isfinite(allowance):
                begun = time.perf_counter()
                tokens = self._estimate(TRIAL_TOKENS).tokens
                (affordable,) = self.world.agreed(allowance * tokens / (time.perf_counter() - begun))
                self.figures.validation_tokens = min(MAX_VALIDATION_TOKENS, max(TRIAL_TOKENS, round(affordable)))
        return self.figures.validation_tokens

    def _validation_steps(self) -> float:
        """Return the number of steps that take about as long as a validation."""
        validated = min(self.store.valid.num_targets, self._validation_tokens)
        tokens_per_step = self.store.train.num_targets / self.batches.steps_per_epoch
        return validated / FORWARD_SPEED / tokens_per_step

    def _estimate(self, max_tokens: int) -> Likelihood:
        """Likelihood the validation set, or a part of it; each process scores its share."""
        own = estimate(
            self.averaged, self.store.valid, self._dtype, max_tokens, slice(self.world.rank, None, self.world.size)
        )
        nats, tokens = self.world.total(own.nats, own.tokens)
        return Likelihood(nats, int(tokens))

    def _validate(self) -> Report:
        """Measure the validation loss, and save the model if it is the best so far."""
        self._agree()
        begun = self.progress.now
        valid_nats = self._estimate(self._validation_tokens).nats_per_token
        train_nats = self.progress.since_validation.nats_per_token
        is_best = self.figures.validated(valid_nats, train_nats)
        report = self._report(valid_nats)
        if is_best:
            if self.world.is_first:
                self.run.save_best(self._checkpoint({}))
        else:
            before = self.figures.train_nats_of_best
            has_learned = before is not None and train_nats is not None and train_nats < before
            self.is_overfitting = has_learned and self.figures.validations_since_best >= OVERFITTING_VALIDATIONS
        self._agree()
        self.progress.validated(begun)
        self._save_last()
        return report

    def _save_last(self) -> None:
        begun = self.progress.now
        tensors = self.learner.tensors()
        if self.world.is_first:
            self.run.save_last(self._checkpoint(tensors))
        self._agree()
        self.progress.saved(begun)

    @property
    def knows_beginnings(self) -> bool:
        """Whether the model has seen enough beginnings of documents for samples to start with one, see `opening.py`."""
        train = self.store.train
        num_shown = self.figures.tokens / train.num_targets * train.num_documents
        are_short = self.batches.num_chunks < 2 * train.num_documents  # most chunks begin a document
        return not self.batches.starts_inside and (are_short or num_shown >= ENOUGH_BEGINNINGS)

    def _checkpoint(self, training: dict[str, Tensor]) -> Checkpoint:
        self.figures.seconds = self.progress.seconds
        return Checkpoint(
            requested=self.requested,
            config=self.config,
            level=self.store.level,
            unseen=self.unseen,
            knows_beginnings=self.knows_beginnings,
            fingerprint=self.store.fingerprint,
            figures=asdict(self.figures),
            weights=self.averaged.state_dict(),
            training=training,
        )


def initial_model(config: TrainConfig, store: PreparedCorpus) -> LanguageModel:
    """Return the model of a resolved config, with the initial weights of its seed."""
    model = LanguageModel(config.model, store.level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(config.machine.seed), torch.from_numpy(store.train.counts))
    return model
