"""How far a run has come, and its learning rate."""

import pytest

from seqgen.training.schedule import FIRST, LAST, WARM_UP, StepBudget, TimeBudget, learning_rate_factor


def test_the_learning_rate_rises_then_falls_along_a_cosine():
    assert learning_rate_factor(0) == FIRST
    assert learning_rate_factor(WARM_UP / 2) == pytest.approx((FIRST + 1) / 2)
    assert learning_rate_factor(WARM_UP) == 1
    assert learning_rate_factor((1 + WARM_UP) / 2) == pytest.approx((1 + LAST) / 2)
    assert learning_rate_factor(1) == pytest.approx(LAST)
    assert learning_rate_factor(1.2) == pytest.approx(LAST)
    values = [learning_rate_factor(i / 100) for i in range(101)]
    assert values[:4] == sorted(values[:4])
    assert values[4:] == sorted(values[4:], reverse=True)


def test_a_step_budget_counts_steps_alone():
    assert StepBudget(40).progress(10, 1e9) == 0.25


def test_a_time_budget_counts_seconds_and_keeps_its_reserve():
    budget = TimeBudget(100)
    assert budget.progress(10**9, 25) == 0.25
    budget.reserve = 20
    assert budget.progress(0, 80) == 1
    budget.reserve = 200
    assert budget.progress(0, 1) > 1
