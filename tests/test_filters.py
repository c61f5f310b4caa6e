"""Temperature, top-k and top-p, compared with worked examples."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import SamplingConfig
from seqgen.sampling.filters import probabilities

LIKELY = torch.tensor([[0.5, 0.3, 0.15, 0.05]])


def filtered(**options):
    return probabilities(LIKELY.log(), SamplingConfig(**options))[0].tolist()


def test_default_options_leave_probabilities_unchanged():
    assert filtered() == pytest.approx([0.5, 0.3, 0.15, 0.05])


def test_temperature_raises_probabilities_to_the_power_of_its_inverse():
    squares = [0.25, 0.09, 0.0225, 0.0025]
    assert filtered(temperature=0.5) == pytest.approx([square / sum(squares) for square in squares])


def test_temperature_zero_takes_the_most_likely_token():
    assert filtered(temperature=0) == [1, 0, 0, 0]


def test_top_k_keeps_the_k_most_likely_tokens():
    assert filtered(top_k=2) == pytest.approx([0.625, 0.375, 0, 0])
    assert filtered(top_k=100) == filtered()


def test_top_p_keeps_the_fewest_tokens_that_reach_p():
    assert filtered(top_p=0.7) == pytest.approx([0.625, 0.375, 0, 0])
    assert filtered(top_p=0.81) == pytest.approx([0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0])
    assert filtered(top_p=0.01) == pytest.approx([1, 0, 0, 0])


def test_top_p_is_applied_after_temperature_and_top_k():
    # Top-k leaves 0.625 and 0.375, of which the first alone reaches 0.6.
    assert filtered(top_k=2, top_p=0.6) == pytest.approx([1, 0, 0, 0])


def test_streams_are_filtered_independently():
    both = torch.cat((LIKELY, LIKELY.flip(-1))).log()
    filtered = probabilities(both, SamplingConfig(top_p=0.7))
    assert filtered[0].tolist() == filtered[1].flip(-1).tolist()


@given(
    logits=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=9),
    temperature=st.floats(0, 1e4),
    top_k=st.none() | st.integers(1, 10),
    top_p=st.floats(1e-9, 1),
)
def test_the_result_is_a_distribution_without_forbidden_tokens(logits, temperature, top_k, top_p):
    config = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p)
    likely = probabilities(torch.tensor([[*logits, -torch.inf]]), config)[0]
    assert likely.sum().item() == pytest.approx(1)
    assert likely[-1] == 0
    assert likely.min() >= 0
