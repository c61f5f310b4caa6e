"""The time loop on a CPU for cells that no library supports: compiled steps between packed matrix products."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqgen.cells.base import Cell, Kernels, State, Weights
from seqgen.compiled import HAS_COMPILER
from seqgen.kernels import as_array
from seqgen.model.rows import add_to_rows

_FEW_ROWS = 4  # with fewer rows in float32, the plain product is faster than the packed one
_STORED = (torch.float32, torch.bfloat16)  # the types that the kernels read and write

Product = Callable[[Tensor], Tensor]


def can_compile(cell: Cell, inputs: Tensor, dtype: torch.dtype) -> bool:
    """Return whether `compiled_scan` supports this cell, device and precision."""
    has_kernels = HAS_COMPILER and cell.kernels is not None
    return has_kernels and inputs.device.type == "cpu" and dtype in _STORED and cell.bias.dtype == torch.float32


def compiled_scan(
    cell: Cell, inputs: Tensor, state: State, weights: Weights, dtype: torch.dtype, ids: Tensor | None = None
) -> tuple[Tensor, State]:
    """Run the cell over time with its kernels; see `scan`. The hidden states are in `dtype`.

    Inputs that are given by `ids` are multiplied once each, however often they are read.
    """
    if ids is not None:
        used, ids = torch.unique(ids, return_inverse=True)
        num_rows = 1 << (len(used) - 1).bit_length()  # oneDNN generates code for each new shape: a millisecond
        inputs = F.embedding(F.pad(used, (0, num_rows - len(used))), inputs)
    outputs, memory = _Scan.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        cell.kernels,
        dtype,
        inputs,
        ids,
        cell.input_slots(weights.input),
        weights.recurrent,
        weights.projection,
        cell.vectors(),
        state.hidden,
        cell.memory(state),
    )
    return outputs, cell.state_of(outputs[-1], memory)


class _Saved(NamedTuple):
    """What the forward pass keeps for the backward pass, which overwrites the gates with their gradients."""

    inputs: Tensor
    ids: Tensor | None
    input_weight: Tensor
    recurrent_weight: Tensor
    projection: Tensor | None
    vectors: Tensor
    gates: Tensor
    memory: Tensor
    hidden: Tensor
    outputs: Tensor


class _Scan(torch.autograd.Function):
    """All steps of the forward and of the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        kernels: Kernels,
        dtype: torch.dtype,
        inputs: Tensor,
        ids: Tensor | None,
        input_weight: Tensor,
        recurrent_weight: Tensor,
        projection: Tensor | None,
        vectors: Tensor,
        first_hidden: Tensor,
        first_memory: Tensor,
    ) -> tuple[Tensor, Tensor]:
        inputs, input_weight, recurrent_weight = (part.to(dtype) for part in (inputs, input_weight, recurrent_weight))
        size = vectors.shape[1]
        num_padding_rows = kernels.slots * size - len(input_weight)
        rows = inputs.flatten(0, -2)
        gates = packed(F.pad(input_weight, (0, 0, 0, num_padding_rows)), len(rows))(rows)
        gates = gates.view(*inputs.shape[:-1], -1) if ids is None else F.embedding(ids, gates)
        time, batch, _ = gates.shape
        memory = first_memory.new_empty(time + 1, batch, size)
        memory[0] = first_memory
        hidden = memory.new_empty(memory.shape, dtype=dtype)
        outputs = hidden if projection is None else hidden.new_empty(time + 1, batch, len(projection))
        outputs[0] = first_hidden
        advance = forward_step(kernels, recurrent_weight, size, partial(packed, num_rows=batch))
        project = None if projection is None else packed(projection.to(dtype), batch)
        arrays = [as_array(part) for part in (gates, vectors.flatten(), memory, hidden)]
        for step in range(time):
            advance(step, outputs[step], gates, arrays)
            if project is not None:
                outputs[step + 1] = project(hidden[step + 1])
        ctx.kernels = kernels
        ctx.saved = _Saved(
            inputs, ids, input_weight, recurrent_weight, projection, vectors, gates, memory, hidden, outputs
        )
        return outputs[1:], memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_memory: Tensor) -> tuple[Tensor | None, ...]:
        kernels, saved = ctx.kernels, ctx.saved
        ctx.saved = None  # it can be used only once
        size = saved.memory.shape[2]
        d_memory = d_memory.clone()
        d_others = saved.memory.new_zeros(saved.gates.shape[1], (len(saved.vectors) - kernels.slots) * size)
        d_hidden, d_projection = _through_time(kernels, saved, d_outputs.contiguous(), d_memory, d_others)
        d_gates = saved.gates.flatten(0, 1)
        if saved.ids is None:
            d_products = d_gates
            d_biases = d_gates.new_ones(1, len(d_gates)) @ d_gates
        else:
            d_rows = saved.memory.new_zeros(len(saved.inputs), d_gates.shape[1])
            add_to_rows(d_rows, saved.ids.flatten()[:, None], d_gates)
            d_products = d_rows.to(d_gates)
            d_biases = d_rows.sum(0)
        d_products = d_products[:, : len(saved.input_weight)]
        d_inputs = None
        if ctx.needs_input_grad[2]:
            d_inputs = packed(saved.input_weight.t().contiguous(), len(d_products))(d_products).view_as(saved.inputs)
        return (
            None,
            None,
            d_inputs,
            None,
            (d_products.t() @ saved.inputs.view(len(d_products), -1)).to(saved.memory),
            _recurrent_gradient(kernels, d_gates, saved.outputs, size).to(saved.memory),
            d_projection,
            torch.cat((d_biases.to(saved.memory).view(-1, size), d_others.sum(0).view(-1, size))),
            d_hidden.to(saved.memory),
            d_memory,
        )


