"""Attention to the past, compared with a loop by its definition, and with itself in other chunks."""

import math

import pytest
import torch

from seqgen.model.past import PastAttention
from seqgen.model.state import reset, tensors_of
from seqgen.noise import Noise

HIDDEN, SPAN, TIME, STREAMS = 6, 5, 14, 3


@pytest.fixture
def past(generator):
    past = PastAttention(HIDDEN, SPAN)
    past.initialise(generator)
    with torch.no_grad():
        past.distance_bias.normal_(generator=generator)
    return past


@pytest.fixture
def hidden(generator):
    return 3 * torch.randn(TIME, STREAMS, HIDDEN, generator=generator)


def weights_by_definition(past, hidden, first):
    """Return the weights of one stream by distance, shape (time, span + 1), whose document begins at `first`."""
    memory = [past.memory_weight @ vector for vector in hidden]
    weights = torch.zeros(len(hidden), past.span + 1)
    for time, vector in enumerate(hidden):
        query = past.attention.query_weight @ vector
        distances = range(min(past.span, time - (first if time >= first else 0)) + 1)
        powers = [
            math.exp(float(query @ memory[time - d]) / math.sqrt(len(query)) + float(past.distance_bias[d]))
            for d in distances
        ]
        weights[time, : len(powers)] = torch.tensor(powers) / sum(powers)
    return weights


def by_definition(past, hidden, first):
    """Return the outputs for one stream, shape (time, HIDDEN), whose document begins at the step `first`."""
    memory = [past.memory_weight @ vector for vector in hidden]
    outputs = []
    for time, weights in enumerate(weights_by_definition(past, hidden, first)):
        context = sum(weight * memory[time - d] for d, weight in enumerate(weights) if weight)
        outputs.append(torch.tanh(past.attention.output_weight @ torch.cat([hidden[time], context])))
    return torch.stack(outputs)


@torch.no_grad()
def test_attention_to_the_past_equals_a_loop_by_its_definition(past, hidden):
    outputs, _ = past(hidden, past.initial_state(STREAMS), torch.float32)
    expected = torch.stack([by_definition(past, hidden[:, stream], 0) for stream in range(STREAMS)], 1)
    torch.testing.assert_close(outputs, expected)


@torch.no_grad()
@pytest.mark.parametrize("span", [5, 150])
def test_weights_of_a_text_longer_than_span_and_block_equal_those_by_definition(span, generator):
    past = PastAttention(HIDDEN, span)
    past.initialise(generator)
    past.distance_bias.normal_(generator=generator)
    hidden = 3 * torch.randn(300, 2, HIDDEN, generator=generator)
    weights = past.weights(hidden, past.initial_state(2), torch.float32)
    expected = torch.stack([weights_by_definition(past, hidden[:, stream], 0) for stream in range(2)], 1)
    torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weights.sum(-1), torch.ones(300, 2))


@torch.no_grad()
def test_weights_of_later_chunks_are_zero_before_the_document(past, hidden):
    _, state = past(hidden[:6], past.initial_state(STREAMS), torch.float32)
    (state,) = reset([state], torch.tensor([False, True, False]))
    weights = past.weights(hidden[6:], state, torch.float32)
    expected = [weights_by_definition(past, hidden[:, n], 6 if n == 1 else 0)[6:] for n in range(STREAMS)]
    torch.testing.assert_close(weights, torch.stack(expected, 1))


@pytest.mark.parametrize("length", [1, 2, 7])
def test_outputs_gradients_and_state_do_not_depend_on_the_chunks(past, hidden, length, monkeypatch):
    whole, after = past(hidden.requires_grad_(), past.initial_state(STREAMS), torch.float32)
    expected = torch.autograd.grad(whole.square().sum(), [hidden, *past.parameters()])
    state, chunks = past.initial_state(STREAMS), []
    for chunk in hidden.split(length):
        outputs, state = past(chunk, state, torch.float32)
        chunks.append(outputs)
    torch.testing.assert_close(torch.cat(chunks), whole)
    torch.testing.assert_close(tensors_of([state]), tensors_of([after]))
    found = torch.autograd.grad(torch.cat(chunks).square().sum(), [hidden, *past.parameters()])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr("seqgen.model.past._BLOCK", 4)
    torch.testing.assert_close(past(hidden, past.initial_state(STREAMS), torch.float32)[0], whole)


@torch.no_grad()
def test_a_stream_that_begins_a_document_attends_to_nothing_before(past, hidden):
    first, state = past(hidden[:6], past.initial_state(STREAMS), torch.float32)
    (state,) = reset([state], torch.tensor([False, True, False]))
    outputs, _ = past(hidden[6:], state, torch.float32)
    expected = torch.stack(
        [by_definition(past, hidden[:, stream], 6 if stream == 1 else 0) for stream in range(STREAMS)], 1
    )
    torch.testing.assert_close(torch.cat([first, outputs]), expected)


def test_no_step_depends_on_later_steps_or_on_those_beyond_the_span(past, hidden):
    outputs, _ = past(hidden.requires_grad_(), past.initial_state(STREAMS), torch.float32)
    (gradient,) = torch.autograd.grad(outputs[9, 1].sum(), hidden)
    reached = gradient.abs().sum(-1) > 0
    assert reached[:, 1].nonzero()[:, 0].tolist() == list(range(9 - SPAN, 10))
    assert not reached[:, [0, 2]].any()


def test_dropout_does_not_change_what_is_remembered_but_what_is_read(make_model, generator):
    model = make_model(11, attention=SPAN, dropout=0.5)
    ids = torch.randint(11, (TIME, STREAMS), generator=generator)
    dropped, with_noise = model.hidden(ids, model.initial_state(STREAMS), noise=Noise(1, STREAMS))
    whole, without = model.hidden(ids, model.initial_state(STREAMS))
    torch.testing.assert_close(tensors_of(with_noise), tensors_of(without))
    is_kept = dropped != 0
    assert 0.2 < is_kept.float().mean() < 0.8
    torch.testing.assert_close(dropped[is_kept], 2 * whole[is_kept])
