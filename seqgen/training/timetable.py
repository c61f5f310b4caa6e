"""How far a run has come, what happened since its last report and validation, and what is due next.

With `--time` the clock decides, otherwise the step alone, so that two runs of one command validate alike.
"""

import time
from dataclasses import dataclass, field

from seqgen.training.budget import Budget
from seqgen.training.figures import NEVER, Figures
from seqgen.training.learner import StepResult

EXACT_SHARE = 0.03  # of the time, at most, for scoring the best model exactly after the run
EXACT_SLOWNESS = 3  # exact scores take this many times as long as estimates
EARLY_SHARE = 0.02  # of the steps so far, at most, for a validation at a power of two
SAVING_SHARE = 0.003  # of the time, at most, apart from the saves that follow a validation
REPORT_SECONDS = 1.0
FIRST_REPORT_STEP = 10


@dataclass
class Window:
    """Sums over some steps."""

    nats: float = 0.0
    tokens: int = 0
    steps: int = 0
    gradient_norm: float = 0.0
    clipped: float = 0.0
    seconds: float = 0.0  # of the steps alone

    def count(self, result: StepResult, seconds: float) -> None:
        """Add one step."""
        self.nats += result.nats
        self.tokens += result.tokens
        self.steps += 1
        self.gradient_norm += result.gradient_norm
        self.clipped += result.clipped
        self.seconds += seconds

    @property
    def nats_per_token(self) -> float | None:
        """The mean loss, if there was a step."""
        return self.nats / self.tokens if self.steps else None

    @property
    def step_seconds(self) -> float | None:
        """The mean time of a step, if there was one."""
        return self.seconds / self.steps if self.steps else None


@dataclass
class Timetable:
    """The timetable of a run.

    All moments are in seconds of training, those of earlier parts of the run included. `now` moves only when all
    processes of a run have agreed on the time, so that they decide alike.

    Attributes:
        budget: how long the run lasts.
        started: `time.perf_counter()` when training began.
        figures: what the checkpoint keeps.
        validation_steps: the number of steps that take about as long as a validation.
        now: the moment last agreed on.
        since_report: what happened since the last report.
        since_validation: what happened since the last validation.
    """

    budget: Budget
    started: float
    figures: Figures = field(default_factory=Figures)
    validation_steps: float = 0.0
    now: float = 0.0
    since_report: Window = field(default_factory=Window)
    since_validation: Window = field(default_factory=Window)
    _step_seconds: float = 0.0  # 0 before the first report
    _reported: float = 0.0
    _saved: float = 0.0
    _saving_seconds: float = 0.0
    _validated: float = 0.0
    _validation_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """Wall-clock time of training."""
        return time.perf_counter() - self.started

    @property
    def share(self) -> float:
        """The share of the budget that is used, in [0, 1].

        Time is kept for the last validation, the save that follows it and the one at the end; before the first
        validation, its time is an estimate.
        """
        validation = self._validation_seconds or self.validation_steps * self._step_seconds
        return min(1.0, self.budget.progress(self.figures.step, self.now, validation + 2 * self._saving_seconds))

    @property
    def seconds_left(self) -> float:
        """How long the rest of the budget takes at the speed of the last steps."""
        return self.budget.seconds_left(self.figures.step, self.now, self._step_seconds)

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model exactly may take after the run; 0 if it should not be scored."""
        allowance = self.budget.allowance(EXACT_SHARE)
        return allowance if EXACT_SLOWNESS * self._validation_seconds <= allowance else 0.0

    def continue_from(self, figures: Figures) -> None:
        """Continue a run that was stopped with these figures."""
        self.figures = figures
        self.started -= figures.seconds

    def begin(self) -> None:
        """Begin, or begin again, now."""
        self._reported = self._saved = self._validated = self.now

    def count(self, result: StepResult, seconds: float) -> None:
        """Add the result of a step that took this long."""
        for window in (self.since_report, self.since_validation):
            window.count(result, seconds)

    def return_to(self, figures: Figures) -> None:
        """Go back to an earlier state."""
        self.figures = figures
        self.since_report, self.since_validation = Window(), Window()

    def is_over(self, patience: int) -> bool:
        """Return whether the budget is used up, or this number of validations brought no improvement."""
        if self.figures.step == 0:  # even if the time is up: without a step there is no model
            return False
        return self.share >= 1 or self.figures.validations_since_best >= patience

    @property
    def is_report_due(self) -> bool:
        """Whether to report: once within the first steps, then about every second."""
        return self.figures.step == FIRST_REPORT_STEP or self.now - self._reported >= REPORT_SECONDS

    def reported(self) -> None:
        """Record that what happened so far was reported."""
        self._reported = self.now
        self._step_seconds = self.since_report.step_seconds or self._step_seconds
        self.since_report = Window()

    @property
    def is_validation_due(self) -> bool:
        """Whether to validate after this step.

        Powers of two are validated too, if that is cheap: a model overfits a small text within seconds.
        """
        step = self.figures.step
        if self.figures.validated_step in (step, NEVER):
            return self.figures.validated_step == NEVER
        if step.bit_count() == 1 and max(1, self.validation_steps) <= EARLY_SHARE * step:
            return True
        waited = self.now - self._validated
        return self.budget.is_validation_due(step, waited, self._validation_seconds, self.validation_steps)

    def validated(self, begun: float) -> None:
        """Record a validation that lasted from a moment until now."""
        self._validated = self.now
        self._validation_seconds = self.now - begun
        self.since_validation = Window()

    @property
    def is_save_due(self) -> bool:
        """Whether saving again takes at most `SAVING_SHARE` of the time."""
        return self.now - self._saved >= self._saving_seconds / SAVING_SHARE

    def saved(self, begun: float) -> None:
        """Record a save that lasted from a moment until now."""
        self._saved = self.now
        self._saving_seconds = self.now - begun
