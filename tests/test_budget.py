"""The length of a run."""

import math

from seqgen.training.budget import StepBudget, TimeBudget
from seqgen.training.learner import StepResult
from seqgen.training.timetable import Timetable


def test_a_step_budget_counts_steps_only():
    budget = StepBudget(40)
    assert budget.progress(10, 1e9, 1e9) == 0.25
    assert budget.seconds_left(10, 1e9, 0.5) == 15
    assert budget.allowance(0.5) == math.inf
    assert [step for step in range(1, 13) if budget.is_validation_due(step, 1e9, 1e9, 0.2)] == [4, 8, 12]


def test_a_time_budget_counts_seconds_and_keeps_a_reserve():
    budget = TimeBudget(100)
    assert budget.progress(10**9, 25, 0) == 0.25
    assert budget.progress(0, 80, 20) == 1
    assert budget.progress(0, 1, 200) > 1
    assert budget.seconds_left(0, 30, 1e9) == 70
    assert budget.allowance(0.03) == 3
    assert [waited for waited in range(10) if budget.is_validation_due(1, waited, 0.3, 1e9)] == [6, 7, 8, 9]


def test_the_reserve_is_the_time_of_a_validation_and_two_saves():
    timetable = Timetable(TimeBudget(100), started=0.0)
    timetable.now = 10
    timetable.begin()
    assert timetable.share == 0.1
    timetable.validation_steps = 4
    timetable.count(StepResult(nats=1.0, tokens=1, gradient_norm=1.0, clipped=0.0), seconds=5.0)
    timetable.reported()
    assert timetable.share == 10 / 80  # before the first validation, an estimate of its time
    timetable.now = 20
    timetable.validated(begun=12)
    timetable.now = 23
    timetable.saved(begun=20)
    assert timetable.share == 23 / (100 - 8 - 2 * 3)
