"""Properties of every cell; new cells are found by their files."""

import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from torch import nn

from seqgen import kernels, registry
from seqgen.cells import cell_class
from seqgen.cells.lstm import FORGET_BIAS
from seqgen.compiled import parallel_range
from seqgen.errors import UsageError
from seqgen.model import compiled_scan as compiled_scan_module
from seqgen.model.compiled_scan import can_compile, compiled_scan, packed
from seqgen.model.scan import scan, step_by_step
from tests import processes

INPUT, HIDDEN, PROJECTED = 5, 7, 3
NAMES = registry.names("cells")
PROJECTABLE = [name for name in NAMES if cell_class(name).takes_projection]
VARIANTS = [(name, None) for name in NAMES] + [(name, PROJECTED) for name in PROJECTABLE]
every_cell = pytest.mark.parametrize("name", NAMES)
every_variant = pytest.mark.parametrize(("name", "projection"), VARIANTS)
every_shape = pytest.mark.parametrize(("time", "batch"), [(1, 1), (9, 1), (1, 3), (9, 3)])


def make(name, generator, dtype=torch.float32, projection=None, sizes=(INPUT, HIDDEN)):
    cell = cell_class(name)(*sizes, projection)
    cell.initialise(generator)
    with torch.no_grad():
        for parameter in cell.parameters():  # including biases, which would be zero otherwise
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.5 * sizes[1] ** -0.5)
    return cell.to(dtype)


def random_state(cell, batch, generator):
    return cell.initial_state(batch).map(
        lambda zeros: torch.randn(zeros.shape, generator=generator).to(zeros).requires_grad_()
    )


def run(path, cell, inputs, state, dtype):
    """Return the outputs, the last state and the gradients of all inputs and parameters."""
    outputs, last = path(cell, inputs, state, dtype)
    parts = last.tensors.values()
    total = outputs.float().square().sum() + sum(part.sin().sum() for part in parts)
    return outputs.float(), *parts, *torch.autograd.grad(total, [inputs, *state.tensors.values(), *cell.parameters()])


@every_variant
@every_shape
def test_outputs_states_and_gradients_of_every_path_equal_the_equations(name, projection, time, batch, generator):
    cell = make(name, generator, projection=projection)
    inputs = torch.randn(time, batch, INPUT, generator=generator, requires_grad=True)
    state = random_state(cell, batch, generator)
    expected = run(step_by_step, cell, inputs, state, torch.float32)
    assert can_compile(cell, inputs, torch.float32)
    for path in (scan, own_weights(compiled_scan)):
        torch.testing.assert_close(run(path, cell, inputs, state, torch.float32), expected, rtol=1e-4, atol=1e-5)


def own_weights(path):
    return lambda cell, inputs, state, dtype: path(cell, inputs, state, cell.weights, dtype)


@pytest.mark.parametrize("sizes", [(INPUT, HIDDEN), (16, 48)])
@every_variant
def test_every_path_in_bfloat16_is_close_to_the_equations_in_float32(name, projection, sizes, generator):
    cell = make(name, generator, projection=projection, sizes=sizes)
    inputs = torch.randn(9, 3, sizes[0], generator=generator, requires_grad=True)
    state = random_state(cell, 3, generator)
    exact = run(step_by_step, cell, inputs, state, torch.float32)
    for path in (scan, step_by_step, own_weights(compiled_scan)):
        rounded = run(path, cell, inputs, state, torch.bfloat16)
        for value, reference in zip(rounded, exact, strict=True):
            assert value.dtype == torch.float32
            scale = max(1.0, reference.abs().max().item())
            assert (value - reference).abs().max().item() < 0.05 * scale


