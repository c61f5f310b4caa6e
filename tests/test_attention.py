"""Attention, compared with torch's and with a loop by its definition."""

import math

import pytest
import torch
import torch.nn.functional as F

from seqgen.model.attention import Attention, Memory

HIDDEN, MEMORY = 5, 8
LENGTHS = torch.tensor([7, 1, 4])

streams_per_given = pytest.mark.parametrize("num_streams", [1, 4])


@pytest.fixture
def attention(generator):
    attention = Attention(HIDDEN, MEMORY)
    attention.initialise(generator)
    return attention


@pytest.fixture
def outputs(generator):
    """The outputs of an encoder, whose padding is large."""
    outputs = torch.randn(7, 3, MEMORY, generator=generator)
    outputs[torch.arange(7)[:, None] >= LENGTHS] *= 1000
    return outputs.requires_grad_()


def results(function, attention, hidden, outputs):
    """Return what a function of hidden vectors and outputs returns, and its gradients."""
    attended = function(hidden, outputs)
    return attended, *torch.autograd.grad(attended.square().sum(), [hidden, outputs, *attention.parameters()])


@streams_per_given
def test_attention_equals_that_of_torch(attention, outputs, generator, num_streams):
    hidden = torch.randn(6, 3 * num_streams, HIDDEN, generator=generator, requires_grad=True)
    is_given = (torch.arange(7) < LENGTHS[:, None])[:, None].repeat_interleave(num_streams, 0)

    def by_torch(hidden, outputs):
        vectors = outputs.transpose(0, 1).repeat_interleave(num_streams, 0)
        queries = F.linear(hidden, attention.query_weight).transpose(0, 1)
        context = F.scaled_dot_product_attention(queries, vectors, vectors, is_given).transpose(0, 1)
        return F.linear(torch.cat([hidden, context], -1), attention.output_weight).tanh()

    found = results(lambda h, m: attention(h, Memory.of(m, LENGTHS), torch.float32), attention, hidden, outputs)
    torch.testing.assert_close(found, results(by_torch, attention, hidden, outputs), rtol=1e-4, atol=1e-5)


@torch.no_grad()
@streams_per_given
def test_attention_equals_a_loop_by_its_definition(attention, outputs, generator, num_streams):
    hidden = torch.randn(6, 3 * num_streams, HIDDEN, generator=generator)
    memory = Memory.of(outputs, LENGTHS)
    attended, weights = attention(hidden, memory, torch.float32), attention.weights(hidden, memory, torch.float32)
    assert weights.shape == (3, 6 * num_streams, 7)
    for time in range(6):
        for stream in range(3 * num_streams):
            given = stream // num_streams
            vectors = outputs[: LENGTHS[given], given]
            query = attention.query_weight @ hidden[time, stream]
            powers = [math.exp(float(query @ vector) / math.sqrt(MEMORY)) for vector in vectors]
            context = sum(power / sum(powers) * vector for power, vector in zip(powers, vectors, strict=True))
            expected = torch.tanh(attention.output_weight @ torch.cat([hidden[time, stream], context]))
            torch.testing.assert_close(attended[time, stream], expected)
            row = weights[given, time * num_streams + stream % num_streams]
            assert row.tolist() == pytest.approx([power / sum(powers) for power in powers] + [0] * (7 - len(powers)))


def test_the_weights_have_the_sum_1_and_are_0_at_padding(attention, outputs, generator):
    hidden = 100 * torch.randn(6, 3, HIDDEN, generator=generator)
    weights = attention.weights(hidden, Memory.of(outputs, LENGTHS), torch.float32)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 6))
    is_padding = (torch.arange(7) >= LENGTHS[:, None])[:, None].expand_as(weights)
    assert not weights[is_padding].any()


def test_a_selected_memory_is_that_of_the_selected_givens(attention, outputs, generator):
    hidden, memory = torch.randn(6, 3, HIDDEN, generator=generator), Memory.of(outputs, LENGTHS)
    which = torch.tensor([2, 0, 2, 1])
    selected = attention(hidden[:, which], memory.select(which), torch.float32)
    torch.testing.assert_close(selected, attention(hidden, memory, torch.float32)[:, which])


def test_attention_in_bfloat16_agrees_within_its_rounding(attention, generator):
    outputs = torch.randn(7, 3, MEMORY, generator=generator, requires_grad=True)
    hidden = torch.randn(6, 3, HIDDEN, generator=generator, requires_grad=True)

    def by(dtype):
        return lambda hidden, outputs: attention(hidden, Memory.of(outputs, LENGTHS), dtype).float()

    exact, rounded = (results(by(dtype), attention, hidden, outputs) for dtype in (torch.float32, torch.bfloat16))
    for value, reference in zip(rounded, exact, strict=True):
        assert value.dtype == torch.float32
        assert (value - reference).norm() < 0.02 * reference.norm()
    weights = attention.weights(hidden, Memory.of(outputs, LENGTHS), torch.bfloat16)
    assert weights.dtype == torch.float32
