"""Stacked recurrent layers with normalisation, dropout, residual connections and attention between them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqgen.cells import cell_class
from seqgen.cells.base import Cell, State
from seqgen.config import ModelConfig
from seqgen.model.past import PastAttention
from seqgen.model.scan import scan
from seqgen.noise import Noise


class Stack(nn.Module):
    """Layers of one kind of cell.

    Args:
        config: the resolved model options.

    Raises:
        UsageError: a projection is requested, but the cell does not support it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = cell_class(config.cell)
        kind.check_projection(config.cell, config.projection_size)
        sizes = [config.embedding_size] + [config.output_size] * (config.num_layers - 1)
        self.config = config
        self.layers = nn.ModuleList(kind(size, config.hidden_size, config.projection_size) for size in sizes)
        norms = config.num_layers if config.layer_norm else 0
        self.past = PastAttention(config.output_size, config.attention) if config.attention else None
        self.norms = nn.ModuleList(nn.LayerNorm(config.output_size) for _ in range(norms))

    @property
    def cells(self) -> list[Cell]:
        """The layers, from the lowest to the highest."""
        return [layer for layer in self.layers if isinstance(layer, Cell)]

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights of all layers."""
        for cell in self.cells:
            cell.initialise(generator, self.config.initial_weights)
        if self.past is not None:
            self.past.initialise(generator)

    def initial_state(self, batch_size: int) -> list[State]:
        """Return the state at the beginning of documents: that of every layer, then that of the attention."""
        states = [cell.initial_state(batch_size) for cell in self.cells]
        return states if self.past is None else [*states, self.past.initial_state(batch_size)]

    def forward(
        self,
        inputs: Tensor,
        state: list[State],
        dtype: torch.dtype,
        noise: Noise | None,
        ids: Tensor | None = None,
        attend: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Run all layers over time.

        Args:
            inputs: shape (time, batch, features), or (rows, features) if there are ids.
            state: the state before the first step.
            dtype: the precision of the matrix products.
            noise: draws the dropout masks; None for no dropout.
            ids: the row of `inputs` that each stream reads at each step, shape (time, batch).
            attend: replaces the lowest layer's output by one that contains what it attends to in a given.

        Returns:
            The highest layer's output, shape (time, batch, output_size), and the state after the last step.
        """
        after, past = [], []
        for index, (cell, before) in enumerate(zip(self.cells, state, strict=self.past is None)):
            weights = cell.weights
            weights = weights._replace(recurrent=drop_weights(weights.recurrent, self.config.recurrent_dropout, noise))
            outputs, last = scan(cell, inputs, before, dtype, weights, ids if index == 0 else None)
            if index == 0 and self.past is not None:  # before dropout: what is dropped now may be attended to later
                outputs, remembered = self.past(outputs, state[-1], dtype)
                past = [remembered]
            inputs = self.above(index, outputs, inputs, noise)
            if index == 0 and attend is not None:
                inputs = drop(attend(inputs), self.config.dropout, noise)
            after.append(last)
        return inputs, after + past

    def above(self, index: int, outputs: Tensor, inputs: Tensor, noise: Noise | None) -> Tensor:
        """Return the input of the next layer, or of the logits, given outputs and inputs of the layer at `index`."""
        if self.norms:
            outputs = self.norms[index](outputs.to(self.cells[index].bias))
        outputs = drop(outputs, self.config.dropout, noise)
        return outputs + inputs if self.config.residual and index > 0 else outputs


def drop_weights(weight: Tensor, rate: float, noise: Noise | None) -> Tensor:
    """Drop recurrent weights, the same at every step of a batch (Merity, Keskar & Socher 2018)."""
    return weight if noise is None or not rate else _masked(weight, noise.weight_mask(weight.shape, rate), rate)


def drop(outputs: Tensor, rate: float, noise: Noise | None) -> Tensor:
    """Drop the same features of a stream at every step (variational dropout, Gal & Ghahramani 2016).

    Args:
        outputs: shape (time, batch, features).
        rate: the share that is dropped; the rest is scaled by 1 / (1 - rate), which preserves the mean.
        noise: draws the mask; None for no dropout.
    """
    if noise is None or not rate:
        return outputs
    _, num_streams, num_features = outputs.shape
    return _masked(outputs, noise.stream_mask(num_streams, num_features, rate), rate)


def _masked(values: Tensor, mask: Tensor, rate: float) -> Tensor:
    """Multiply values by a mask, then scale by a Python number: a scale within a bfloat16 mask would be 0.25 % off."""
    return values * mask.to(values) / (1 - rate)
