"""The time loop for cells that torch has a function for: cuDNN on a GPU, oneDNN on a CPU."""

import torch
from torch import Tensor

from seqgen.cells.base import Cell, LibraryFunction, State, Weights


def library_for(cell: Cell, inputs: Tensor, weights: Weights) -> LibraryFunction | None:
    """Return the cell's library if it is the fastest path, otherwise None; oneDNN does not support projections."""
    if cell.library is None or inputs.is_cuda:
        return cell.library
    return cell.library if cell.library.has_cpu and weights.projection is None else None


def library_scan(
    library: LibraryFunction, cell: Cell, inputs: Tensor, state: State, weights: Weights, dtype: torch.dtype
) -> tuple[Tensor, State]:
    """Run the cell over time with its library; see `scan`. The hidden states are in `dtype`."""
    flat = _flat(weights, cell.bias, cell.recurrent_bias, inputs, dtype)
    initial = [part.to(dtype)[None] for part in state.tensors.values()]
    initial_argument = initial if len(initial) > 1 else initial[0]  # torch.lstm takes a list, the others a tensor
    outputs, *last = library.function(
        inputs.to(dtype), initial_argument, flat, True, 1, 0.0, cell.training, False, False
    )
    return outputs, type(state)(*(part[0].to(cell.bias) for part in last))


def _flat(weights: Weights, bias: Tensor, recurrent_bias: Tensor, inputs: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Return the weights in the order that torch expects: input, recurrent, their biases, projection.

    cuDNN needs them in one block of memory, with all matrices before the biases.
    """
    matrices = [weight for weight in weights if weight is not None]
    parts = [*matrices, bias, recurrent_bias]
    if inputs.is_cuda:
        block = torch.cat([part.flatten() for part in parts]).to(dtype)
        pieces = torch.split(block, [part.numel() for part in parts])
        parts = [piece.view_as(part) for piece, part in zip(pieces, parts, strict=True)]
    projection, biases = parts[2:-2], parts[-2:]
    return [part.to(dtype) for part in (*parts[:2], *biases, *projection)]
