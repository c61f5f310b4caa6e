"""The number of threads that train: fewer while other programs use the cores.

Threads wait for each other after every operation, so a single one that shares its core with another program delays all:
on two cores beside ten other processes, a step of lstm 1x256 took 1.4 to 2.0 s with two threads, 0.2 to 0.3 s with one.

The number of threads can change the last bits of a result. It varies only where the clock has an influence anyway, with
`--time`, and only in a single process.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import torch

from seqgen.compiled import set_num_threads
from seqgen.training.distributed import World

WINDOW = 9  # steps whose median pace counts
FIRST_WINDOW = 3  # the same, before fewer threads are tried for the first time
MAJORITY = 2  # steps that decide a trial
GAIN = 0.9  # a step of a trial is faster if it takes less than this share of the time
MEMORY = 50  # steps over which the normal pace is averaged
UNCLEAR = 1.5  # even fewer threads are tried if a trial's steps take less than this many times as long
SLOWDOWN = 1.25  # fewer threads are tried again if steps take this many times as long as before
TRIAL_SHARE = 0.02  # of the time, at most, for repeated trials


class Change(NamedTuple):
    """A change of the number of threads.

    Attributes:
        before: the number of threads before.
        after: the number of threads from now on.
        pace_before: seconds per token before.
        pace_after: seconds per token in the trial.
    """

    before: int
    after: int
    pace_before: float
    pace_after: float


class ThreadPolicy:
    """Chooses the number of threads from the time that each step took; no clock is read.

    Fewer threads are tried once at the beginning, and again whenever steps have become slower. More threads are tried
    again from time to time. A trial lasts until `MAJORITY` steps were faster, or not faster.

    Args:
        counts: the numbers of threads to choose from, in descending order, beginning with the present one.

    Attributes:
        count: the number of threads of the next step.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self.count = counts[0]
        self._counts = counts
        self._chosen = self._tried = 0  # places in `counts`; they differ during a trial
        self._paces: deque[float] = deque(maxlen=WINDOW)  # of steps with the chosen number, in seconds per token
        self._normal: float | None = None  # the pace at which fewer threads are not faster; None if not yet tried
        self._trial: list[float] = []  # the paces of the trial
        self._cost = 0.0  # the seconds lost in the trial
        self._wait = 0.0  # the seconds until the next trial

    def count_step(self, seconds: float, tokens: int) -> Change | None:
        """Count a step with `count` threads, and choose the number of the next.

        Args:
            seconds: the time that the step took.
            tokens: the number of its targets.

        Returns:
            The change, if a trial has ended with another number of threads.
        """
        change = None
        if self._tried != self._chosen:
            change = self._judge(seconds, max(1, tokens))
        else:
            self._wait -= seconds
            self._paces.append(seconds / max(1, tokens))
            if len(self._paces) >= (FIRST_WINDOW if self._normal is None else WINDOW):
                self._consider_trial()
        self.count = self._counts[self._tried]
        return change

    def _consider_trial(self) -> None:
        """Begin a trial if it is time for one."""
        pace, has_waited = median(self._paces), self._wait <= 0
        is_slower = self._normal is not None and pace > SLOWDOWN * self._normal
        if (self._normal is None or (is_slower and has_waited)) and self._chosen + 1 < len(self._counts):
            self._tried += 1
        elif has_waited and self._chosen > 0:
            self._tried -= 1
        elif self._normal is not None and not is_slower:
            self._normal += (pace - self._normal) / MEMORY

    def _judge(self, seconds: float, tokens: int) -> Change | None:
        """Count a step of a trial, and end the trial if it is decided."""
        before, is_fewer = median(self._paces), self._tried > self._chosen
        self._cost += seconds - before * tokens
        self._trial.append(seconds / tokens)
        num_faster = sum(pace < GAIN * before for pace in self._trial)
        if max(num_faster, len(self._trial) - num_faster) < MAJORITY:
            return None
        pace, self._trial = median(self._trial), []
        change = None
        if num_faster == MAJORITY:
            change = Change(self._counts[self._chosen], self.count, before, pace)
            self._chosen, self._normal = self._tried, None if is_fewer else pace
            self._wait = MAJORITY * (before - pace) * tokens / TRIAL_SHARE if is_fewer else 0.0
        elif is_fewer and pace < UNCLEAR * before and self._tried + 1 < len(self._counts):
            self._tried += 1
            return None
        else:
            self._tried, self._normal = self._chosen, before if is_fewer else self._normal
            self._wait = max(self._wait, self._cost / TRIAL_SHARE)
        self._paces.clear()
        self._cost = 0.0
        return change


class Threads:
    """The threads of a run.

    Args:
        counts: the numbers of threads to choose from, see `ThreadPolicy`.
    """

    def __init__(self, counts: Sequence[int]) -> None:
        self._policy = ThreadPolicy(counts)
        self._has_reported = False

    def count_step(self, seconds: float, tokens: int) -> str | None:
        """Count a step, and use the number of threads that the policy chooses for the next.

        Returns:
            A message for the user after the first change.
        """
        change = self._policy.count_step(seconds, tokens)
        use_threads(self._policy.count)
        if change is None or self._has_reported:
            return None
        self._has_reported = True
        before, after = (round(1000 * pace * tokens) for pace in (change.pace_before, change.pace_after))
        return (
            f"using {change.after} of {change.before} threads while that is faster, for instance because other "
            f"programs use the cores ({after:,} ms per step instead of {before:,} ms)"
        )


def thread_counts(device: str, world: World) -> list[int]:
    """Return the numbers of threads to choose from in a run with `--time`, in descending order from the present one."""
    counts = [torch.get_num_threads()]
    has_openmp = torch.backends.openmp.is_available()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    may_vary = has_openmp and device == "cpu" and world.size == 1
    while may_vary and counts[-1] > 1:
        counts.append(counts[-1] - max(1, counts[-1] // 4))
    return counts


def use_threads(count: int) -> None:
    """Let torch and the compiled functions use this number of threads."""
    if count != torch.get_num_threads():
        set_num_threads(count)  # first, because numba sets torch's number as well when it starts its threads
        torch.set_num_threads(count)


@contextmanager
def threads_restored() -> Iterator[None]:
    """Use the present number of threads again at the end of this context."""
    count = torch.get_num_threads()
    try:
        yield
    finally:
        use_threads(count)
