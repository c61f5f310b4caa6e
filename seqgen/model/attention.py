"""Attention: at every step a layer reads a weighted mean of vectors, such as the encoder's outputs."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import draw_uniform


@dataclass(frozen=True)
class Memory:
    """The vectors to which a layer attends, such as the encoder's outputs.

    Attributes:
        vectors: shape (batch, positions, features).
        mask: what is added to the scores of the positions, -inf at those that are not attended to, such as padding;
            shape (batch, 1 or steps, positions).
    """

    vectors: Tensor
    mask: Tensor

    @classmethod
    def of(cls, outputs: Tensor, lengths: Tensor) -> "Memory":
        """Return the memory of the encoder's outputs, shape (positions, batch, features), with these lengths."""
        is_padding = torch.arange(len(outputs), device=outputs.device) >= lengths[:, None]
        mask = torch.zeros_like(is_padding, dtype=torch.float32).masked_fill(is_padding, -torch.inf)
        return cls(outputs.transpose(0, 1).contiguous(), mask[:, None])

    def select(self, which: Tensor) -> "Memory":
        """Return the rows at these indices, in this order."""
        return Memory(self.vectors[which], self.mask[which])


class Attention(nn.Module):
    r"""General attention without input feeding (Luong, Pham & Manning, Effective approaches to attention, 2015).

    .. math::
        a_t &= \mathrm{softmax}_s(h_t^\top W m_s / \sqrt{d}) \\
        \tilde h_t &= \tanh(V [h_t; \textstyle\sum_s a_{ts} m_s])

    Nothing flows back into the layer below, so all steps are computed at once.

    Args:
        hidden_size: the size of the layer's vectors h.
        memory_size: the size d of the vectors m.
    """

    def __init__(self, hidden_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_weight = nn.Parameter(torch.empty(memory_size, hidden_size))
        self.output_weight = nn.Parameter(torch.empty(hidden_size, hidden_size + memory_size))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights uniformly within +-1/sqrt(inputs)."""
        for weight in (self.query_weight, self.output_weight):
            draw_uniform(weight, generator)

    def forward(self, hidden: Tensor, memory: Memory, dtype: torch.dtype) -> Tensor:
        """Return the vectors that the layers above read.

        Args:
            hidden: shape (time, streams, hidden_size). There is the same number of streams per row of the memory,
                and those of a row follow one another.
            memory: what is attended to.
            dtype: the precision of the products.

        Returns:
            Shape (time, streams, hidden_size), in `dtype`.
        """
        hidden, vectors = hidden.to(dtype), memory.vectors.to(dtype)
        context = self.weights(hidden, memory, dtype).to(dtype) @ vectors
        return torch.tanh(F.linear(torch.cat([hidden, _by_stream(context, hidden)], -1), self.output_weight.to(dtype)))

    def weights(self, hidden: Tensor, memory: Memory, dtype: torch.dtype) -> Tensor:
        """Return how much each step attends to each position, see `forward`.

        Returns:
            Shape (batch, time * streams per given, positions), in the precision of the parameters; each row has the sum
            1.
        """
        queries = _by_given(F.linear(hidden.to(dtype), self.query_weight.to(dtype)), len(memory.vectors))
        scores = queries @ memory.vectors.to(dtype).transpose(1, 2)
        return torch.softmax(scores.to(self.query_weight) * memory.vectors.shape[-1] ** -0.5 + memory.mask, -1)


def _by_given(values: Tensor, num_given: int) -> Tensor:
    """Reorder shape (time, streams, features) to (givens, time * streams per given, features)."""
    time, streams, size = values.shape
    grouped = values.view(time, num_given, streams // num_given, size)
    return grouped.transpose(0, 1).reshape(num_given, time * (streams // num_given), size)


def _by_stream(values: Tensor, like: Tensor) -> Tensor:
    """Reverse `_by_given`, for streams and times like those of a tensor of shape (time, streams, ...)."""
    time, streams = like.shape[:2]
    grouped = values.view(len(values), time, streams // len(values), values.shape[-1])
    return grouped.transpose(0, 1).reshape(time, streams, values.shape[-1])
