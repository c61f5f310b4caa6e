"""The time loop: a cell over all steps of a sequence, by the fastest path available."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, State, Weights
from seqgen.model.compiled_scan import can_compile, compiled_scan
from seqgen.model.library_scan import library_for, library_scan

_ALIGNMENT = 16  # the libraries are faster if the number of inputs is a multiple
_LARGE = 256  # units; with more, the gradient of the weights takes most of oneDNN's time


def scan(
    cell: Cell,
    inputs: Tensor,
    state: State,
    dtype: torch.dtype,
    weights: Weights | None = None,
    ids: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Run the cell over time.

    Args:
        cell: the layer.
        inputs: shape (time, batch, input_size), or (rows, input_size) if there are ids.
        state: the state before the first step, in float32.
        dtype: the precision of the matrix products.
        weights: the matrices to use instead of the cell's own.
        ids: the row of `inputs` that each stream reads at each step, shape (time, batch).

    Returns:
        The hidden states, shape (time, batch, output_size), and the state after the last step, in float32.
    """
    weights = weights or cell.weights
    library = library_for(cell, inputs, weights)
    if can_compile(cell, inputs, dtype) and (library is None or _is_compiled_faster(cell, ids, dtype)):
        return compiled_scan(cell, inputs, state, weights, dtype, ids)
    if ids is not None:
        inputs, weights = _look_up(inputs, ids, weights, dtype)
    if library is not None:
        return library_scan(library, cell, inputs, state, weights, dtype)
    return step_by_step(cell, inputs, state, dtype, weights)


def _is_compiled_faster(cell: Cell, ids: Tensor | None, dtype: torch.dtype) -> bool:
    """Return whether `compiled_scan` is faster than oneDNN, forward and backward.

    It multiplies inputs that are given by ids only once each, and computes the gradient of the weights in one product;
    oneDNN takes less time between the steps.
    """
    # Without ids, 128 steps with as many inputs as units took 0.82 and 1.05 times oneDNN's time for 512 and 256 units
    # and 64 streams in bfloat16, and 1.5 times for 128 units and 32 streams; 1.09, 1.10 and 1.3 times in float32 (one
    # core of a Zen 4 EPYC).
    return ids is not None or (dtype == torch.bfloat16 and cell.hidden_size > _LARGE)


def _look_up(matrix: Tensor, ids: Tensor, weights: Weights, dtype: torch.dtype) -> tuple[Tensor, Weights]:
    """Return the rows of a matrix with these ids, and the weights for them.

    If there are fewer rows than features, these are one-hot vectors, and the matrix becomes a part of the input weight.
    """
    size = -(-len(matrix) // _ALIGNMENT) * _ALIGNMENT
    if size > matrix.shape[1]:
        return F.embedding(ids, matrix), weights
    one_hot = torch.zeros(*ids.shape, size, dtype=dtype, device=ids.device).scatter_(2, ids[..., None], 1)
    folded = F.pad(F.linear(weights.input.to(dtype), matrix.to(dtype)), (0, size - len(matrix)))
    return one_hot, weights._replace(input=folded)


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
