"""The model one token at a time, for sampling and search: many streams at once, with weights packed only once."""

from functools import partial
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.cells.base import Cell, Kernels, State
from seqgen.compiled import serial
from seqgen.kernels import as_array
from seqgen.model.attention import Memory
from seqgen.model.compiled_scan import Product, can_compile, forward_step, packed
from seqgen.model.factors import sum_of_embeddings
from seqgen.model.language_model import LanguageModel
from seqgen.model.past import PastState, Window
from seqgen.model.state import select

_BLOCK = 32  # streams per product: with more, the results of a stream would depend on their number
_MANY_STREAMS = 32  # for which threads pay
_MAX_TABLE = 4096  # the largest vocabulary for which the lowest layer's input products are precomputed


class Stepper(Protocol):
    """Some streams of tokens, which are read one token at a time.

    Attributes:
        state: the state after the last token, in float32; another one may be set, of any number of streams.
    """

    state: list[State]

    def __call__(self, ids: Tensor) -> Tensor:
        """Read token ids, shape (streams,) or, with factors, (streams, 1 + factors); return the next logits.

        Returns:
            Shape (streams, vocabulary).
        """

    def select(self, streams: Tensor, givens: Tensor | None = None) -> None:
        """Continue with other streams.

        Args:
            streams: the index of the stream that each of them continues; one may be continued several times. Each
                given keeps its number of streams, which follow one another.
            givens: the indices of the givens of which any stream is continued; None for all.
        """


def stepper(model: LanguageModel, state: list[State], dtype: torch.dtype, memory: Memory | None = None) -> Stepper:
    """Return a function from the token ids of some streams to the logits of their next tokens.

    Args:
        model: the model, whose weights must not change meanwhile.
        state: the state of the streams before the first of these tokens.
        dtype: the precision of the layers' products in compiled steps; without compiled steps it is float32.
        memory: what the streams of a conditional model attend to: of one given for each stream or for each group of
            streams that follow one another, all groups of the same size.
    """
    if all(can_compile(cell, model.embedding, dtype) for cell in model.stack.cells):
        return _CompiledStepper(model, state, dtype, memory)
    return PlainStepper(model, state, memory)


class PlainStepper:
    """The model itself, applied to sequences of one token; for the arguments see `stepper`."""

    def __init__(self, model: LanguageModel, state: list[State], memory: Memory | None) -> None:
        self.model = model
        self.state = state
        self.memory = memory

    def __call__(self, ids: Tensor) -> Tensor:
        """Read a token in each stream, see `Stepper`."""
        logits, self.state = self.model(ids[None].to(self.model.device), self.state, memory=self.memory)
        last: Tensor = logits[0]
        return last

    def select(self, streams: Tensor, givens: Tensor | None = None) -> None:
        """Continue with other streams, see `Stepper`."""
        self.state = select(self.state, streams)
        if self.memory is not None and givens is not None:
            self.memory = self.memory.select(givens)


class _CompiledStepper:
    """All layers computed by the cells' kernels."""

    def __init__(self, model: LanguageModel, state: list[State], dtype: torch.dtype, memory: Memory | None) -> None:
        has_more = model.config.residual or model.config.layer_norm
        self.above = model.stack.above if has_more else lambda _, outputs, *__: outputs
        self.embedding = model.input_matrix if model.num_factors else model.embedding.to(dtype)
        self.dtype = dtype
        self.model = model
        self.layers = [
            _Layer(cell, cell.kernels, before, dtype)
            for cell, before in zip(model.stack.cells, state, strict=model.stack.past is None)
            if cell.kernels is not None
        ]
        self.window = None
        if model.stack.past is not None and isinstance(state[-1], PastState):
            num_streams = len(state[-1].hidden)
            self.window = Window(model.stack.past, state[-1], dtype, lambda weight: _in_blocks(weight, num_streams))
        has_table = not model.num_factors and model.vocabulary_size <= _MAX_TABLE
        self.table = self.layers[0].input_product(self.embedding) if has_table else None
        self.attention = model.attention if model.has_attention else None
        self.memory = None if memory is None else Memory(memory.vectors.to(dtype), memory.mask)

    def __call__(self, ids: Tensor) -> Tensor:
        lowest, *others = self.layers
        if self.model.num_factors:
            lowest.gates[0] = lowest.input_product(sum_of_embeddings(ids, self.embedding).to(self.dtype))
        elif self.table is not None:
            torch.index_select(self.table, 0, ids, out=lowest.gates[0])
        else:
            lowest.gates[0] = lowest.input_product(self.embedding[ids])
        outputs = lowest.step()
        if self.window is not None:
            outputs = self.window.step(outputs)
        outputs = self.above(0, outputs, self.embedding, None)
        if self.attention is not None and self.memory is not None:
            outputs = self.attention(outputs[None], self.memory, self.dtype)[0]
        for index, layer in enumerate(others, start=1):
            layer.gates[0] = layer.input_product(outputs.to(layer.gates.dtype))
            outputs = self.above(index, layer.step(), outputs, None)
        return self.model.logits(self.model.with_factors(outputs.float(), ids))

    @property
    def state(self) -> list[State]:
        states: list[State] = [layer.state for layer in self.layers]
        return states if self.window is None else [*states, self.window.state]

    @state.setter
    def state(self, state: list[State]) -> None:
        for layer, before in zip(self.layers, state, strict=self.window is None):
            layer.state = before
        if self.window is not None and isinstance(state[-1], PastState):
            self.window.state = state[-1]

    def select(self, streams: Tensor, givens: Tensor | None = None) -> None:
        for layer in self.layers:
            layer.begin(layer.outputs[streams], layer.memory[0, streams])
        if self.window is not None:
            self.window.select(streams)
        if self.memory is not None and givens is not None:
            self.memory = self.memory.select(givens)


