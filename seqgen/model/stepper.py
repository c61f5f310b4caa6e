"""The model one token at a time, for sampling: many streams at once, with weights packed only once."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, Kernels, State
from seqgen.kernels import as_array
from seqgen.model.compiled_scan import can_compile, packed
from seqgen.model.language_model import LanguageModel

_BLOCK = 32  # streams per product: with more, the results of a stream would depend on their number
_MAX_TABLE = 4096  # the largest vocabulary for which the lowest layer's input products are precomputed

Stepper = Callable[[Tensor], Tensor]


def stepper(model: LanguageModel, state: list[State], dtype: torch.dtype) -> Stepper:
    """Return a function from token ids, shape (streams,), to the next logits, shape (streams, vocabulary).

    Args:
        model: the model, whose weights must not change meanwhile.
        state: the state of the streams before the first of these tokens.
        dtype: the precision of the layers' products in compiled steps; without compiled steps it is float32.
    """
    if all(can_compile(cell, model.embedding, dtype) for cell in model.stack.cells):
        return _CompiledStepper(model, state, dtype)
    return _PlainStepper(model, state)


class _PlainStepper:
    """The model itself, applied to sequences of one token."""

    def __init__(self, model: LanguageModel, state: list[State]) -> None:
        self.model = model
        self.state = state

    def __call__(self, ids: Tensor) -> Tensor:
        logits, self.state = self.model(ids[None].to(self.model.device), self.state)
        last: Tensor = logits[0]
        return last


class _CompiledStepper:
    """All layers computed by the cells' kernels."""

    def __init__(self, model: LanguageModel, state: list[State], dtype: torch.dtype) -> None:
        has_more = model.config.residual or model.config.layer_norm
        self.above = model.stack.above if has_more else lambda _, outputs, *__: outputs
        self.embedding = model.embedding.to(dtype)
        self.logits = model.logits
        self.layers = [
            _Layer(cell, cell.kernels, before, dtype)
            for cell, before in zip(model.stack.cells, state, strict=True)
            if cell.kernels is not None
        ]
        has_table = model.vocabulary_size <= _MAX_TABLE
        self.table = self.layers[0].input_product(self.embedding) if has_table else None

    def __call__(self, ids: Tensor) -> Tensor:
        lowest, *others = self.layers
        if self.table is not None:
            torch.index_select(self.table, 0, ids, out=lowest.gates[0])
        else:
            lowest.gates[0] = lowest.input_product(self.embedding[ids])
        outputs = self.above(0, lowest.step(), self.embedding, None)
        for index, layer in enumerate(others, start=1):
            layer.gates[0] = layer.input_product(outputs.to(layer.gates.dtype))
            outputs = self.above(index, layer.step(), outputs, None)
        return self.logits(outputs.float())


class _Layer:
    """A cell with weights packed for products with few rows, and the state of its streams."""

    def __init__(self, cell: Cell, kernels: Kernels, state: State, dtype: torch.dtype) -> None:
        num_streams, size, weights = len(state.hidden), cell.hidden_size, cell.weights
        input_weight = cell.input_slots(weights.input).to(dtype)
        self.input_product = _in_blocks(
            F.pad(input_weight, (0, 0, 0, kernels.slots * size - len(input_weight))), num_streams
        )
        self.recurrent = _in_blocks(weights.recurrent.to(dtype), num_streams)
        self.project = None if weights.projection is None else _in_blocks(weights.projection.to(dtype), num_streams)
        self.forward = kernels.forward
        self.outputs: Tensor = state.hidden.to(dtype)
        self.gates = self.outputs.new_empty(1, num_streams, kernels.slots * size)
        self.hidden = self.outputs.new_empty(2, num_streams, size)
        self.memory = cell.memory(state).expand(2, -1, -1).clone()
        self.arrays: list[Any] = [as_array(part) for part in (cell.vectors().flatten(), self.memory, self.hidden)]
        self.gates_array = as_array(self.gates)
        self._compile()

    def _compile(self) -> None:
        """Run the kernel on copies, so that it is compiled before the first step."""
        vectors, *_ = self.arrays
        gates, memory, hidden = (as_array(part.clone()) for part in (self.gates, self.memory, self.hidden))
        self.forward(0, gates, as_array(self.recurrent(self.outputs)), vectors, memory, hidden)

    def step(self) -> Tensor:
        """Return the outputs of the next step, shape (streams, output_size), given its input products in `gates`."""
        self.forward(0, self.gates_array, as_array(self.recurrent(self.outputs)), *self.arrays)
        self.memory[0] = self.memory[1]
        hidden: Tensor = self.hidden[1]
        self.outputs = hidden if self.project is None else self.project(hidden)
        return self.outputs


def _in_blocks(weight: Tensor, num_rows: int) -> Callable[[Tensor], Tensor]:
    """Return a function that multiplies by a weight, one block of rows at a time."""
    multiply = packed(weight, min(num_rows, _BLOCK))
    if num_rows <= _BLOCK:
        return multiply
    return lambda rows: torch.cat([multiply(block) for block in torch.split(rows, _BLOCK)])
