"""The states and gates of all layers at every step, computed by the equations of the cells."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, Recurrent, State
from seqgen.model.attention import Memory
from seqgen.model.factors import sum_of_embeddings
from seqgen.model.language_model import LanguageModel

Activations = dict[str, Tensor]  # of one layer by name, such as `cell` and `forget_gate`; shape (time, units)


@torch.inference_mode()
def activations(
    model: LanguageModel, ids: Tensor, before: list[State] | None = None, memory: Memory | None = None
) -> tuple[Tensor, list[Activations]]:
    """Read one document in float32.

    Args:
        model: the model.
        ids: tokens from the start token on, shape (time,), or tokens with their factors, shape (time, 1 + factors).
        before: the state of each layer before the first token, one stream; None for the initial state.
        memory: what a conditional model attends to.

    Returns:
        The highest layer's output with the influence of factors, from which the logits are computed, shape (time,
        output_size), and for each layer, from the lowest, its states after each step and the gates of the step.
        `hidden` is the output of the layer, after the projection if there is one.
    """
    ids = ids.to(model.device)
    if model.num_factors:
        inputs = sum_of_embeddings(ids[:, None], model.input_matrix)
    else:
        inputs = F.embedding(ids[:, None], model.embedding)
    found = []
    states = model.initial_state(1) if before is None else before
    for index, (cell, state) in enumerate(zip(model.stack.cells, states, strict=model.stack.past is None)):
        layer = of_layer(cell, inputs[:, 0], state)
        found.append(layer)
        outputs = layer["hidden"][:, None]
        if index == 0 and model.stack.past is not None:
            outputs, _ = model.stack.past(outputs, states[-1], torch.float32)
        inputs = model.stack.above(index, outputs, inputs, None)
        if index == 0 and model.has_attention and memory is not None:
            inputs = model.attention(inputs, memory, torch.float32)
    return model.with_factors(inputs[:, 0], ids), found


def of_layer(cell: Cell, inputs: Tensor, before: State) -> Activations:
    """Return the states and gates of one layer, given its inputs, shape (time, input_size), and its state before."""
    products = F.linear(inputs, cell.input_weight) + cell.bias

    def recurrent(hidden: Tensor) -> Tensor:
        return F.linear(hidden, cell.recurrent_weight)

    states = [before]
    for product in torch.split(products, 1):
        states.append(_next(cell, product, states[-1], recurrent))
    # The gates of all steps are computed at once: they depend on nothing but the inputs and the states before.
    _, gates = cell.step(products, _concatenated(states[:-1]), recurrent)
    return _concatenated(states[1:]).tensors | gates


def _next(cell: Cell, product: Tensor, state: State, recurrent: Recurrent) -> State:
    state, _ = cell.step(product, state, recurrent)
    return state if cell.projection is None else replace(state, hidden=F.linear(state.hidden, cell.projection))


def _concatenated(states: list[State]) -> State:
    """Return the states of consecutive steps as those of a batch."""
    first, *others = states
    return first.map(lambda *tensors: torch.cat(tensors), *others)