@every_variant
def test_gradients_agree_with_finite_differences(name, projection, generator):
    cell = make(name, generator, torch.float64, projection)
    inputs = torch.randn(3, 2, INPUT, generator=generator, dtype=torch.float64)
    state = random_state(cell, 2, generator)
    names = [parameter for parameter, _ in cell.named_parameters()]

    def run(inputs, *parameters):
        outputs, last = torch.func.functional_call(
            _Stepwise(cell), {f"cell.{k}": v for k, v in zip(names, parameters, strict=True)}, (inputs, state)
        )
        return outputs, *last.tensors.values()

    arguments = [inputs.requires_grad_(), *(p.detach().requires_grad_() for p in cell.parameters())]
    assert torch.autograd.gradcheck(run, arguments)


class _Stepwise(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, inputs, state):
        return scan(self.cell, inputs, state, torch.float64)


@every_cell
def test_initial_recurrent_weights_of_each_gate_are_orthogonal(name, generator):
    cell = cell_class(name)(INPUT, HIDDEN)
    cell.initialise(generator)
    for gate in cell.recurrent_weight.chunk(cell.num_gates):
        torch.testing.assert_close(gate @ gate.T, torch.eye(HIDDEN), atol=1e-5, rtol=0)


@every_cell
def test_small_weights_are_uniform_in_their_interval(name, generator):
    cell = cell_class(name)(50, 40)
    cell.initialise(generator, "small")
    for matrix in (cell.input_weight, cell.recurrent_weight):
        assert matrix.abs().max().item() == pytest.approx(0.08, rel=0.01)
        assert matrix.std().item() == pytest.approx(0.16 / math.sqrt(12), rel=0.05)


@every_variant
def test_the_same_generator_gives_the_same_weights(name, projection):
    cells = [cell_class(name)(INPUT, HIDDEN, projection) for _ in range(2)]
    for cell in cells:
        cell.initialise(torch.Generator().manual_seed(3))
    torch.testing.assert_close(cells[0].state_dict(), cells[1].state_dict(), atol=0, rtol=0)


ORACLES = [("rnn", nn.RNN, {}), ("relu-rnn", nn.RNN, {"nonlinearity": "relu"}), ("lstm", nn.LSTM, {}),
           ("lstm", nn.LSTM, {"proj_size": PROJECTED}), ("gru", nn.GRU, {})]  # fmt: skip


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("name", "reference", "options"), ORACLES)
@every_shape
def test_outputs_and_gradients_equal_those_of_torch_nn(name, reference, options, time, batch, generator):
    cell = make(name, generator, projection=options.get("proj_size"))
    module = reference(INPUT, HIDDEN, **options)
    pairs = [("weight_ih_l0", cell.input_weight), ("weight_hh_l0", cell.recurrent_weight), ("bias_ih_l0", cell.bias)]
    if cell.projection is not None:
        pairs.append(("weight_hr_l0", cell.projection))
    with torch.no_grad():
        for theirs, ours in pairs:
            getattr(module, theirs).copy_(ours)
        module.bias_hh_l0.zero_()
        if name == "gru":
            module.bias_hh_l0[-HIDDEN:] = cell.candidate_bias
    inputs = torch.randn(time, batch, INPUT, generator=generator)
    state = random_state(cell, batch, generator)
    given = tuple(part.detach()[None] for part in state.tensors.values())
    expected, last = module(inputs, given if len(given) > 1 else given[0])
    outputs, after = step_by_step(cell, inputs, state, torch.float32)
    torch.testing.assert_close(outputs, expected)
    torch.testing.assert_close(
        tuple(after.tensors.values()), tuple(part[0] for part in (last if len(given) > 1 else (last,)))
    )
    outputs.square().sum().backward()
    expected.square().sum().backward()
    for theirs, ours in pairs:
        torch.testing.assert_close(ours.grad, getattr(module, theirs).grad)
    if name == "gru":
        torch.testing.assert_close(cell.candidate_bias.grad, module.bias_hh_l0.grad[-HIDDEN:])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def one_unit(name, **parameters):
    """Return a cell with one input, one unit and these parameters."""
    cell = cell_class(name)(1, 1)
    with torch.no_grad():
        for key, values in parameters.items():
            getattr(cell, key).copy_(torch.tensor(values).view_as(getattr(cell, key)))
    return cell


