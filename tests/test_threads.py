"""The number of threads on simulated machines, whose fastest number is known."""

import random

import numba
import pytest
import torch

from seqgen import compiled
from seqgen.evaluation.likelihood import Likelihood
from seqgen.training import recipe, validation
from seqgen.training.distributed import ALONE, World
from seqgen.training.learner import Learner, StepResult
from seqgen.training.report import Notice
from seqgen.training.threads import (
    FIRST_WINDOW,
    GAIN,
    MAJORITY,
    TRIAL_SHARE,
    WINDOW,
    ThreadPolicy,
    Threads,
    thread_counts,
    threads_restored,
    use_threads,
)
from seqgen.training.validation import TRIAL_TOKENS

TOKENS = 4096


@pytest.fixture(autouse=True)
def two_threads():
    """Begin with two threads on any machine, and leave the tests' own number as it was."""
    with threads_restored():
        use_threads(2)
        yield


class Machine:
    """Steps of 60 ms with one thread; a thread that shares its core delays all others, however many they are.

    Args:
        num_cores: its cores.
        noise: the standard deviation of the time of a step, as a share of it.
    """

    def __init__(self, num_cores, noise=0.0):
        self.num_cores, self.num_busy, self.slowness = num_cores, 0, 1.0
        self._noise, self._random = noise, random.Random(1)
        with threads_restored():
            torch.set_num_threads(num_cores)
            self.counts = thread_counts("cpu", ALONE)
        self.policy = ThreadPolicy(self.counts)

    def seconds(self, num_threads):
        if num_threads == 1 or num_threads <= self.num_cores - self.num_busy:
            return self.slowness * 0.06 / num_threads
        return self.slowness * 0.6 / self.num_cores

    def run(self, num_steps):
        """Return the number of threads and the seconds of each step."""
        passed = []
        for _ in range(num_steps):
            count = self.policy.count
            seconds = self.seconds(count) * max(0.1, self._random.gauss(1, self._noise))
            passed.append((count, seconds))
            self.policy.count_step(seconds, TOKENS)
        return passed

    @property
    def best(self):
        """The seconds of a step with the fastest number of threads."""
        return min(map(self.seconds, self.counts))


def test_the_numbers_of_threads_fall_to_one():
    assert Machine(2).counts == [2, 1]
    assert Machine(16).counts == [16, 12, 9, 7, 6, 5, 4, 3, 2, 1]
    assert thread_counts("cuda", ALONE) == [2]
    assert thread_counts("cpu", World(0, 2)) == [2]


@pytest.mark.parametrize("num_cores", [2, 8])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_free_machine_uses_all_threads_after_a_single_trial(num_cores, noise):
    counts = [count for count, _ in Machine(num_cores, noise).run(10_000)]
    assert counts[:FIRST_WINDOW] == [num_cores] * FIRST_WINDOW
    assert sum(count != num_cores for count in counts) <= 2 * (MAJORITY + 1)


@pytest.mark.parametrize("num_cores", [2, 4, 16, 64])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_number_of_threads_follows_the_load(num_cores, noise):
    machine = Machine(num_cores, noise)
    for num_busy in (0, 1, num_cores // 2, 0, num_cores - 1, 0):
        machine.num_busy = num_busy
        machine.run(5000)
        settled = machine.run(2000)
        lost = sum(seconds - machine.best for count, seconds in settled if machine.seconds(count) > machine.best / GAIN)
        assert lost <= 1.5 * TRIAL_SHARE * sum(seconds for _, seconds in settled), num_busy


def test_a_busy_machine_is_noticed_within_a_few_steps():
    machine = Machine(2)
    machine.num_busy = 1
    assert [count for count, _ in machine.run(100)][FIRST_WINDOW:] == [1] * (100 - FIRST_WINDOW)
    machine = Machine(2)
    machine.run(1000)
    machine.num_busy = 1
    assert [count for count, _ in machine.run(100)][WINDOW:] == [1] * (100 - WINDOW)


def test_a_slower_machine_keeps_its_threads_after_a_single_further_trial():
    machine = Machine(4)
    machine.run(1000)
    machine.slowness = 2.0
    counts = [count for count, _ in machine.run(5000)]
    assert sum(count != 4 for count in counts) <= 2 * MAJORITY


def test_trials_are_rare_on_a_machine_whose_speed_changes_often():
    machine, passed = Machine(2), []
    for period in range(300):
        machine.slowness = 1.0 + period % 2
        passed += machine.run(25)
    lost = sum(seconds / 2 for count, seconds in passed if count == 1)
    assert lost <= 1.2 * TRIAL_SHARE * sum(seconds for _, seconds in passed)


def test_batches_of_other_lengths_are_not_a_reason_for_a_trial():
    policy = ThreadPolicy([2, 1])
    counts = []
    for step in range(1000):
        counts.append(policy.count)
        tokens = TOKENS if step < 500 else 5 * TOKENS
        policy.count_step(tokens * 1e-5 / policy.count, tokens)
    assert sum(count == 1 for count in counts) == MAJORITY


def test_torch_and_numba_use_the_chosen_number_and_the_user_is_told_once():
    available = min(2, numba.config.NUMBA_NUM_THREADS) if compiled._has_threads() else None
    used, messages = Threads([2, 1]), []
    with threads_restored():
        for is_busy in [True] * 50 + [False] * 10_000 + [True] * 50:
            count = torch.get_num_threads()
            if available:
                assert numba.get_num_threads() == min(count, available)
            messages.append(used.count_step(0.5 if is_busy and count == 2 else 0.06 / count, TOKENS))
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    assert [message for message in messages if message] == [
        "using 1 of 2 threads while that is faster, for instance because other programs use the cores (60 ms per step "
        "instead of 500 ms)"
    ]


@pytest.fixture
def counts(monkeypatch):
    """Simulate a machine on which two threads are slow; return a list that receives the threads of each step."""
    counts, clock = [], [0.0]

    def learn(_self, batch, *_):
        counts.append(torch.get_num_threads())
        clock[0] += 0.5 if counts[-1] == 2 else 0.1
        return StepResult(1.0 * batch.num_targets, batch.num_targets, 1.0, 0.0)

    def read():
        clock[0] += 1e-4
        return clock[0]

    monkeypatch.setattr(Learner, "learn", learn)
    monkeypatch.setattr(recipe, "step_seconds", lambda *_: 0.1)
    monkeypatch.setattr(validation, "estimate", lambda *_: Likelihood(2.0 * TRIAL_TOKENS, TRIAL_TOKENS))
    monkeypatch.setattr("time.perf_counter", read)
    return counts


def test_training_with_a_time_budget_uses_fewer_threads_on_a_busy_machine(start, counts):
    reports = list(start(time="1h").train(lambda: len(counts) == 30))
    assert counts[:FIRST_WINDOW] == [2] * FIRST_WINDOW
    assert counts[FIRST_WINDOW:][:10] == [1] * 10
    assert [report.text[:21] for report in reports if isinstance(report, Notice)] == ["using 1 of 2 threads "]
    assert torch.get_num_threads() == 2


def test_training_with_a_number_of_steps_keeps_its_threads(start, counts):
    """The number of threads may change the last bits of a result, and two runs of one command are bit for bit alike."""
    reports = list(start(steps=30).train(lambda: False))
    assert counts == [2] * 30
    assert not [report for report in reports if isinstance(report, Notice)]