class _Layer:
    """A cell with weights packed for products with few rows, and the state of its streams."""

    def __init__(self, cell: Cell, kernels: Kernels, state: State, dtype: torch.dtype) -> None:
        num_streams, size, weights = len(state.hidden), cell.hidden_size, cell.weights
        input_weight = cell.input_slots(weights.input).to(dtype)
        self.input_product = _in_blocks(
            F.pad(input_weight, (0, 0, 0, kernels.slots * size - len(input_weight))), num_streams
        )
        self.project = None if weights.projection is None else _in_blocks(weights.projection.to(dtype), num_streams)
        self.num_slots = kernels.slots
        kernels = kernels if num_streams >= _MANY_STREAMS else _serial(kernels)
        pack = partial(_in_blocks, num_rows=num_streams)
        self.advance = forward_step(kernels, weights.recurrent.to(dtype), size, pack)
        self.vectors = as_array(cell.vectors().flatten())
        self.cell = cell
        self.dtype = dtype
        self.state = state
        self._compile()

    @property
    def state(self) -> State:
        """The state of the streams, in float32."""
        return self.cell.state_of(self.outputs.float(), self.memory[0]).map(Tensor.clone)

    @state.setter
    def state(self, state: State) -> None:
        self.begin(state.hidden.to(self.dtype), self.cell.memory(state))

    def begin(self, outputs: Tensor, memory: Tensor) -> None:
        """Set the state of the streams, both tensors of shape (streams, features)."""
        num_streams, size = memory.shape
        self.outputs = outputs
        self.memory = memory.expand(2, -1, -1).clone()
        self.hidden = outputs.new_empty(2, num_streams, size)
        self.gates = outputs.new_empty(1, num_streams, self.num_slots * size)
        self.arrays = self._arrays(self.gates, self.memory, self.hidden)

    def _arrays(self, gates: Tensor, memory: Tensor, hidden: Tensor) -> list[Any]:
        return [as_array(gates), self.vectors, as_array(memory), as_array(hidden)]

    def _compile(self) -> None:
        """Run the kernels on copies, so that they are compiled before the first step."""
        gates, memory, hidden = (part.clone() for part in (self.gates, self.memory, self.hidden))
        self.advance(0, self.outputs, gates, self._arrays(gates, memory, hidden))

    def step(self) -> Tensor:
        """Return the outputs of the next step, shape (streams, output_size), given its input products in `gates`."""
        self.advance(0, self.outputs, self.gates, self.arrays)
        self.memory[0] = self.memory[1]
        hidden: Tensor = self.hidden[1]
        self.outputs = hidden if self.project is None else self.project(hidden)
        return self.outputs


def _serial(kernels: Kernels) -> Kernels:
    """Return the kernels with forward passes without threads."""
    reset = kernels.reset and kernels.reset._replace(forward=serial(kernels.reset.forward))
    return kernels._replace(forward=serial(kernels.forward), reset=reset)


def _in_blocks(weight: Tensor, num_rows: int) -> Product:
    """Return a function that multiplies by a weight, one block of rows at a time.

    Args:
        weight: shape (out, in).
        num_rows: the usual number of rows.
    """
    multiply = packed(weight, min(num_rows, _BLOCK))
    if num_rows <= _BLOCK:
        return multiply
    return lambda rows: torch.cat([multiply(block) for block in torch.split(rows, _BLOCK)])
