"""The encoder: bidirectional recurrent layers over what a text is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from seqgen.cells import cell_class
from seqgen.cells.base import Cell, State, draw_uniform
from seqgen.config import ModelConfig
from seqgen.encoders.base import FrontEnd
from seqgen.model.scan import scan
from seqgen.model.stack import drop, drop_weights
from seqgen.model.state import tensors_of
from seqgen.noise import Noise


@dataclass(frozen=True)
class Given:
    """What the texts of a batch are given.

    Attributes:
        rows: token ids, shape (positions, batch), or vectors, shape (positions, batch, features); anything as padding.
        lengths: the number of positions of each, shape (batch,).
    """

    rows: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, sequences: Sequence[ArrayLike], device: torch.device | str = "cpu") -> "Given":
        """Return some sequences of token ids, or of vectors, as a batch."""
        arrays = [np.array(sequence) for sequence in sequences]  # a copy: those of a dataset are read-only
        tensors = [torch.from_numpy(array.astype(np.int64) if array.ndim == 1 else array) for array in arrays]
        lengths = torch.tensor([len(tensor) for tensor in tensors])
        return cls(nn.utils.rnn.pad_sequence(tensors).to(device), lengths.to(device))

    def to(self, device: torch.device | str) -> "Given":
        """Return it on a device."""
        return Given(self.rows.to(device), self.lengths.to(device))

    def select(self, which: slice | Tensor) -> "Given":
        """Return what some texts are given."""
        return Given(self.rows[:, which], self.lengths[which])


class Encoded(NamedTuple):
    """What an encoder returns.

    Attributes:
        outputs: of the highest layer, shape (positions, batch, memory_size).
        last: the last output of each of its directions, shape (batch, memory_size).
        lengths: the number of outputs of each sequence, shape (batch,).
    """

    outputs: Tensor
    last: Tensor
    lengths: Tensor


class Encoder(nn.Module):
    """Layers that each consist of two cells, one for each direction (Schuster & Paliwal 1997).

    The backward cell reads each sequence reversed within its own length, so padding never precedes what is read.

    Args:
        config: the resolved model options.
        front_end: turns what is given into vectors.

    Attributes:
        memory_size: the number of features of the output: the outputs of both directions, concatenated.
    """

    def __init__(self, config: ModelConfig, front_end: FrontEnd) -> None:
        super().__init__()
        self.config = config
        self.memory_size = 2 * config.output_size
        self.front_end = front_end
        sizes = [front_end.size] + [self.memory_size] * (config.encoder_layers - 1)
        kinds = cell_class(config.cell), config.hidden_size, config.projection_size
        self.layers = nn.ModuleList(_Directions(size, *kinds) for size in sizes)
        norms = config.encoder_layers if config.layer_norm else 0
        self.norms = nn.ModuleList(nn.LayerNorm(self.memory_size) for _ in range(norms))

    @property
    def cells(self) -> list[tuple[Cell, Cell]]:
        """The forward and the backward cell of each layer, from the lowest to the highest."""
        return [(layer.forward_cell, layer.backward_cell) for layer in self.layers if isinstance(layer, _Directions)]

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights of all layers."""
        self.front_end.initialise(generator)
        for pair in self.cells:
            for cell in pair:
                cell.initialise(generator, self.config.initial_weights)

    def forward(self, given: Given, dtype: torch.dtype, noise: Noise | None = None) -> Encoded:
        """Read sequences in both directions.

        Args:
            given: the sequences; what follows the end of each has no effect.
            dtype: the precision of the matrix products.
            noise: draws dropout masks and the changes of augmentation; None for neither.
        """
        inputs, lengths = self.front_end(given.rows, given.lengths, dtype, noise)
        inputs = drop(inputs, self.config.embedding_dropout, noise)
        reversal = _reversal(len(inputs), lengths)
        for index, (forward, backward) in enumerate(self.cells):
            ahead = self._scan(forward, inputs, dtype, noise)
            back = self._scan(backward, _Reversed.apply(inputs, reversal), dtype, noise)  # type: ignore[no-untyped-call]
            back = _Reversed.apply(back, reversal)  # type: ignore[no-untyped-call]
            if index == len(self.layers) - 1:  # both directions end at the first position of what they have read
                last = torch.cat([_Reversed.apply(ahead, reversal)[0], back[0]], -1)  # type: ignore[no-untyped-call]
            outputs = torch.cat([ahead, back], -1)
            if self.norms:
                outputs = self.norms[index](outputs.to(forward.bias))
            outputs = drop(outputs, self.config.dropout, noise)
            inputs = outputs + inputs if self.config.residual and index > 0 else outputs
        return Encoded(inputs, last, lengths)

    def _scan(self, cell: Cell, inputs: Tensor, dtype: torch.dtype, noise: Noise | None) -> Tensor:
        weights = cell.weights
        weights = weights._replace(recurrent=drop_weights(weights.recurrent, self.config.recurrent_dropout, noise))
        return scan(cell, inputs, cell.initial_state(inputs.shape[1]), dtype, weights)[0]


class _Directions(nn.Module):
    """The cells of a layer."""

    def __init__(self, input_size: int, kind: type[Cell], hidden_size: int, projection_size: int | None) -> None:
        super().__init__()
        self.forward_cell = kind(input_size, hidden_size, projection_size)
        self.backward_cell = kind(input_size, hidden_size, projection_size)


class Bridge(nn.Module):
    """The initial state of the decoder, from the last outputs of the encoder (Sutskever, Vinyals & Le 2014).

    Args:
        memory_size: the size of the encoder's outputs.
        state: a state of the decoder, which shows the sizes.
    """

    def __init__(self, memory_size: int, state: list[State]) -> None:
        super().__init__()
        self._sizes = [tensor.shape[1] for tensor in tensors_of(state)]
        self.weight = nn.Parameter(torch.empty(sum(self._sizes), memory_size))
        self.bias = nn.Parameter(torch.empty(sum(self._sizes)))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights uniformly within +-1/sqrt(inputs)."""
        draw_uniform(self.weight, generator)
        self.bias.zero_()

    def forward(self, last: Tensor, zeros: list[State]) -> list[State]:
        """Return the state of the decoder, in float32.

        Args:
            last: the last outputs of the encoder, shape (batch, memory_size).
            zeros: the state at the beginning of a text without anything given.
        """
        parts = iter(torch.split(torch.tanh(F.linear(last.to(self.weight), self.weight, self.bias)), self._sizes, -1))
        return [layer.map(lambda _: next(parts).contiguous()) for layer in zeros]


def _reversal(time: int, lengths: Tensor) -> Tensor:
    """Return the position that each position takes when sequences are reversed, in (time * batch); an involution."""
    place = torch.arange(time, device=lengths.device)[:, None]
    place = torch.where(place < lengths, lengths - 1 - place, place)
    return (place * len(lengths) + torch.arange(len(lengths), device=lengths.device)).flatten()


class _Reversed(torch.autograd.Function):
    """Reverses sequences. Gradients are reversed in the same way, which is faster than indexing, and deterministic."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, reversal: Tensor) -> Tensor:
        ctx.save_for_backward(reversal)
        return values.flatten(0, 1).index_select(0, reversal).view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (reversal,) = ctx.saved_tensors
        return gradient.flatten(0, 1).index_select(0, reversal).view_as(gradient), None
