"""Recurrent layers one above the other, with dropout between them and after the last."""

import torch
from torch import Tensor, nn

from seqgen.cells import cell_class
from seqgen.cells.base import Cell, State
from seqgen.config import ModelConfig
from seqgen.model.scan import scan


class Stack(nn.Module):
    """Layers of one kind of cell.

    Args:
        config: the resolved model options.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        kind = cell_class(config.cell)
        sizes = [config.embedding_size] + [config.hidden_size] * (config.num_layers - 1)
        self.dropout = config.dropout
        self.layers = nn.ModuleList(kind(size, config.hidden_size) for size in sizes)

    @property
    def cells(self) -> list[Cell]:
        """The layers, the lowest first."""
        return [layer for layer in self.layers if isinstance(layer, Cell)]

    def initial_state(self, batch_size: int) -> list[State]:
        """Return every layer's state at the beginning of a document."""
        return [cell.initial_state(batch_size) for cell in self.cells]

    def forward(
        self, inputs: Tensor, state: list[State], dtype: torch.dtype, noise: torch.Generator | None
    ) -> tuple[Tensor, list[State]]:
        """Run all layers over time.

        Args:
            inputs: shape (time, batch, embedding_size).
            state: every layer's state before the first step.
            dtype: the precision of the matrix products.
            noise: draws the dropout masks; None leaves dropout out.

        Returns:
            The highest layer's hidden states, shape (time, batch, hidden_size), and every layer's last state.
        """
        after = []
        for cell, before in zip(self.cells, state, strict=True):
            outputs, last = scan(cell, inputs, before, dtype)
            inputs = self._drop(outputs, noise)
            after.append(last)
        return inputs, after

    def _drop(self, outputs: Tensor, noise: torch.Generator | None) -> Tensor:
        """Drop the same units at every step (variational dropout, Gal & Ghahramani 2016)."""
        if noise is None or not self.dropout:
            return outputs
        kept = torch.empty(outputs.shape[1:]).bernoulli_(1 - self.dropout, generator=noise)
        return outputs * (kept / (1 - self.dropout)).to(outputs)


def reset(state: list[State], fresh: Tensor) -> list[State]:
    """Return the state with zeros in the streams that begin a document; `fresh` has shape (batch,)."""
    return [type(layer)(*(part.masked_fill(fresh[:, None], 0) for part in layer)) for layer in state]


def detach(state: list[State]) -> list[State]:
    """Return the state cut off from the graph: gradients end here."""
    return [type(layer)(*(part.detach() for part in layer)) for layer in state]


def select(state: list[State], streams: Tensor) -> list[State]:
    """Return the state of these streams, in this order; `streams` holds indices."""
    return [type(layer)(*(part[streams] for part in layer)) for layer in state]