def step_of_one_unit(unit, x, **state):
    kind = type(unit.initial_state(1))
    _, after = scan(unit, torch.tensor([[[x]]]), kind(*(torch.tensor([[v]]) for v in state.values())), torch.float32)
    return {name: value.item() for name, value in after.tensors.items()}


def test_a_step_of_a_peephole_lstm_follows_its_equations():
    unit = one_unit("peephole-lstm", input_weight=[0.1, 0.2, 0.3, 0.4], recurrent_weight=[0.5, -0.6, 0.7, -0.8],
                    bias=[0.01, 0.02, 0.03, 0.04], peepholes=[1.5, -2.5, 3.5])  # fmt: skip
    x, h, c = 2.0, -0.5, 0.25
    i = sigmoid(0.1 * x + 0.5 * h + 0.01 + 1.5 * c)
    f = sigmoid(0.2 * x - 0.6 * h + 0.02 - 2.5 * c)
    after = f * c + i * math.tanh(0.3 * x + 0.7 * h + 0.03)
    o = sigmoid(0.4 * x - 0.8 * h + 0.04 + 3.5 * after)
    assert step_of_one_unit(unit, x, hidden=h, cell=c) == pytest.approx({"hidden": o * math.tanh(after), "cell": after})


def test_a_step_of_a_coupled_lstm_follows_its_equations():
    unit = one_unit("coupled-lstm", input_weight=[0.1, 0.3, 0.4], recurrent_weight=[0.5, 0.7, -0.8],
                    bias=[0.01, 0.03, 0.04])  # fmt: skip
    x, h, c = 2.0, -0.5, 0.25
    i = sigmoid(0.1 * x + 0.5 * h + 0.01)
    after = (1 - i) * c + i * math.tanh(0.3 * x + 0.7 * h + 0.03)
    o = sigmoid(0.4 * x - 0.8 * h + 0.04)
    assert step_of_one_unit(unit, x, hidden=h, cell=c) == pytest.approx({"hidden": o * math.tanh(after), "cell": after})


@pytest.mark.parametrize("name", ["gru", "original-gru"])
def test_the_two_grus_differ_in_the_position_of_the_reset_gate(name):
    cell = cell_class(name)(1, 2)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias[:2] = torch.tensor([50.0, -50.0])  # reset gates: 1 and 0
        cell.bias[2:4] = -50  # update gates: 0
        cell.recurrent_weight[4:] = torch.tensor([[0.0, 1.0], [1.0, 0.0]])  # candidates change places
    state = replace(cell_class(name)(1, 2).initial_state(1), hidden=torch.tensor([[0.3, 0.6]]))
    _, after = scan(cell, torch.zeros(1, 1, 1), state, torch.float32)
    expected = {"gru": [math.tanh(0.6), 0.0], "original-gru": [0.0, math.tanh(0.3)]}[name]
    assert after.hidden[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", PROJECTABLE)
def test_an_untrained_lstm_remembers(name, generator):
    cell = cell_class(name)(INPUT, HIDDEN)
    cell.initialise(generator)
    with torch.no_grad():
        cell.input_weight.zero_()
        cell.recurrent_weight.zero_()
    state = replace(cell.initial_state(1), cell=torch.ones(1, HIDDEN))
    _, after = scan(cell, torch.zeros(1, 1, INPUT), state, torch.float32)
    torch.testing.assert_close(after.cell, torch.full((1, HIDDEN), sigmoid(FORGET_BIAS)))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PROJECTABLE])
def test_cells_that_do_not_support_a_projection_reject_it(name):
    with pytest.raises(UsageError, match=f"--projection-size is only for LSTM cells, not for --cell {name}"):
        cell_class(name).check_projection(name, 4)


