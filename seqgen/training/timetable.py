"""When a run reports, validates, saves and ends.

With `--time` the clock tells, else the step alone, so that two runs of one command validate alike.
"""

from dataclasses import dataclass

from seqgen.config import BudgetConfig
from seqgen.options import parse_time
from seqgen.training.schedule import Budget, StepBudget, TimeBudget

EXACT_SHARE = 0.03  # of the time at most, for scoring the best model exactly once the run is over
EXACT_SLOWNESS = 3  # times as long as an estimate
EARLY_SHARE = 0.02  # of the steps so far, for a validation at a power of two
NUM_VALIDATIONS = 20  # at most so many in a run
VALIDATION_SHARE = 0.05  # of the time at most
SAVING_SHARE = 0.003  # of the time at most, beside the saves that go with validations
REPORT_SECONDS = 1.0
FIRST_REPORT_STEP = 10


@dataclass
class Timetable:
    """What is due.

    All moments are in seconds of training, earlier parts of the run included.

    Attributes:
        budget: how long the run may go on.
        total_steps: of a run without `--time`.
        validation_steps: how many steps take about as long as a validation; to be told.
        now: the moment, as last told.
        step_seconds: how long a step takes; 0 before the first report.
    """

    budget: Budget
    total_steps: int
    validation_steps: float = 0.0
    now: float = 0.0
    step_seconds: float = 0.0
    _reported: float = 0.0
    _saved: float = 0.0
    _saving_seconds: float = 0.0
    _validated: float = 0.0
    _validation_seconds: float = 0.0

    @classmethod
    def of(cls, config: BudgetConfig, steps_per_epoch: int) -> "Timetable":
        """Return that of a budget."""
        total_steps = config.num_steps(steps_per_epoch)
        budget = StepBudget(total_steps) if config.time is None else TimeBudget(parse_time(config.time))
        return cls(budget, total_steps)

    def begin(self) -> None:
        """Begin, or begin again, at the moment last told."""
        self._reported = self._saved = self._validated = self.now

    def progress(self, step: int) -> float:
        """Return the share of the budget that is behind."""
        return min(1.0, self.budget.progress(step, self.now))

    def seconds_left(self, step: int) -> float:
        """Return how long the rest of the budget takes at the speed of the last steps."""
        return self.budget.seconds_left(step, self.now, self.step_seconds)

    @property
    def time(self) -> float | None:
        """The seconds of a run that has so many."""
        return self.budget.seconds if isinstance(self.budget, TimeBudget) else None

    def is_report_due(self, step: int) -> bool:
        """Tell whether to report: within the first steps, and then about each second."""
        return step == FIRST_REPORT_STEP or self.now - self._reported >= REPORT_SECONDS

    def reported(self, step_seconds: float | None) -> None:
        """Take note of a report, and of how long a step took since the one before."""
        self._reported = self.now
        self.step_seconds = step_seconds or self.step_seconds
        self._reserve()

    def is_validation_due(self, step: int) -> bool:
        """Tell whether to validate after this step.

        At powers of two, too, where it costs next to nothing: a small text is learned by heart in no time.
        """
        if step.bit_count() == 1 and max(1, self.validation_steps) <= EARLY_SHARE * step:
            return True
        if self.time is not None:
            wait = max(self._validation_seconds / VALIDATION_SHARE, self.time / NUM_VALIDATIONS)
            return self.now - self._validated >= wait
        return step % self.validation_interval == 0

    @property
    def validation_interval(self) -> int:
        """How many steps lie between validations, so that they take about `VALIDATION_SHARE` of the work."""
        return max(1, round(self.validation_steps / VALIDATION_SHARE), self.total_steps // NUM_VALIDATIONS)

    def validated(self, begun: float) -> None:
        """Take note of a validation that began at a moment and ends now."""
        self._validated = self.now
        self._validation_seconds = self.now - begun
        self._reserve()

    def is_save_due(self) -> bool:
        """Tell whether saving again costs no more than `SAVING_SHARE` of the time."""
        return self.now - self._saved >= self._saving_seconds / SAVING_SHARE

    def saved(self, begun: float) -> None:
        """Take note of a save that began at a moment and ends now."""
        self._saved = self.now
        self._saving_seconds = self.now - begun

    @property
    def exact_seconds(self) -> float:
        """How long scoring the best model exactly may take after the run; 0 is not at all."""
        affordable = float("inf") if self.time is None else EXACT_SHARE * self.time
        return affordable if EXACT_SLOWNESS * self._validation_seconds <= affordable else 0.0

    def _reserve(self) -> None:
        """Keep time for the last validation and two saves, one with it and one of the end.

        They are taken to last as long as the last ones did; before the first validation its time is a guess.
        """
        if isinstance(self.budget, TimeBudget):
            validation = self._validation_seconds or self.validation_steps * self.step_seconds
            self.budget.reserve = validation + 2 * self._saving_seconds
