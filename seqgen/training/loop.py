"""The training loop: yields a report now and then, saves what must not be lost, prints nothing."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.checkpoint import Checkpoint
from seqgen.config import TrainConfig, parse_time
from seqgen.corpus.batches import Batch, Batches
from seqgen.corpus.store import Store
from seqgen.errors import TrainingError
from seqgen.evaluation.likelihood import estimate
from seqgen.levels.base import PADDING
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.stack import detach, reset
from seqgen.training.averaging import Average
from seqgen.training.figures import Figures, Recent, Report
from seqgen.training.optimizer import AdamW, restore_optimizer, restore_weights, restored_hidden, resumable_tensors
from seqgen.training.run import Run
from seqgen.training.schedule import Budget, StepBudget, TimeBudget, learning_rate_factor, num_parts

MAX_VALIDATION_TOKENS = 1_000_000  # enough to tell models apart; `evaluate` scores all of them
TRIAL_TOKENS = 1 << 14  # that are read to see how many more a short run can afford
EXACT_SHARE = 0.03  # of the time at most, for scoring the best model exactly once the run is over
EXACT_SLOWNESS = 3  # times as long as an estimate
EARLY_SHARE = 0.02  # of the steps so far, for a validation at a power of two
OVERFITTING_VALIDATIONS = 2  # without a better loss: one may be chance
NUM_VALIDATIONS = 20  # at most so many in a run
VALIDATION_SHARE = 0.05  # of the time at most
FORWARD_SPEED = 3  # a step with its backward pass takes about three times as long as a forward pass
SAVING_SHARE = 0.01  # of the time at most
REPORT_SECONDS = 1.0
FIRST_REPORT_STEP = 10
NEVER = -1  # the step of a validation that is still to be done before the first step


class Trainer:
    """A model in training.

    Args:
        model: its weights are changed in place.
        store: the corpus.
        requested: the options as given.
        config: the options as resolved.
        run: where to save.
        started: `time.perf_counter()` of the moment from which the budget counts.

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
    ) -> None:
        self.model = model
        self.store = store
        self.requested = requested
        self.config = config
        self.run = run
        self.figures = Figures()
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
        self.budget = self._budget()
        self._started = started
        self._dtype = PRECISIONS[config.machine.precision]
        self._optimizer = AdamW(model, config.optimization)
        self._average = Average(model)
        self._state: list[State] = model.initial_state(options.batch_size)
        self._recent, self._unvalidated = Recent(), Recent()
        self._step_seconds = 0.0
        self._last_save_seconds = 0.0
        self._saved_at = time.perf_counter()
        self._last_validation_seconds = 0.0
        self._validated_at = time.perf_counter()

    def begin_from(self, parent: Checkpoint) -> None:
        """Begin with the weights of another run, and measure them before the first step."""
        for model in (self.model, self.averaged):
            model.load_state_dict(dict(parent.weights))
        self.unseen = sorted(set(self.unseen) & set(parent.unseen))
        self.figures.validated_step = NEVER

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on where `last.safetensors` was written: step, optimizer, hidden state and log."""
        self.figures = Figures(**checkpoint.figures)
        self.unseen = checkpoint.unseen
        self.figures.is_finished = False
        if not self.run.best.is_file():  # deleted: the next validation writes one again
            self.figures.best_valid_nats = None
        self._started -= self.figures.seconds
        self.averaged.load_state_dict(dict(checkpoint.weights))
        restore_weights(self.model, checkpoint.training)
        restore_optimizer(self._optimizer, checkpoint.training)
        self._state = restored_hidden(self._state, checkpoint.training)
        self.run.rewind_log(self.figures.step)

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights: the one that is validated, sampled from and kept."""
        return self._average.model

    @property
    def seconds(self) -> float:
        """Wall-clock time of training so far, earlier parts included."""
        return time.perf_counter() - self._started

    @property
    def progress(self) -> float:
        """The share of the budget that is behind."""
        return min(1.0, self.budget.progress(self.figures.step, self.seconds))

    @property
    def seconds_left(self) -> float:
        """How long the rest of the budget takes at the speed of the last steps."""
        return self.budget.seconds_left(self.figures.step, self.seconds, self._step_seconds)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self.config.optimization.learning_rate * learning_rate_factor(self.progress)

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model on all of the validation part may take after the run; 0 is not at all."""
        if self._max_validation_tokens < self.store.valid.num_targets:
            return 0.0
        affordable = EXACT_SHARE * self.budget.seconds if isinstance(self.budget, TimeBudget) else math.inf
        return affordable if EXACT_SLOWNESS * self._last_validation_seconds <= affordable else 0.0

    def train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report]:
        """Train to the end of the budget, or until the loss has not fallen for `patience` validations.

        Args:
            is_interrupted: asked after each step; when it says so, the state is saved and the iterator ends.

        Raises:
            TrainingError: the loss is no longer a finite number.
            CheckpointError: a checkpoint cannot be written.
        """
        self.model.train()
        self._save_last()
        batches = self.batches.from_step(self.figures.step)
        while True:
            if self._is_validation_due():  # first of all: a run that was stopped right here has it still to do
                yield self._validate()
            if self._is_over():
                break
            if is_interrupted():
                self._save_last()
                return
            self._step(next(batches))
            if self._is_report_due():
                yield self._report(None)
            if self._is_save_due():
                self._save_last()
        if self.figures.validated_step != self.figures.step:
            yield self._validate()
        self.figures.is_finished = True
        self._save_last()

    def _is_over(self) -> bool:
        if self.figures.step == 0:  # however short the time: without a step there is no model
            return False
        return self.progress >= 1 or self.figures.validations_since_best >= self.config.budget.patience

    def _step(self, batch: Batch) -> None:
        """Learn from a batch; early in a run from each half of it in turn."""
        begun, noise, clip = time.perf_counter(), self._noise(), self.config.optimization.clip
        inputs, targets, fresh = (torch.from_numpy(array).to(self.model.device) for array in batch[:3])
        state = self.model.initial_state(len(fresh)) if batch.is_whole else reset(self._state, fresh)
        parts = 1 if batch.is_whole else num_parts(self.progress)
        self._optimizer.learning_rate = self.learning_rate
        nats, norms = 0.0, []
        for some_inputs, some_targets in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
            state, loss, norm = self._update(some_inputs, some_targets, state, noise)
            nats += loss * int((some_targets != PADDING).sum())
            norms.append(norm)
        if not batch.is_whole:
            self._state = state
        tokens = int((batch.targets != PADDING).sum())
        self.figures.step += 1
        self._average.update(self.model, self.figures.step)
        self.figures.tokens += tokens
        gradient_norm, clipped = sum(norms) / len(norms), sum(norm > clip for norm in norms) / len(norms)
        seconds = time.perf_counter() - begun
        for recent in (self._recent, self._unvalidated):
            recent.count(nats, tokens, gradient_norm, clipped, seconds)

    def _update(
        self, inputs: Tensor, targets: Tensor, state: list[State], noise: torch.Generator
    ) -> tuple[list[State], float, float]:
        """Change the weights by truncated back-propagation through time.

        Returns the state that follows, the loss in nats per token and the norm of its gradient before it is clipped.
        """
        hidden, after = self.model.hidden(inputs, state, self._dtype, noise)
        loss = self.model.loss(hidden, targets, self._dtype)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimization.clip)
        nats, gradient_norm = self._checked(loss.item()), self._checked(norm.item())
        self._optimizer.step()
        self._optimizer.zero_grad()
        return detach(after), nats, gradient_norm

    def _checked(self, value: float) -> float:
        """Return a loss or gradient norm, before the optimizer has used it."""
        if math.isfinite(value):
            return value
        options = self.config.optimization
        raise TrainingError(
            f"training has diverged at step {self.figures.step}: the loss or its gradient is {value}. The last good "
            f"state is kept in {self.run.folder}; try a lower --learning-rate (it was {options.learning_rate:g}) or "
            f"--clip (it was {options.clip:g})"
        )

    def _noise(self) -> torch.Generator:
        """Return the source of this step's dropout masks: it depends on seed and step alone, so none need be saved."""
        return torch.Generator().manual_seed((self.config.machine.seed * 1_000_003 + self.figures.step) % 2**63)

    def _is_report_due(self) -> bool:
        is_first = self.figures.step == FIRST_REPORT_STEP
        return is_first or time.perf_counter() - self._recent.reported_at >= REPORT_SECONDS

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
        self.run.log(report.to_json())
        if recent.steps:
            self._step_seconds = recent.seconds / recent.steps
        self._reserve()
        self._recent = Recent()
        return report

    def _is_validation_due(self) -> bool:
        """Tell whether to validate: by the clock with `--time`, else by the step alone.

        At powers of two, too, where it costs next to nothing: a small text is learned by heart in no time.
        """
        step = self.figures.step
        if self.figures.validated_step == step:
            return False
        if self.figures.validated_step == NEVER:
            return True
        if step.bit_count() == 1 and max(1, self._validation_steps) <= EARLY_SHARE * step:
            return True
        if isinstance(self.budget, TimeBudget):
            wait = max(self._last_validation_seconds / VALIDATION_SHARE, self.budget.seconds / NUM_VALIDATIONS)
            return time.perf_counter() - self._validated_at >= wait
        return step % self._validation_interval == 0

    @property
    def _validation_interval(self) -> int:
        """How many steps lie between validations, so that they take about `VALIDATION_SHARE` of the work."""
        affordable = self._validation_steps / VALIDATION_SHARE
        return max(1, round(affordable), self._total_steps() // NUM_VALIDATIONS)

    @property
    def _validation_steps(self) -> float:
        """How many steps take about as long as a validation."""
        validated = min(self.store.valid.num_targets, self._max_validation_tokens)
        tokens_per_step = self.store.train.num_targets / self.batches.steps_per_epoch
        return validated / FORWARD_SPEED / tokens_per_step

    @property
    def _max_validation_tokens(self) -> int:
        """How many tokens validate, the same all through a run: with `--time` what takes `VALIDATION_SHARE` of it."""
        if self.figures.validation_tokens is None:
            self.figures.validation_tokens = MAX_VALIDATION_TOKENS
            if isinstance(self.budget, TimeBudget):
                begun = time.perf_counter()
                tokens = estimate(self.averaged, self.store.valid, self._dtype, TRIAL_TOKENS).tokens
                affordable = VALIDATION_SHARE * self.budget.seconds * tokens / (time.perf_counter() - begun)
                self.figures.validation_tokens = min(MAX_VALIDATION_TOKENS, max(TRIAL_TOKENS, round(affordable)))
        return self.figures.validation_tokens

    def _validate(self) -> Report:
        """Measure the loss on the validation part and keep the model if it is the best so far."""
        begun = time.perf_counter()
        valid_nats = estimate(self.averaged, self.store.valid, self._dtype, self._max_validation_tokens).nats_per_token
        figures, train_nats = self.figures, self._unvalidated.train_nats
        self._unvalidated = Recent()
        figures.valid_nats, figures.validated_step = valid_nats, figures.step
        report = self._report(valid_nats)
        if figures.best_valid_nats is None or valid_nats < figures.best_valid_nats:
            figures.best_valid_nats, figures.best_step, figures.validations_since_best = (
                valid_nats,
                figures.step,
                0,
            )
            figures.train_nats_of_best = train_nats
            self.run.save_best(self._checkpoint({}))
        else:
            figures.validations_since_best += 1
            if figures.train_nats_of_best is None:  # the best is what the run began with
                figures.train_nats_of_best = train_nats
            before = figures.train_nats_of_best
            has_learned = before is not None and train_nats is not None and train_nats < before
            self.is_overfitting = has_learned and figures.validations_since_best >= OVERFITTING_VALIDATIONS
        self._last_validation_seconds = time.perf_counter() - begun
        self._reserve()
        self._save_last()
        self._validated_at = time.perf_counter()
        return report

    def _is_save_due(self) -> bool:
        return time.perf_counter() - self._saved_at >= self._last_save_seconds / SAVING_SHARE

    def _save_last(self) -> None:
        begun = time.perf_counter()
        self.run.save_last(self._checkpoint(resumable_tensors(self.model, self._optimizer, self._state)))
        self._saved_at = time.perf_counter()
        self._last_save_seconds = self._saved_at - begun

    def _checkpoint(self, training: dict[str, Tensor]) -> Checkpoint:
        self.figures.seconds = self.seconds
        return Checkpoint(
            requested=self.requested,
            config=self.config,
            level=self.store.level,
            unseen=self.unseen,
            fingerprint=self.store.fingerprint,
            figures=asdict(self.figures),
            weights=self.averaged.state_dict(),
            training=training,
        )

    def _budget(self) -> Budget:
        budget = self.config.budget
        if budget.time is not None:
            return TimeBudget(parse_time(budget.time))
        return StepBudget(self._total_steps())

    def _total_steps(self) -> int:
        return self.config.budget.num_steps(self.batches.steps_per_epoch)

    def _reserve(self) -> None:
        """Keep time for the last validation and save: as long as the last ones took, or a guess before the first."""
        if isinstance(self.budget, TimeBudget):
            validation = self._last_validation_seconds or self._validation_steps * self._step_seconds
            self.budget.reserve = validation + self._last_save_seconds