@every_cell
def test_nan_propagates_through_the_state(name, generator):
    cell = make(name, generator)
    inputs = torch.randn(3, 2, INPUT, generator=generator)
    inputs[0, 1, 0] = math.nan
    outputs, _ = scan(cell, inputs, cell.initial_state(2), torch.float32)
    assert outputs[:, 0].isfinite().all()
    assert outputs[2, 1].isnan().all()


def test_kernels_compile_without_a_writable_cache(monkeypatch):
    def njit(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function")
        return real(**options)

    def double(row):
        for place in parallel_range(len(row)):
            row[place] *= 2

    real = numba.njit
    monkeypatch.setattr(numba, "njit", njit)
    row = np.ones(3)
    kernels.kernel(double)(row)
    assert row.tolist() == [2, 2, 2]


TWO_THREADS = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
HASH = """
import hashlib, torch
from seqgen.cells.lstm import LSTM
from seqgen.model.compiled_scan import compiled_scan

generator = torch.Generator().manual_seed(0)
cell = LSTM(8, 64)
cell.initialise(generator)
inputs = torch.randn(5, 4, 8, generator=generator)
outputs, _ = compiled_scan(cell, inputs, cell.initial_state(4), cell.weights, torch.float32)
outputs.square().sum().backward()
results = [outputs.detach(), *(parameter.grad for parameter in cell.parameters())]
print(hashlib.sha256(b"".join(part.numpy().tobytes() for part in results)).hexdigest())
"""


def test_kernels_give_the_same_results_with_several_threads():
    """The other tests compile for one thread, without parallel code; this test runs some of them with two threads."""
    cells = f"{__file__}::test_outputs_states_and_gradients_of_every_path_equal_the_equations"
    chosen = [f"{cells}[{time}-{batch}-peephole-lstm-{PROJECTED}]" for time, batch in ((1, 1), (9, 3))]
    others = ["test_softmax.py::test_loss_and_gradients_equal_those_of_torch"]
    others.append("test_factors.py::test_rows_are_added_as_by_torch")
    chosen += [str(Path(__file__).with_name(other)) for other in others]
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", *chosen]
    done = processes.run(command, env=os.environ | TWO_THREADS)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_process_that_compiles_the_kernels_computes_the_same_bits_as_later_ones(tmp_path):
    """With threads, it runs other machine code than it stores, which has been optimized once more."""
    environment = os.environ | TWO_THREADS | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (processes.run([sys.executable, "-c", HASH], env=environment) for _ in range(2))
    assert any(tmp_path.rglob("*.nbc"))
    assert first.stdout == second.stdout != "", first.stderr


def test_the_compiler_is_not_imported_before_a_kernel_is_called():
    code = "import sys, seqgen.model.language_model; assert 'numba' not in sys.modules"
    done = processes.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr


def test_the_equations_are_used_without_a_compiler(monkeypatch, generator):
    monkeypatch.setattr(compiled_scan_module, "HAS_COMPILER", False)
    cell = make("peephole-lstm", generator)
    inputs = torch.randn(4, 2, INPUT, generator=generator)
    assert not can_compile(cell, inputs, torch.float32)
    outputs, _ = scan(cell, inputs, cell.initial_state(2), torch.float32)
    expected, _ = step_by_step(cell, inputs, cell.initial_state(2), torch.float32)
    assert torch.equal(outputs, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("has_operator", [True, False])
def test_a_packed_product_equals_the_plain_product(dtype, has_operator, generator, monkeypatch):
    if not has_operator:
        monkeypatch.delattr(torch.ops.mkldnn, "_reorder_linear_weight", raising=False)
        monkeypatch.setattr(type(torch.ops.mkldnn), "__getattr__", _missing)
    weight, rows = (torch.randn(n, HIDDEN, generator=generator).to(dtype) for n in (INPUT, 3))
    torch.testing.assert_close(packed(weight, 3)(rows), rows @ weight.t())


def _missing(self, name):
    raise AttributeError(name)
