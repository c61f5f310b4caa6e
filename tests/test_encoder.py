"""The encoder, compared with each sequence read alone and with torch's bidirectional LSTM."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqgen.config import ModelConfig
from seqgen.encoders.text import Embedding
from seqgen.model.encoder import Bridge, Encoder, Given
from seqgen.model.scan import step_by_step
from seqgen.model.state import tensors_of
from tests.test_cells import every_variant

VOCABULARY = 6
LENGTHS = torch.tensor([5, 1, 9, 3])


def make(generator, **options):
    sizes = {"num_layers": 1, "hidden_size": 7, "embedding_size": 5} | options
    config = ModelConfig(**sizes)
    encoder = Encoder(config, Embedding(VOCABULARY, config.embedding_size))
    encoder.initialise(generator)
    with torch.no_grad():
        for parameter in encoder.parameters():  # including biases and norms
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return encoder


@pytest.fixture
def ids(generator):
    return torch.randint(VOCABULARY, (int(LENGTHS.max()), len(LENGTHS)), generator=generator)


def read_alone(encoder, ids):
    """Return the outputs of a single sequence and the last ones, by the equations of the cells."""
    inputs, config = encoder.front_end.weight[ids][:, None], encoder.config
    for index, (forward, backward) in enumerate(encoder.cells):
        ahead, _ = step_by_step(forward, inputs, forward.initial_state(1), torch.float32)
        back, _ = step_by_step(backward, inputs.flip(0), backward.initial_state(1), torch.float32)
        last = torch.cat([ahead[-1], back[-1]], -1)
        outputs = torch.cat([ahead, back.flip(0)], -1)
        if config.layer_norm:
            norm = encoder.norms[index]
            outputs = F.layer_norm(outputs, outputs.shape[-1:], norm.weight, norm.bias)
        inputs = outputs + inputs if config.residual and index else outputs
    return inputs[:, 0], last[0]


def results(encoder, outputs, last):
    """Return the outputs of each sequence, the last ones, and the gradients of the parameters."""
    total = sum(part.sin().sum() for part in outputs) + last.square().sum()
    return *outputs, last, *torch.autograd.grad(total, list(encoder.parameters()))


@pytest.mark.parametrize(("layers", "extra"), [(1, False), (3, False), (3, True)])
@every_variant
def test_a_batch_equals_each_sequence_read_alone_in_both_directions(name, projection, layers, extra, generator, ids):
    encoder = make(
        generator, cell=name, projection_size=projection, encoder_layers=layers, residual=extra, layer_norm=extra
    )
    outputs, last, _ = encoder(Given(ids, LENGTHS), torch.float32)
    found = results(encoder, [outputs[:length, i] for i, length in enumerate(LENGTHS.tolist())], last)
    alone = [read_alone(encoder, ids[:length, i]) for i, length in enumerate(LENGTHS.tolist())]
    expected = results(encoder, [part for part, _ in alone], torch.stack([end for _, end in alone]))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@every_variant
def test_the_encoder_in_bfloat16_agrees_within_its_rounding(name, projection, generator, ids):
    encoder = make(generator, cell=name, projection_size=projection, encoder_layers=2, residual=True, layer_norm=True)
    exact, rounded = (encoder(Given(ids, LENGTHS), dtype) for dtype in (torch.float32, torch.bfloat16))
    for mine, theirs in zip(rounded[:2], exact[:2], strict=True):
        assert (mine.float() - theirs).norm() < 0.03 * theirs.norm()


@pytest.mark.parametrize("layers", [1, 3])
def test_a_bidirectional_lstm_equals_that_of_torch_nn(generator, ids, layers):
    encoder = make(generator, encoder_layers=layers)
    reference = nn.LSTM(5, 7, layers, bidirectional=True)
    with torch.no_grad():
        for i, cells in enumerate(encoder.cells):
            for cell, suffix in zip(cells, ("", "_reverse"), strict=True):
                getattr(reference, f"weight_ih_l{i}{suffix}").copy_(cell.input_weight)
                getattr(reference, f"weight_hh_l{i}{suffix}").copy_(cell.recurrent_weight)
                getattr(reference, f"bias_ih_l{i}{suffix}").copy_(cell.bias)
                getattr(reference, f"bias_hh_l{i}{suffix}").zero_()
    inputs = nn.utils.rnn.pack_padded_sequence(
        F.embedding(ids, encoder.front_end.weight), LENGTHS, enforce_sorted=False
    )
    packed, (hidden, _) = reference(inputs)
    expected, _ = nn.utils.rnn.pad_packed_sequence(packed)
    outputs, last, _ = encoder(Given(ids, LENGTHS), torch.float32)
    within = torch.arange(len(ids))[:, None] < LENGTHS
    torch.testing.assert_close(outputs[within], expected[within])
    torch.testing.assert_close(last, torch.cat([hidden[-2], hidden[-1]], -1))


def test_a_batch_of_givens_holds_each_text_and_selects_some():
    given = Given.of([[3, 1, 2], [4], [5, 6]])
    assert given.rows.shape == (3, 3)
    texts = [given.rows[:length, i].tolist() for i, length in enumerate(given.lengths.tolist())]
    assert texts == [[3, 1, 2], [4], [5, 6]]
    assert given.select(torch.tensor([2, 0])).lengths.tolist() == [2, 3]
    assert given.select(slice(1, 2)).rows[0].tolist() == [4]


@every_variant
def test_the_bridge_gives_each_part_of_the_state_its_own_projection(name, projection, generator, make_model):
    model = make_model(5, VOCABULARY, cell=name, projection_size=projection, num_layers=2, encoder_layers=1)
    zeros = model.initial_state(4)
    bridge = Bridge(6, zeros)
    bridge.initialise(generator)
    last = torch.randn(4, 6, generator=generator)
    expected = torch.tanh(F.linear(last, bridge.weight, bridge.bias))
    assert bridge.bias.abs().max() == 0
    state = bridge(last, zeros)
    assert [type(layer) for layer in state] == [type(layer) for layer in zeros]
    for part, zero in zip(tensors_of(state), tensors_of(zeros), strict=True):
        assert part.shape == zero.shape
        mine, expected = expected.split([part.shape[1], expected.shape[1] - part.shape[1]], 1)
        torch.testing.assert_close(part, mine)
    assert not expected.numel()
