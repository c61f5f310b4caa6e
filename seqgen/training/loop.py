"""The training loop: yields reports, saves checkpoints, prints nothing."""

import time
from collections.abc import Callable, Iterator
from dataclasses import InitVar, asdict, dataclass, replace

from torch import Tensor

from seqgen.checkpoint import Checkpoint, read_bytes
from seqgen.config import TrainConfig, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import shortage_reported
from seqgen.training.agreement import Agreement
from seqgen.training.batch import Batch
from seqgen.training.budget import Budget
from seqgen.training.distributed import World
from seqgen.training.divergence import SLOWER, RollBack, has_diverged
from seqgen.training.figures import NEVER, Figures
from seqgen.training.fine_tuning import extended
from seqgen.training.launch import launch_name
from seqgen.training.learner import Learner, StepResult
from seqgen.training.make_batches import make_batches
from seqgen.training.report import Notice, Report
from seqgen.training.run_folder import RunFolder
from seqgen.training.schedule import learning_rate_factor, num_parts
from seqgen.training.threads import Threads, thread_counts, threads_restored
from seqgen.training.timetable import Timetable
from seqgen.training.validation import Validated, Validation


@dataclass(eq=False, repr=False)
class Trainer:
    """A model in training.

    Args:
        model: the model, whose weights are changed in place.
        corpus: the prepared corpus.
        requested: the options as given.
        config: the options as resolved.
        run: where to save.
        started: `time.perf_counter()` when the budget began to count.
        world: the processes that train together.

    Attributes:
        timetable: how far the run has come, and what is due next.
        is_overfitting: whether the validation loss has risen while the training loss fell.
        unseen: ids that were never a target, neither here nor in the run that this one started from.
    """

    model: LanguageModel
    corpus: PreparedCorpus
    requested: TrainOptions
    config: TrainConfig
    run: RunFolder
    started: InitVar[float]
    world: World

    def __post_init__(self, started: float) -> None:
        self.unseen = self.corpus.train.unseen
        self.is_overfitting = False
        self.batches = make_batches(self.corpus, self.config)
        self.learner = Learner(self.model, self.config, self.world, self.batches.own)
        dtype = PRECISIONS[self.config.machine.precision]
        self._validation = Validation(self.averaged, self.corpus.valid, dtype, self.world)
        budget = Budget.of(self.config.budget, self.batches.steps_per_epoch)
        self.timetable = Timetable(budget, started, self._of_these_processes(Figures()))
        self._agreement = Agreement(self.world, self.timetable)
        counts = thread_counts(self.config.machine.device, self.world)
        self._threads = Threads(counts if self.config.budget.time is not None else counts[:1])

    def begin_from(self, parent: Checkpoint) -> None:
        """Start with the weights of another run, which are validated before the first step."""
        self.learner.begin_from(extended(parent.weights, self.model.state_dict()))
        self.unseen = sorted(set(self.unseen) & set(parent.unseen))
        self.figures.validated_step = NEVER

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `last.safetensors` was written: step, optimizer, hidden state and log."""
        figures = replace(self._of_these_processes(Figures.from_json(checkpoint.figures)), is_finished=False)
        self.timetable.continue_from(figures)
        self.unseen = checkpoint.unseen
        best = self._read_best()
        figures.found(Figures.from_json(best.figures) if best else None)
        self.learner.restore(checkpoint.weights, checkpoint.training)
        self._rewind_log()

    def _read_best(self) -> Checkpoint | None:
        """Return the best model that the first process has saved; None if its file does not exist."""
        path = self.run.best
        data = self.world.broadcast(lambda: read_bytes(path) if path.is_file() else b"")
        return Checkpoint.of(data, path) if data else None

    def _rewind_log(self) -> None:
        if self.world.is_first:
            self.run.rewind_log(self.figures.step)

    def _of_these_processes(self, figures: Figures) -> Figures:
        return replace(figures, processes=self.world.size, machines=self.world.machines, launch=launch_name())

    @property
    def figures(self) -> Figures:
        """What the checkpoint keeps of the timetable."""
        return self.timetable.figures

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights, which is validated, sampled from and saved."""
        return self.learner.averaged

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        factor = learning_rate_factor(self.timetable.share) * SLOWER**self.figures.roll_backs
        return self.config.optimization.learning_rate * factor

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model on the whole validation set may take after the run; 0 if it should not."""
        is_whole = self._validation_tokens >= self.corpus.valid.num_targets and not self.world.is_divided
        return self.timetable.exact_seconds if is_whole else 0.0

    def train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        """Train to the end of the budget, or until the loss has not improved for `patience` validations.

        Args:
            is_interrupted: called after each step; if it returns True, the state is saved and the iterator ends.

        Raises:
            TrainingError: training diverged repeatedly, there is not enough memory, or another process has ended.
            CheckpointError: a checkpoint or the log cannot be written.
        """
        try:
            with threads_restored():
                yield from self._train(is_interrupted)
        finally:
            self.run.release()

    def _begin(self, is_interrupted: Callable[[], bool]) -> None:
        self.model.train()
        self._agreement.renew(is_interrupted)
        self.timetable.begin()
        self._save_last()
        self.timetable.validation_steps = self._validation.num_steps(self._validation_tokens, self.batches)

    def _train(self, is_interrupted: Callable[[], bool]) -> Iterator[Report | Notice]:
        self._begin(is_interrupted)
        batches = self.batches.from_step(self.figures.step)
        while True:
            if self.timetable.is_validation_due:  # first, because a run may have been stopped before its validation
                yield self._validate()
            if self.timetable.is_over(self.config.budget.patience):
                break
            if self._agreement.is_interrupted:
                self._save_last()
                return
            batch = next(batches)
            result, notices = self._step(batch, is_interrupted)
            if has_diverged(result, self.corpus.level.vocabulary_size, self.batches.num_outputs(batch)):
                yield self._roll_back()
                batches = self.batches.from_step(self.figures.step)
            yield from notices
            ends = self.timetable.share >= 1 and not self._agreement.is_interrupted  # with a validation
            if self.timetable.is_report_due and not (self.timetable.is_validation_due or ends):
                yield self._report()
            if self.timetable.is_save_due:
                self._save_last()
        if self.figures.validated_step != self.figures.step:
            yield self._validate()
        self.figures.is_finished = True
        self._save_last()

    def _step(self, batch: Batch, is_interrupted: Callable[[], bool]) -> tuple[StepResult, list[Notice]]:
        """Learn from a batch; return the result of all processes, and what this step has changed for the next ones."""
        begun, num_passes = time.perf_counter(), self.learner.num_passes
        options = self.config.optimization
        with shortage_reported(self.config.model, options.batch_size, options.sequence_length):
            result = self.learner.learn(batch, self.figures.step, self.learning_rate, num_parts(self.timetable.share))
        self.figures.step += 1
        self.figures.tokens += result.tokens
        nats, seconds = self._agreement.renew(is_interrupted, result.nats, time.perf_counter() - begun)
        result = replace(result, nats=nats)
        self.timetable.count(result, seconds)
        messages = [self.learner.memory_message] if self.learner.num_passes > num_passes else []
        if message := self._threads.count_step(seconds, result.tokens):
            messages.append(message)
        return result, [Notice(message) for message in messages]

    def _roll_back(self) -> Notice:
        """Return to the best model, or to the initial weights, and lower the learning rate."""
        roll_back = RollBack(self.figures, self._read_best())
        roll_back.check(self.config, self.learning_rate, self.run.folder)
        self.learner.begin_from(roll_back.weights(self.config, self.corpus))
        self.timetable.return_to(roll_back.figures)
        self._rewind_log()
        self._save_last()
        return roll_back.notice

    def _report(self, validated: Validated | None = None) -> Report:
        """Log what happened since the last report."""
        report = Report.of(self.timetable, self.batches.steps_per_epoch, self.learning_rate, validated)
        if self.world.is_first:
            self.run.log(report.to_json())
        self.timetable.reported()
        return report

    @property
    def _validation_tokens(self) -> int:
        """How many tokens are validated, the same number throughout a run."""
        if self.figures.validation_tokens is None:
            self.figures.validation_tokens = self._validation.affordable_tokens(self.timetable.budget)
        return self.figures.validation_tokens

    def _validate(self) -> Report:
        """Measure the validation loss, and save the model if it is the best so far."""
        self._agreement.renew()
        begun = self.timetable.now
        validated = self._validation.result(self._validation_tokens, self.corpus, self.unseen, self.figures.step)
        train_nats = self.timetable.since_validation.nats_per_token
        is_best = self.figures.validated(validated.nats, train_nats, validated.errors or 0.0)
        report = self._report(validated)
        if not is_best:
            self.is_overfitting = self.figures.shows_overfitting(train_nats)
        elif self.world.is_first:
            self.run.save_best(self._checkpoint({}))
        self._agreement.renew()
        self.timetable.validated(begun)
        self._save_last()
        return report

    def _save_last(self) -> None:
        begun = self.timetable.now
        tensors = self.learner.tensors()
        if self.world.is_first:
            self.run.save_last(self._checkpoint(tensors))
        self._agreement.renew()
        self.timetable.saved(begun)

    @property
    def knows_beginnings(self) -> bool:
        """Whether the model has seen enough beginnings of documents to sample from a start token."""
        return self.batches.show_beginnings(self.figures.tokens)

    def _checkpoint(self, training: dict[str, Tensor]) -> Checkpoint:
        self.figures.seconds = self.timetable.seconds
        return Checkpoint(
            requested=self.requested,
            config=self.config,
            level=self.corpus.level,
            unseen=self.unseen,
            knows_beginnings=self.knows_beginnings,
            fingerprint=self.corpus.fingerprint,
            figures=asdict(self.figures),
            weights=self.averaged.state_dict(),
            training=training,
            given_coding=self.corpus.given_coding,
        )
