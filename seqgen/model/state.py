"""The state of a model: operations on the states of all layers, from the lowest to the highest, and of attention."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seqgen.cells.base import State


def map_state(function: Callable[..., Tensor], *states: Sequence[State]) -> list[State]:
    """Apply a function to the corresponding tensors of all states, and return the state of the results."""
    return [layer.map(function, *others) for layer, *others in zip(*states, strict=True)]


def tensors_of(state: Sequence[State]) -> list[Tensor]:
    """Return all tensors, each of shape (batch, ...)."""
    return [tensor for layer in state for tensor in layer.tensors.values()]


def concatenate(states: Sequence[Sequence[State]]) -> list[State]:
    """Return the state of the streams of several states, one after the other."""
    return map_state(lambda *tensors: torch.cat(tensors), *states)


def select(state: Sequence[State], streams: Tensor | slice) -> list[State]:
    """Return the state of some streams, in the order of these indices."""
    return map_state(lambda tensor: tensor[streams], state)


def detach(state: Sequence[State]) -> list[State]:
    """Return the state without its graph, so that gradients stop here."""
    return map_state(Tensor.detach, state)


def reset(state: Sequence[State], is_fresh: Tensor) -> list[State]:
    """Return the state with zeros in the streams that begin a document; `is_fresh` has shape (batch,)."""
    return map_state(lambda tensor: tensor.masked_fill(is_fresh.view(-1, *[1] * (tensor.ndim - 1)), 0), state)
