"""What every cell promises; a new cell is found by its file."""

import pytest
import torch
from torch import nn

from seqgen import registry
from seqgen.cells import cell_class
from seqgen.cells.lstm import FORGET_BIAS, LSTM
from seqgen.model.scan import scan, step_by_step

INPUT, HIDDEN = 5, 7
every_cell = pytest.mark.parametrize("name", registry.names("cells"))
every_shape = pytest.mark.parametrize(("time", "batch"), [(1, 1), (9, 1), (1, 3), (9, 3)])


def make(name, generator, dtype=torch.float32):
    cell = cell_class(name)(INPUT, HIDDEN)
    cell.initialise(generator)
    with torch.no_grad():
        for parameter in cell.parameters():  # biases too, or the tests would not see them
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return cell.to(dtype)


def random_state(cell, batch, generator):
    zero = cell.initial_state(batch)
    return type(zero)(*(torch.randn(part.shape, generator=generator).to(part) for part in zero))


def gradients(cell, outputs, state):
    total = outputs.float().square().sum() + sum(part.sum() for part in state)
    return torch.autograd.grad(total, list(cell.parameters()))


@every_cell
@every_shape
def test_the_fast_path_equals_the_equations_in_outputs_states_and_gradients(name, time, batch, generator):
    cell = make(name, generator)
    inputs = torch.randn(time, batch, INPUT, generator=generator)
    state = random_state(cell, batch, generator)
    fast, fast_state = scan(cell, inputs, state, torch.float32)
    slow, slow_state = step_by_step(cell, inputs, state, torch.float32)
    torch.testing.assert_close(fast, slow)
    torch.testing.assert_close(tuple(fast_state), tuple(slow_state))
    torch.testing.assert_close(gradients(cell, fast, fast_state), gradients(cell, slow, slow_state))


@every_cell
def test_in_bfloat16_the_fast_path_stays_near_the_float32_equations(name, generator):
    cell = make(name, generator)
    inputs = torch.randn(9, 3, INPUT, generator=generator)
    state = random_state(cell, 3, generator)
    for path in (scan, step_by_step):
        outputs, last = path(cell, inputs, state, torch.bfloat16)
        exact, _ = step_by_step(cell, inputs, state, torch.float32)
        torch.testing.assert_close(outputs.float(), exact, atol=0.03, rtol=0)
        assert {part.dtype for part in last} == {torch.float32}


@every_cell
def test_gradients_agree_with_finite_differences(name, generator):
    cell = make(name, generator, torch.float64)
    inputs = torch.randn(3, 2, INPUT, generator=generator, dtype=torch.float64)
    state = random_state(cell, 2, generator)
    names = [parameter for parameter, _ in cell.named_parameters()]

    def run(inputs, *parameters):
        outputs, last = torch.func.functional_call(
            _Stepwise(cell), {f"cell.{k}": v for k, v in zip(names, parameters, strict=True)}, (inputs, state)
        )
        return outputs, *last

    arguments = [inputs.requires_grad_(), *(p.detach().requires_grad_() for p in cell.parameters())]
    assert torch.autograd.gradcheck(run, arguments)


class _Stepwise(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs, state):
        return step_by_step(self.cell, inputs, state, torch.float64)


@every_cell
def test_recurrent_weights_begin_orthogonal_gate_by_gate(name, generator):
    cell = cell_class(name)(INPUT, HIDDEN)
    cell.initialise(generator)
    for gate in cell.recurrent_weight.chunk(cell.num_gates):
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN), atol=1e-5, rtol=0)


@every_cell
def test_the_same_generator_gives_the_same_weights(name):
    cells = [cell_class(name)(INPUT, HIDDEN) for _ in range(2)]
    for cell in cells:
        cell.initialise(torch.Generator().manual_seed(3))
    torch.testing.assert_close(cells[0].state_dict(), cells[1].state_dict(), atol=0, rtol=0)


@pytest.mark.parametrize(("name", "reference"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)])
@every_shape
def test_outputs_and_gradients_equal_those_of_torch_nn(name, reference, time, batch, generator):
    cell = make(name, generator)
    module = reference(INPUT, HIDDEN)
    with torch.no_grad():
        module.weight_ih_l0.copy_(cell.input_weight)
        module.weight_hh_l0.copy_(cell.recurrent_weight)
        module.bias_ih_l0.copy_(cell.bias)
        module.bias_hh_l0.zero_()
        if name == "gru":
            module.bias_hh_l0[-HIDDEN:] = cell.candidate_bias
    inputs = torch.randn(time, batch, INPUT, generator=generator)
    state = random_state(cell, batch, generator)
    given = tuple(part[None] for part in state)
    expected, last = module(inputs, given if len(given) > 1 else given[0])
    outputs, after = step_by_step(cell, inputs, state, torch.float32)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(tuple(after), tuple(part[0] for part in (last if len(given) > 1 else (last,))))
    outputs.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(cell.input_weight.grad, module.weight_ih_l0.grad)
    torch.testing.assert_close(cell.recurrent_weight.grad, module.weight_hh_l0.grad)
    torch.testing.assert_close(cell.bias.grad, module.bias_ih_l0.grad)


def test_an_lstm_begins_remembering(generator):
    cell = LSTM(INPUT, HIDDEN)
    cell.initialise(generator)
    input_gate, forget_gate, candidate, output_gate = cell.bias.chunk(4)
    assert forget_gate.tolist() == [FORGET_BIAS] * HIDDEN
    assert not any(bias.any() for bias in (input_gate, candidate, output_gate))
