"""How long a run lasts: a number of steps, or a time."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from seqgen.config import BudgetConfig
from seqgen.options import parse_time

NUM_VALIDATIONS = 20  # in a run, at most
VALIDATION_SHARE = 0.05  # of the time or the work, at most


class Budget(ABC):
    """The length of a run. All times are in seconds of training, those of earlier parts of the run included."""

    @staticmethod
    def of(config: BudgetConfig, steps_per_epoch: int) -> "Budget":
        """Return the budget of these options."""
        if config.time is not None:
            return TimeBudget(parse_time(config.time))
        return StepBudget(config.num_steps(steps_per_epoch))

    @abstractmethod
    def progress(self, step: int, now: float, reserve: float) -> float:
        """Return the share of the run that is done; 1 or more is its end.

        Args:
            step: the number of steps so far.
            now: the time so far.
            reserve: the time that what follows the last step takes.
        """

    @abstractmethod
    def seconds_left(self, step: int, now: float, step_seconds: float) -> float:
        """Return how long the rest of the run takes at this time per step."""

    @abstractmethod
    def allowance(self, share: float) -> float:
        """Return the seconds in a share of the run; infinity if the time does not matter."""

    @abstractmethod
    def is_validation_due(self, step: int, waited: float, validation_seconds: float, validation_steps: float) -> bool:
        """Return whether to validate after this step, so that validations take about `VALIDATION_SHARE`.

        Args:
            step: the number of steps so far.
            waited: the time since the last validation.
            validation_seconds: the time it took.
            validation_steps: the number of steps that take about as long.
        """


@dataclass(frozen=True)
class StepBudget(Budget):
    """A number of steps. Nothing depends on the clock, so that two runs of one command are the same."""

    num_steps: int

    def progress(self, step: int, now: float, reserve: float) -> float:  # noqa: ARG002
        """Return the share of the steps."""
        return step / self.num_steps

    def seconds_left(self, step: int, now: float, step_seconds: float) -> float:  # noqa: ARG002
        """Return the time of the remaining steps."""
        return (self.num_steps - step) * step_seconds

    def allowance(self, share: float) -> float:  # noqa: ARG002
        """Return infinity."""
        return math.inf

    def is_validation_due(
        self,
        step: int,
        waited: float,  # noqa: ARG002
        validation_seconds: float,  # noqa: ARG002
        validation_steps: float,
    ) -> bool:
        """Return whether the step is a multiple of the interval."""
        return step % self.validation_interval(validation_steps) == 0

    def validation_interval(self, validation_steps: float) -> int:
        """Return the number of steps between validations."""
        return max(1, round(validation_steps / VALIDATION_SHARE), self.num_steps // NUM_VALIDATIONS)


@dataclass(frozen=True)
class TimeBudget(Budget):
    """A time in seconds."""

    seconds: float

    def progress(self, step: int, now: float, reserve: float) -> float:  # noqa: ARG002
        """Return the share of the time that is available for steps."""
        return now / max(self.seconds - reserve, 1e-9)

    def seconds_left(self, step: int, now: float, step_seconds: float) -> float:  # noqa: ARG002
        """Return the remaining time."""
        return self.seconds - now

    def allowance(self, share: float) -> float:
        """Return the share of the time."""
        return share * self.seconds

    def is_validation_due(
        self,
        step: int,  # noqa: ARG002
        waited: float,
        validation_seconds: float,
        validation_steps: float,  # noqa: ARG002
    ) -> bool:
        """Return whether the last validation is long enough ago."""
        return waited >= max(validation_seconds / VALIDATION_SHARE, self.seconds / NUM_VALIDATIONS)
