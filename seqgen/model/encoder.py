"""The encoder: bidirectional recurrent layers over what a text is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells import cell_class
from seqgen.cells.base import Cell, State, draw_uniform
from seqgen.config import ModelConfig
from seqgen.model.noise import Noise
from seqgen.model.scan import scan
from seqgen.model.stack import drop, drop_weights
from seqgen.model.state import tensors_of

# The embedding has at most as many features as there are tokens, rounded up to a size at which products are fast: more
# of them take time in the lowest layer, but represent nothing else.
_WIDTH = 64


@dataclass(frozen=True)
class Given:
    """What the texts of a batch are given.

    Attributes:
        ids: token ids, shape (positions, batch); any ids as padding.
        lengths: the number of tokens of each, shape (batch,).
    """

    ids: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> "Given":
        """Return the token ids of some texts as a batch."""
        lengths = torch.tensor([len(text) for text in texts])
        ids = nn.utils.rnn.pad_sequence([torch.tensor(text, dtype=torch.long) for text in texts])
        return cls(ids.to(device), lengths.to(device))

    def to(self, device: torch.device | str) -> "Given":
        """Return it on a device."""
        return Given(self.ids.to(device), self.lengths.to(device))

    def select(self, which: slice | Tensor) -> "Given":
        """Return what some texts are given."""
        return Given(self.ids[:, which], self.lengths[which])


class Encoder(nn.Module):
    """Layers that each consist of two cells, one for each direction (Schuster & Paliwal 1997).

    The backward cell reads each sequence reversed within its own length, so padding never precedes what is read.

    Args:
        config: the resolved model options.
        vocabulary_size: the number of token ids of what is given.

    Attributes:
        memory_size: the number of features of the output: the outputs of both directions, concatenated.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        super().__init__()
        self.config = config
        self.memory_size = 2 * config.output_size
        embedding_size = min(config.embedding_size, _WIDTH * -(-vocabulary_size // _WIDTH))
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, embedding_size))
        sizes = [embedding_size] + [self.memory_size] * (config.encoder_layers - 1)
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
        self.embedding.normal_(generator=generator)
        for pair in self.cells:
            for cell in pair:
                cell.initialise(generator, self.config.initial_weights)

    def forward(
        self, ids: Tensor, lengths: Tensor, dtype: torch.dtype, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read sequences in both directions.

        Args:
            ids: token ids, shape (time, batch); those after the end of a sequence have no effect.
            lengths: of the sequences, shape (batch,).
            dtype: the precision of the matrix products.
            noise: draws the dropout masks; None for no dropout.

        Returns:
            The outputs of the highest layer, shape (time, batch, memory_size), and the last output of each of its
            directions, shape (batch, memory_size).
        """
        inputs = drop(F.embedding(ids, self.embedding), self.config.embedding_dropout, noise)
        reversal = _reversal(len(ids), lengths)
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
        return inputs, last

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
