"""The training loop: yields a report now and then, saves what must not be lost, prints nothing."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import torch
from torch import Tensor

from seqgen.checkpoint import Checkpoint, read_bytes
from seqgen.config import TrainConfig
from seqgen.corpus.reading import counted
from seqgen.corpus.store import Store
from seqgen.errors import TrainingError
from seqgen.evaluation.likelihood import Score, estimate
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import shortage_told
from seqgen.sampling.opening import ENOUGH_BEGINNINGS
from seqgen.training.batch import Batch
from seqgen.training.batches import Batches
from seqgen.training.distributed import World
from seqgen.training.figures import NEVER, Figures, Notice, Recent, Report
from seqgen.training.launch import launch_name
from seqgen.training.learner import Learned, Learner
from seqgen.training.run import Run
from seqgen.training.schedule import learning_rate_factor, num_parts
from seqgen.training.timetable import VALIDATION_SHARE, Timetable

MAX_VALIDATION_TOKENS = 1_000_000  # enough to tell models apart; `evaluate` scores all of them
TRIAL_TOKENS = 1 << 14  # that are read to see how many more a short run can afford
OVERFITTING_VALIDATIONS = 2  # without a better loss: one may be chance
FORWARD_SPEED = 3  # a step with its backward pass takes about three times as long as a forward pass
EXPLODED = 5  # times the loss of one who knows nothing: no model that learns comes there
MAX_ROLL_BACKS = 4
SLOWER = 0.25  # of the learning rate after each


class Trainer:
    """A model in training.

    Args:
        model: its weights are changed in place.
        store: the corpus.
        requested: the options as given.
        config: the options as resolved.
        run: where to save.
        started: `time.perf_counter()` of the moment from which the budget counts.
        world: the processes that train together.

    Attributes:
        is_overfitting: whether the validation loss has risen while the training loss fell.
        unseen: ids that were never a target, here or in the run that this one began with.
    """

    def __init__(
        self,
        model: LanguageModel,
        store: Store,
        requested: TrainConfig,
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
        self.figures = self._of_these_processes(Figures())
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
        self.timetable = Timetable.of(config.budget, self.batches.steps_per_epoch)
        self._started = started
        self._dtype = PRECISIONS[config.machine.precision]
        self._recent, self._unvalidated = Recent(), Recent()
        self._is_interrupted = False

    def begin_from(self, parent: Checkpoint) -> None:
        """Begin with the weights of another run, and measure them before the first step."""
        self.learner.begin_from(parent.weights)
        self.unseen = sorted(set(self.unseen) & set(parent.unseen))
        self.figures.validated_step = NEVER

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where `last.safetensors` was written: step, optimizer, hidden state and log."""
        self.figures = replace(self._of_these_processes(Figures.from_json(checkpoint.figures)), is_finished=False)
        self.unseen = checkpoint.unseen
        best = self._read_best()
        self.figures.found(Figures.from_json(best.figures) if best else None)
        self._started -= self.figures.seconds
        self.learner.restore(checkpoint.weights, checkpoint.training)
        if self.world.is_first:
            self.run.rewind_log(self.figures.step)

    def _read_best(self) -> Checkpoint | None:
        """Return the best model that the first process has saved; None if its file does not exist."""
        path = self.run.best
        data = self.world.told(lambda: read_bytes(path) if path.is_file() else b"")
        return Checkpoint.of(data, path) if data else None

    def _of_these_processes(self, figures: Figures) -> Figures:
        return replace(figures, processes=self.world.size, launch=launch_name())

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights: the one that is validated, sampled from and kept."""
        return self.learner.averaged

    @property
    def seconds(self) -> float:
        """Wall-clock time of training so far, earlier parts included."""
        return time.perf_counter() - self._started

    @property
    def progress(self) -> float:
        """The share of the budget that is behind."""
        return self.timetable.progress(self.figures.step)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        factor = learning_rate_factor(self.progress) * SLOWER**self.figures.roll_backs
        return self.config.optimization.learning_rate * factor

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model on all of the validation part may take after the run; 0 is not at all."""
        return 0.0 if self._validation_tokens < self.store.valid.num_targets else self.timetable.exact_seconds

    def train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        """Train to the end of the budget, or until the loss has not fallen for `patience` validations.

        Args:
            is_interrupted: asked after each step; when it says so, the state is saved and the iterator ends.

        Raises:
            TrainingError: the loss has exploded again and again, there is not enough memory, or another process has
                ended.
            CheckpointError: a checkpoint or the log cannot be written.
        """
        try:
            yield from self._train(is_interrupted)
        finally:
            self.run.release()

    def _train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        self.model.train()
        self._agree(is_interrupted)
        self.timetable.begin()
        self._save_last()
        self.timetable.validation_steps = self._validation_steps()
        batches, num_passes = self.batches.from_step(self.figures.step), 1
        while True:
            if self._is_validation_due():  # first of all: a run that was stopped right here has it still to do
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
            if self.timetable.is_report_due(self.figures.step):
                yield self._report(None)
            if self.timetable.is_save_due():
                self._save_last()
        if self.figures.validated_step != self.figures.step:
            yield self._validate()
        self.figures.is_finished = True
        self._save_last()

    def _is_over(self) -> bool:
        if self.figures.step == 0:  # however short the time: without a step there is no model
            return False
        return self.progress >= 1 or self.figures.validations_since_best >= self.config.budget.patience

    def _step(self, batch: Batch, is_interrupted: Callable[[], bool]) -> bool:
        """Learn from a batch; early in a run from each half of it in turn. Return whether the loss is a sane one."""
        begun = time.perf_counter()
        with shortage_told(self.config.model, self.config.optimization):
            learned = self.learner.learn(batch, self.figures.step, self.learning_rate, num_parts(self.progress))
        self.figures.step += 1
        self.figures.tokens += learned.tokens
        nats, seconds = self._agree(is_interrupted, learned.nats, time.perf_counter() - begun)
        learned = replace(learned, nats=nats)
        for recent in (self._recent, self._unvalidated):
            recent.count(learned, seconds)
        return self._is_sane(learned)

    def _agree(
        self, is_interrupted: Callable[[], bool] = lambda: False, nats: float = 0.0, seconds: float = 0.0
    ) -> tuple[float, float]:
        """Take the first process' clock for the moment, so that all come to the same, and anyone's interruption.

        Returns:
            The sum of all nats, and the first process' seconds.
        """
        now, seconds = (self.seconds, seconds) if self.world.is_first else (0.0, 0.0)
        told = self.world.total(nats, float(is_interrupted()), seconds, now)
        nats, interruptions, seconds, self.timetable.now = told
        self._is_interrupted = self._is_interrupted or interruptions > 0
        return nats, seconds

    def _is_sane(self, learned: Learned) -> bool:
        """Tell whether the loss and its gradient are finite, and the loss is not beyond all measure."""
        limit = EXPLODED * math.log(self.store.level.vocabulary_size) * learned.tokens
        return math.isfinite(learned.gradient_norm) and learned.nats <= limit

    def _roll_back(self) -> Notice:
        """Go back to the best model, or to the beginning where there is none, and on at a smaller learning rate.

        Both depend on nothing that the clock has decided, so that runs of one command stay alike.
        """
        exploded, best = self.figures, self._read_best()
        if exploded.roll_backs == MAX_ROLL_BACKS or not (best or self.config.model.from_ is None):
            raise TrainingError(
                f"training diverged at step {exploded.step:,}, after {counted(exploded.roll_backs, 'rollback')}: the "
                f"last saved state is kept in {self.run.folder}; try a --learning-rate below {self.learning_rate:g}, "
                f"the current one, or a --clip below {self.config.optimization.clip:g}"
            )
        if best:
            self.figures = Figures.from_json(best.figures)
            self.learner.begin_from(best.weights)
        else:
            self.figures = Figures()
            self.learner.begin_from(initial_model(self.config, self.store).state_dict())
        self.figures = replace(
            self._of_these_processes(self.figures),
            validation_tokens=exploded.validation_tokens,
            roll_backs=exploded.roll_backs + 1,
        )
        self._recent, self._unvalidated = Recent(), Recent()
        if self.world.is_first:
            self.run.rewind_log(self.figures.step)
        self._save_last()
        return Notice(
            f"training diverged at step {exploded.step:,}; rolled back to "
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
        recent = self._recent
        report = Report(
            step=self.figures.step,
            epoch=self.figures.step / self.batches.steps_per_epoch,
            tokens=self.figures.tokens,
            seconds=self.seconds,
            train_nats=recent.train_nats,
            valid_nats=valid_nats,
            learning_rate=self.learning_rate,
            gradient_norm=recent.gradient_norm / recent.steps if recent.steps else None,
            clipped_share=recent.clipped / recent.steps if recent.steps else None,
            tokens_per_second=recent.tokens / recent.seconds if recent.steps else None,
        )
        if self.world.is_first:
            self.run.log(report.to_json())
        self.timetable.reported(recent.seconds / recent.steps if recent.steps else None)
        self._recent = Recent()
        return report

    def _is_validation_due(self) -> bool:
        figures = self.figures
        if figures.validated_step == figures.step:
            return False
        return figures.validated_step == NEVER or self.timetable.is_validation_due(figures.step)

    @property
    def _validation_tokens(self) -> int:
        """How many tokens validate, the same all through a run: with `--time` what takes `VALIDATION_SHARE` of it."""
        if self.figures.validation_tokens is None:
            self.figures.validation_tokens = MAX_VALIDATION_TOKENS
            if self.timetable.time is not None:
                begun = time.perf_counter()
                tokens = self._estimate(TRIAL_TOKENS).tokens
                affordable = VALIDATION_SHARE * self.timetable.time * tokens / (time.perf_counter() - begun)
                (affordable,) = self.world.agreed(affordable)
                self.figures.validation_tokens = min(MAX_VALIDATION_TOKENS, max(TRIAL_TOKENS, round(affordable)))
        return self.figures.validation_tokens

    def _validation_steps(self) -> float:
        """Return how many steps take about as long as a validation."""
        validated = min(self.store.valid.num_targets, self._validation_tokens)
        tokens_per_step = self.store.train.num_targets / self.batches.steps_per_epoch
        return validated / FORWARD_SPEED / tokens_per_step

    def _estimate(self, max_tokens: int) -> Score:
        """Score the validation part, or some of it, each process a share of it."""
        own = estimate(
            self.averaged, self.store.valid, self._dtype, max_tokens, slice(self.world.rank, None, self.world.size)
        )
        nats, tokens = self.world.total(own.nats, own.tokens)
        return Score(nats, int(tokens))

    def _validate(self) -> Report:
        """Measure the loss on the validation part and keep the model if it is the best so far."""
        self._agree()
        begun = self.timetable.now
        valid_nats = self._estimate(self._validation_tokens).nats_per_token
        train_nats = self._unvalidated.train_nats
        self._unvalidated = Recent()
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
        self.timetable.validated(begun)
        self._save_last()
        return report

    def _save_last(self) -> None:
        begun = self.timetable.now
        tensors = self.learner.tensors()
        if self.world.is_first:
            self.run.save_last(self._checkpoint(tensors))
        self._agree()
        self.timetable.saved(begun)

    @property
    def knows_beginnings(self) -> bool:
        """Whether training has shown often enough how documents begin for samples to begin so, see `opening.py`."""
        train = self.store.train
        num_shown = self.figures.tokens / train.num_targets * train.num_documents
        are_short = self.batches.num_chunks < 2 * train.num_documents  # most of what it reads begins with a beginning
        return not self.batches.starts_inside and (are_short or num_shown >= ENOUGH_BEGINNINGS)

    def _checkpoint(self, training: dict[str, Tensor]) -> Checkpoint:
        self.figures.seconds = self.seconds
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


def initial_model(config: TrainConfig, store: Store) -> LanguageModel:
    """Return the model of a resolved config with the weights that its seed gives."""
    model = LanguageModel(config.model, store.level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(config.machine.seed), torch.from_numpy(store.train.counts))
    return model
