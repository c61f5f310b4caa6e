"""The learning rate over a run."""

import pytest

from seqgen.training.schedule import FIRST, LAST, WARM_UP, learning_rate_factor


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
