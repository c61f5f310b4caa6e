"""The time loop of cells that no library has, on a CPU: compiled steps between packed matrix products."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqgen.cells.base import Cell, Kernels, State, Weights
from seqgen.compiled import HAS_COMPILER
from seqgen.kernels import as_array

_FEW_ROWS = 4  # so few are multiplied faster as they are, in float32
_STORED = (torch.float32, torch.bfloat16)  # what the kernels read and write


def can_compile(cell: Cell, inputs: Tensor, dtype: torch.dtype) -> bool:
    """Tell whether `compiled_scan` can run this."""
    is_there = HAS_COMPILER and cell.kernels is not None
    return is_there and inputs.device.type == "cpu" and dtype in _STORED and cell.bias.dtype == torch.float32


def compiled_scan(
    cell: Cell, inputs: Tensor, state: State, weights: Weights, dtype: torch.dtype
) -> tuple[Tensor, State]:
    """Do what `scan` does by the cell's kernels; the hidden states are in `dtype`."""
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


class _Scan(torch.autograd.Function):
    """All steps forward, and all steps back."""

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
        spare = kernels.slots * size - len(input_weight)
        gates = F.linear(inputs, F.pad(input_weight, (0, 0, 0, spare)))
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
        ctx.kept = (inputs, input_weight, recurrent_weight, projection, vectors, gates, memory, hidden, outputs)
        return outputs[1:], memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, d_memory: Tensor) -> tuple[Tensor | None, ...]:
        inputs, input_weight, recurrent_weight, projection, vectors, gates, memory, hidden, outputs = ctx.kept
        ctx.kept = None  # the gates turn into their gradients
        (time, batch, _), slots, size = gates.shape, ctx.kernels.slots, memory.shape[2]
        first = ctx.kernels.recurrent_slots * size
        recurrent = packed(recurrent_weight.t().contiguous(), batch)
        d_outputs, d_memory = d_outputs.contiguous(), d_memory.clone()
        d_others = memory.new_zeros(batch, (len(vectors) - slots) * size)
        arrays = [as_array(part) for part in (gates, vectors.flatten(), memory)]
        d_arrays = [as_array(part) for part in (d_memory, d_others)]
        product = outputs.new_zeros(batch, outputs.shape[2])
        d_projection = None
        if projection is None:
            d_above = as_array(d_outputs)
            for step in reversed(range(time)):
                ctx.kernels.backward(step, *arrays, d_above[step], as_array(product), *d_arrays)
                product = recurrent(gates[step, :, first:])
        else:
            project = packed(projection.to(gates).t().contiguous(), batch)
            nothing = as_array(hidden.new_zeros(batch, size))
            d_projected = torch.empty_like(d_outputs)
            for step in reversed(range(time)):
                torch.add(d_outputs[step], product, out=d_projected[step])
                ctx.kernels.backward(step, *arrays, nothing, as_array(project(d_projected[step])), *d_arrays)
                product = recurrent(gates[step, :, first:])
            d_projection = (d_projected.flatten(0, 1).t() @ hidden[1:].flatten(0, 1)).to(projection)
        d_gates = gates.flatten(0, 1)
        d_inputs = d_gates[:, : len(input_weight)]
        ones = d_gates.new_ones(1, len(d_gates))
        return (
            None,
            None,
            (d_inputs @ input_weight).view_as(inputs) if ctx.needs_input_grad[2] else None,
            (d_inputs.t() @ inputs.flatten(0, 1)).to(memory),
            (d_gates[:, first:].t() @ outputs[:-1].flatten(0, 1)).to(memory),
            d_projection,
            torch.cat(((ones @ d_gates).view(slots, size).to(memory), d_others.sum(0).view(-1, size))),
            product.to(memory),
            d_memory,
        )


def packed(weight: Tensor, num_rows: int) -> Callable[[Tensor], Tensor]:
    """Return the product with a weight of shape (out, in), which is laid out for it once: up to twice as fast.

    Args:
        weight: shape (out, in), on a CPU.
        num_rows: how many rows what is multiplied has.
    """
    if weight.dtype == torch.float32 and num_rows < _FEW_ROWS:
        return lambda rows: F.linear(rows, weight)
    try:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        multiply = torch.ops.mkldnn._linear_pointwise
    except (AttributeError, RuntimeError):  # private, and not in every build
        return lambda rows: F.linear(rows, weight)
    return lambda rows: multiply(rows, laid_out, None, "none", [], "")
