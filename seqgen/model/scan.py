"""The time loop: a cell over all steps of a sequence, by the library's kernel or step by step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, State


def scan(cell: Cell, inputs: Tensor, state: State, dtype: torch.dtype) -> tuple[Tensor, State]:
    """Run the cell over time.

    Args:
        cell: the layer.
        inputs: shape (time, batch, input_size).
        state: the state before the first step, in float32.
        dtype: the precision of the matrix products.

    Returns:
        The hidden states, shape (time, batch, hidden_size), and the state after the last step, in float32.
    """
    return cell.fused(inputs, state, dtype) or step_by_step(cell, inputs, state, dtype)


def step_by_step(cell: Cell, inputs: Tensor, state: State, dtype: torch.dtype) -> tuple[Tensor, State]:
    """Do what `scan` does by the cell's own equations: the reference for every faster path."""
    weight = cell.recurrent_weight.to(dtype)
    full = cell.bias.dtype
    projected = F.linear(inputs.to(dtype), cell.input_weight.to(dtype)).to(full) + cell.bias

    def recurrent(hidden: Tensor) -> Tensor:
        return F.linear(hidden.to(dtype), weight).to(full)

    outputs = []
    for step_inputs in projected:
        state = cell.step(step_inputs, state, recurrent)
        outputs.append(state.hidden)
    return torch.stack(outputs), state
