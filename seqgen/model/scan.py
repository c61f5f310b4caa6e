"""The time loop: a cell over all steps of a sequence, by the fastest path available."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, State, Weights
from seqgen.model.compiled_scan import can_compile, compiled_scan
from seqgen.model.library_scan import library_for, library_scan


def scan(
    cell: Cell, inputs: Tensor, state: State, dtype: torch.dtype, weights: Weights | None = None
) -> tuple[Tensor, State]:
    """Run the cell over time.

    Args:
        cell: the layer.
        inputs: shape (time, batch, input_size).
        state: the state before the first step, in float32.
        dtype: the precision of the matrix products.
        weights: the matrices to use instead of the cell's own.

    Returns:
        The hidden states, shape (time, batch, output_size), and the state after the last step, in float32.
    """
    weights = weights or cell.weights
    if library := library_for(cell, inputs, weights):
        return library_scan(library, cell, inputs, state, weights, dtype)
    if can_compile(cell, inputs, dtype):
        return compiled_scan(cell, inputs, state, weights, dtype)
    return step_by_step(cell, inputs, state, dtype, weights)


def step_by_step(
    cell: Cell, inputs: Tensor, state: State, dtype: torch.dtype, weights: Weights | None = None
) -> tuple[Tensor, State]:
    """Run the cell over time by its equations, the reference for every faster path; see `scan`."""
    full = cell.bias.dtype
    weights = weights or cell.weights
    recurrent_weight = weights.recurrent.to(dtype)
    projection = None if weights.projection is None else weights.projection.to(dtype)
    projected = F.linear(inputs.to(dtype), weights.input.to(dtype)).to(full) + cell.bias

    def recurrent(hidden: Tensor) -> Tensor:
        return F.linear(hidden.to(dtype), recurrent_weight).to(full)

    outputs = []
    for step_inputs in projected:
        state, _ = cell.step(step_inputs, state, recurrent)
        if projection is not None:
            state = replace(state, hidden=F.linear(state.hidden.to(dtype), projection).to(full))
        outputs.append(state.hidden)
    return torch.stack(outputs), state