def forward_step(
    kernels: Kernels, recurrent_weight: Tensor, size: int, pack: Callable[[Tensor], Product]
) -> Callable[[int, Tensor, Tensor, list[Any]], None]:
    """Return a function that runs the forward kernels of one step.

    Args:
        kernels: the kernels of the cell.
        recurrent_weight: shape (gates * hidden, output).
        size: the number of units.
        pack: returns a function that multiplies by a weight.

    Returns:
        A function of the step, the previous output, shape (batch, output), the gates, shape (time, batch, slots *
        hidden), and the arrays of gates, vectors, memory and hidden.
    """
    recurrent, *candidate = map(pack, _by_product(kernels, recurrent_weight, size))

    def advance(step: int, before: Tensor, gates: Tensor, arrays: list[Any]) -> None:
        product = recurrent(before)
        if kernels.reset is not None:
            kernels.reset.forward(step, arrays[0], as_array(product), *arrays[1:3])
            product = candidate[0](gates[step, :, -size:])
        kernels.forward(step, arrays[0], as_array(product), *arrays[1:])

    return advance


def _by_product(kernels: Kernels, recurrent_weight: Tensor, size: int) -> tuple[Tensor, ...]:
    """Return the weights of the one or two recurrent products of a step."""
    rows = len(recurrent_weight)
    return torch.split(recurrent_weight, [rows] if kernels.reset is None else [rows - size, size])


def _recurrent_gradient(kernels: Kernels, d_gates: Tensor, outputs: Tensor, size: int) -> Tensor:
    """Return the gradient of the recurrent weight, given those of the gates, shape (time * batch, slots * hidden)."""
    before = outputs[:-1].flatten(0, 1)
    if kernels.reset is None:
        return d_gates[:, kernels.recurrent_slots * size :].t() @ before
    d_first, d_candidate, reset_state = torch.split(d_gates, [d_gates.shape[1] - 2 * size, size, size], 1)
    return torch.cat((d_first.t() @ before, d_candidate.t() @ reset_state))


def _through_time(
    kernels: Kernels, saved: _Saved, d_outputs: Tensor, d_memory: Tensor, d_others: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Run the backward kernels from the last step to the first.

    Args:
        kernels: the kernels of the cell.
        saved: what the forward pass kept; its gates are overwritten with their gradients.
        d_outputs: the gradient of the outputs, shape (time, batch, output).
        d_memory: the gradient of the last memory, shape (batch, hidden); overwritten with that of the first one.
        d_others: zeros, shape (batch, others x hidden); the gradient of the vectors other than biases is added.

    Returns:
        The gradients of the first output and of the projection.
    """
    gates, memory, projection = saved.gates, saved.memory, saved.projection
    batch, size = memory.shape[1:]
    arrays = [as_array(part) for part in (gates, saved.vectors.flatten(), memory)]
    d_arrays = [as_array(part) for part in (d_memory, d_others)]
    weights = _by_product(kernels, saved.recurrent_weight, size)
    recurrent, *candidate = (packed(weight.t().contiguous(), batch) for weight in weights)
    first = kernels.recurrent_slots * size
    last = first + len(weights[0])

    def step_back(step: int, d_above: Any, d_next: Tensor) -> Tensor:
        """Run the backward kernels; return the gradient of the previous output that flows through the gates."""
        kernels.backward(step, *arrays, d_above, as_array(d_next), *d_arrays)
        if kernels.reset is not None:
            product = candidate[0](gates[step, :, -2 * size : -size])
            kernels.reset.backward(step, arrays[0], arrays[2], as_array(product), d_arrays[0])
        return recurrent(gates[step, :, first:last])

    d_hidden = saved.outputs.new_zeros(batch, saved.outputs.shape[2])
    if projection is None:
        for step, d_above in reversed(list(enumerate(as_array(d_outputs)))):
            d_hidden = step_back(step, d_above, d_hidden)
        return d_hidden, None
    project = packed(projection.to(gates).t().contiguous(), batch)
    zeros = as_array(torch.zeros_like(saved.hidden[0]))
    d_projected = torch.empty_like(d_outputs)
    for step in reversed(range(len(gates))):
        torch.add(d_outputs[step], d_hidden, out=d_projected[step])
        d_hidden = step_back(step, zeros, project(d_projected[step]))
    return d_hidden, (d_projected.flatten(0, 1).t() @ saved.hidden[1:].flatten(0, 1)).to(projection)


def packed(weight: Tensor, num_rows: int) -> Product:
    """Return a function that multiplies by a weight, packed once for this purpose: up to twice as fast.

    Args:
        weight: shape (out, in), on a CPU.
        num_rows: the number of rows that are multiplied.

    Returns:
        A function from shape (rows, in) to (rows, out).
    """
    if weight.dtype == torch.float32 and num_rows < _FEW_ROWS:
        return lambda rows: F.linear(rows, weight)
    try:
        reordered = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        multiply = torch.ops.mkldnn._linear_pointwise
    except (AttributeError, RuntimeError):  # these operators are private and missing in some builds
        return lambda rows: F.linear(rows, weight)
    return lambda rows: multiply(rows, reordered, None, "none", [], "")
