"""The states and gates of every cell at every step, compared with the equations of the cells, written by hand."""

import numpy as np
import pytest
import torch

from seqgen import registry
from seqgen.levels.note import NoteLevel
from seqgen.model.activations import activations, of_layer
from tests.scores import melody
from tests.test_cells import VARIANTS, make

LSTM_GATES = ["input_gate", "forget_gate", "candidate", "output_gate"]
GRU_GATES = ["reset_gate", "update_gate", "candidate"]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(name, cell, inputs):
    """Return the states and gates of one stream step by step, in float64."""
    part = {key: value.detach().double().numpy() for key, value in cell.named_parameters()}
    w, u, b = (np.split(part[key], cell.num_gates) for key in ("input_weight", "recurrent_weight", "bias"))
    h, c = np.zeros(cell.output_size), np.zeros(cell.hidden_size)
    steps = []
    for x in inputs.double().numpy():
        a = [w[k] @ x + b[k] for k in range(cell.num_gates)]
        r = [u[k] @ h for k in range(cell.num_gates)]
        found = {}
        if name in ("rnn", "relu-rnn"):
            h = np.tanh(a[0] + r[0]) if name == "rnn" else np.maximum(0, a[0] + r[0])
        elif name in ("gru", "original-gru"):
            reset, update = sigmoid(a[0] + r[0]), sigmoid(a[1] + r[1])
            inner = reset * (r[2] + part["candidate_bias"]) if name == "gru" else u[2] @ (reset * h)
            candidate = np.tanh(a[2] + inner)
            found = dict(zip(GRU_GATES, (reset, update, candidate), strict=True))
            h = (1 - update) * candidate + update * h
        else:
            p = part.get("peepholes", np.zeros((3, cell.hidden_size)))
            if name == "coupled-lstm":
                i = sigmoid(a[0] + r[0])
                f, g, before = 1 - i, np.tanh(a[1] + r[1]), a[2] + r[2]
            else:
                i, f = sigmoid(a[0] + r[0] + p[0] * c), sigmoid(a[1] + r[1] + p[1] * c)
                g, before = np.tanh(a[2] + r[2]), a[3] + r[3]
            c = f * c + i * g
            o = sigmoid(before + p[2] * c)
            found = {"cell": c, **dict(zip(LSTM_GATES, (i, f, g, o), strict=True))}
            h = o * np.tanh(c)
            if cell.projection is not None:
                h = part["projection"] @ h
        steps.append({"hidden": h, **found})
    return {key: np.stack([step[key] for step in steps]) for key in steps[0]}


@pytest.mark.parametrize(("name", "projection"), VARIANTS)
def test_states_and_gates_equal_the_equations(name, projection, generator):
    cell = make(name, generator, projection=projection)
    inputs = torch.randn(9, 5, generator=generator)
    with torch.no_grad():
        found = of_layer(cell, inputs, cell.initial_state(1))
    expected = by_hand(name, cell, inputs)
    assert set(found) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(found[key].numpy(), values, rtol=1e-4, atol=1e-6, err_msg=key)


@pytest.mark.parametrize(("name", "projection"), [each for each in VARIANTS if "lstm" in each[0]])
def test_gates_recombine_to_the_states(name, projection, generator):
    cell = make(name, generator, projection=projection)
    with torch.no_grad():
        found = of_layer(cell, torch.randn(9, 5, generator=generator), cell.initial_state(1))
        before = torch.cat([torch.zeros(1, 7), found["cell"][:-1]])
        kept, added = found["forget_gate"] * before, found["input_gate"] * found["candidate"]
        torch.testing.assert_close(kept + added, found["cell"])
        hidden = found["output_gate"] * found["cell"].tanh()
        torch.testing.assert_close(hidden if projection is None else hidden @ cell.projection.t(), found["hidden"])


@pytest.mark.parametrize(
    "options", [{}, {"layer_norm": True, "residual": True}, {"tie_weights": True, "embedding_size": 16}]
)
@pytest.mark.parametrize("name", registry.names("cells"))
def test_the_output_is_that_of_the_model(make_model, generator, name, options):
    model = make_model(7, cell=name, num_layers=3, **options)
    ids = torch.randint(7, (12,), generator=generator)
    output, layers = activations(model, ids)
    assert len(layers) == 3
    expected, state = model.hidden(ids[:, None], model.initial_state(1))
    torch.testing.assert_close(output, expected[:, 0].detach(), rtol=1e-4, atol=1e-5)
    for layer, last in zip(layers, state, strict=True):
        for key, tensor in last.tensors.items():
            torch.testing.assert_close(layer[key][-1], tensor[0].detach(), rtol=1e-4, atol=1e-5)


def test_factors_of_music_have_their_influence(make_model, generator):
    level = NoteLevel(12)
    read = level.inputs(np.array([level.START, *level.encode(melody())]))
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    with torch.no_grad():
        model.factor_embedding.normal_(generator=generator)
        model.factor_output.normal_(generator=generator)
    ids = torch.from_numpy(read.astype(np.int64))
    output, _ = activations(model, ids)
    expected, _ = model.hidden(ids[:, None], model.initial_state(1))
    torch.testing.assert_close(output, expected[:, 0].detach(), rtol=1e-4, atol=1e-5)
