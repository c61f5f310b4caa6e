"""The time loop on a CPU for cells that no library supports: compiled steps between packed matrix products."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqgen.cells.base import Cell, Kernels, State, Weights
from seqgen.compiled import HAS_COMPILER
from seqgen.kernels import as_array

_FEW_ROWS = 4  # with fewer rows in float32, the plain product is faster than the packed one
_STORED = (torch.float32, torch.bfloat16)  # the types that the kernels read and write


def can_compile(cell: Cell, inputs: Tensor, dtype: torch.dtype) -> bool:
    """Return whether `compiled_scan` supports this cell, device and precision."""
    has_kernels = HAS_COMPILER and cell.kernels is not None
    return has_kernels and inputs.device.type == "cpu" and dtype in _STORED and cell.bias.dtype == torch.float32


def compiled_scan(
    cell: Cell, inputs: Tensor, state: State, weights: Weights, dtype: torch.dtype
) -> tuple[Tensor, State]:
    """Run the cell over time with its kernels; see `scan`. The hidden states are in `dtype`."""
    outputs, memory = _Scan.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        cell.kernels,
        dtype,
        inputs,
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
        input_weight: Tensor,
        recurrent_weight: Tensor,
        projection: Tensor | None,
        vectors: Tensor,
        first_hidden: Tensor,
        first_memory: Tensor,
    ) -> tuple[Tensor, Tensor]:
        inputs, input_weight, recurrent_weight = (part.to(dtype) for part in (inputs, input_weight, recurrent_weight))
        time, batch, _ = inputs.shape
        size = vectors.shape[1]
        num_padding_rows = kernels.slots * size - len(input_weight)
        gates = F.linear(inputs, F.pad(input_weight, (0, 0, 0, num_padding_rows)))
        memory = first_memory.new_empty(time + 1, batch, size)
        memory[0] = first_memory
        hidden = memory.new_empty(memory.shape, dtype=dtype)
        outputs = hidden if projection is None else hidden.new_empty(time + 1, batch, len(projection))
        outputs[0] = first_hidden
        recurrent = packed(recurrent_weight, batch)
        project = None if projection is None else packed(projection.to(dtype), batch)
        arrays = [as_array(part) for part in (gates, vectors.flatten(), memory, hidden)]
        for step in range(time):
            product = recurrent(outputs[step])
            kernels.forward(step, arrays[0], as_array(product), *arrays[1:])
            if project is not None:
                outputs[step + 1] = project(hidden[step + 1])
        ctx.kernels = kernels
        ctx.saved = _Saved(inputs, input_weight, recurrent_weight, projection, vectors, gates, memory, hidden, outputs)
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
        d_inputs = d_gates[:, : len(saved.input_weight)]
        d_biases = (d_gates.new_ones(1, len(d_gates)) @ d_gates).view(kernels.slots, size)
        return (
            None,
            None,
            (d_inputs @ saved.input_weight).view_as(saved.inputs) if ctx.needs_input_grad[2] else None,
            (d_inputs.t() @ saved.inputs.flatten(0, 1)).to(saved.memory),
            (d_gates[:, kernels.recurrent_slots * size :].t() @ saved.outputs[:-1].flatten(0, 1)).to(saved.memory),
            d_projection,
            torch.cat((d_biases.to(saved.memory), d_others.sum(0).view(-1, size))),
            d_hidden.to(saved.memory),
            d_memory,
        )


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
    _, _, recurrent_weight, projection, vectors, gates, memory, hidden, outputs = saved
    batch, first = gates.shape[1], kernels.recurrent_slots * memory.shape[2]
    arrays = [as_array(part) for part in (gates, vectors.flatten(), memory)]
    d_arrays = [as_array(part) for part in (d_memory, d_others)]
    recurrent = packed(recurrent_weight.t().contiguous(), batch)
    d_hidden = outputs.new_zeros(batch, outputs.shape[2])

    def step_back(step: int, d_above: Any, d_next: Tensor) -> Tensor:
        """Run the backward kernel; return the gradient of the previous output that flows through the gates."""
        kernels.backward(step, *arrays, d_above, as_array(d_next), *d_arrays)
        return recurrent(gates[step, :, first:])

    if projection is None:
        for step in reversed(range(len(gates))):
            d_hidden = step_back(step, as_array(d_outputs[step]), d_hidden)
        return d_hidden, None
    project = packed(projection.to(gates).t().contiguous(), batch)
    zeros = as_array(torch.zeros_like(hidden[0]))
    d_projected = torch.empty_like(d_outputs)
    for step in reversed(range(len(gates))):
        torch.add(d_outputs[step], d_hidden, out=d_projected[step])
        d_hidden = step_back(step, zeros, project(d_projected[step]))
    return d_hidden, (d_projected.flatten(0, 1).t() @ hidden[1:].flatten(0, 1)).to(projection)


def packed(weight: Tensor, num_rows: int) -> Callable[[Tensor], Tensor]:
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
