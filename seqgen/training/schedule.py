"""How far a run has come, and how it learns there."""

import math
from dataclasses import dataclass
from typing import Protocol

WARM_UP = 0.03  # share of the run over which the learning rate rises
FIRST = 0.1  # share of the highest learning rate at the first step
# Share of it at the last. The average of the weights (see `averaging.py`) does what a fall to nothing would do, and
# does it better: 1,500 steps of 1x256 on Python's source end at 1.244 nats, with a fall to nothing at 1.263.
LAST = 0.4
# Share of the run in which each half of a chunk is learned from in turn: twice as many changes of the weights are worth
# more there than the longer view. With 0, 0.5 and 0.8 of it plays end at 1.547, 1.534 and 1.529 nats after 20 s (two
# seeds), at 1.446, 1.441 and 1.446 after 80 s; documentation at 1.175, 1.156 and 1.156, and at 1.107, 1.098 and 1.096.
HALVED = 0.5
MAX_PARTS = 2


def learning_rate_factor(progress: float) -> float:
    """Return the share of the highest learning rate at a progress in [0, 1]: up in a line, down in a cosine."""
    if progress < WARM_UP:
        return FIRST + (1 - FIRST) * progress / WARM_UP
    fall = 0.5 * (1 + math.cos(math.pi * (min(progress, 1) - WARM_UP) / (1 - WARM_UP)))
    return LAST + (1 - LAST) * fall


def num_parts(progress: float) -> int:
    """Return into how many parts a chunk is divided, each of which changes the weights."""
    return MAX_PARTS if progress < HALVED else 1


class Budget(Protocol):
    """How long a run may go on."""

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the run that is behind after this many steps and seconds; 1 or more is its end."""

    def seconds_left(self, step: int, seconds: float, step_seconds: float) -> float:
        """Return the seconds that are left at this many seconds a step."""


@dataclass(frozen=True)
class StepBudget:
    """A number of steps; the clock does not matter."""

    steps: int

    def progress(self, step: int, seconds: float) -> float:  # noqa: ARG002
        """Return the share of the steps."""
        return step / self.steps

    def seconds_left(self, step: int, seconds: float, step_seconds: float) -> float:  # noqa: ARG002
        """Return the time that the steps left take."""
        return (self.steps - step) * step_seconds


@dataclass
class TimeBudget:
    """A wall-clock time, of which `reserve` seconds are kept for what follows the last step."""

    seconds: float
    reserve: float = 0.0

    def progress(self, step: int, seconds: float) -> float:  # noqa: ARG002
        """Return the share of the time that there is for steps."""
        return seconds / max(self.seconds - self.reserve, 1e-9)

    def seconds_left(self, step: int, seconds: float, step_seconds: float) -> float:  # noqa: ARG002
        """Return the time left."""
        return self.seconds - seconds
