"""Attention to the past: each step reads a weighted mean of vectors of the previous steps of its document."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import State, draw_uniform
from seqgen.model.attention import Attention, Memory

_MAX_MEMORY_SIZE = 128
_BLOCK = 128  # steps that attend at once: the memory for their weights does not grow with the length of a text


@dataclass(frozen=True)
class PastState(State):
    """The last steps, to which the next ones attend.

    Attributes:
        hidden: their vectors, the earliest first, shape (batch, span, memory_size).
        is_known: 1 for steps of the document, 0 before its beginning, shape (batch, span).
    """

    is_known: Tensor


class PastAttention(nn.Module):
    r"""One head of attention that slides over the outputs of a recurrent layer.

    As in SHA-RNN (Merity, Single headed attention RNN, 2019), one vector per step serves as key and as value, and those
    of earlier chunks are kept without their gradients (Dai et al., Transformer-XL, 2019). A bias for each distance
    tells positions apart:

    .. math::
        m_t &= M h_t \\
        a_{ts} &= \mathrm{softmax}_{t - span \le s \le t}(h_t^\top W m_s / \sqrt{d} + b_{t-s}) \\
        \tilde h_t &= \tanh(V [h_t; \textstyle\sum_s a_{ts} m_s])

    The results do not depend on the chunks in which a text is read.

    Args:
        hidden_size: the size of the vectors h.
        span: the number of previous steps that each step attends to, besides itself.
    """

    def __init__(self, hidden_size: int, span: int) -> None:
        super().__init__()
        self.span = span
        memory_size = min(hidden_size, _MAX_MEMORY_SIZE)
        self.memory_weight = nn.Parameter(torch.empty(memory_size, hidden_size))
        self.attention = Attention(hidden_size, memory_size)
        self.distance_bias = nn.Parameter(torch.empty(span + 1))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights; at first all distances are alike."""
        draw_uniform(self.memory_weight, generator)
        self.attention.initialise(generator)
        self.distance_bias.zero_()

    def initial_state(self, batch_size: int) -> PastState:
        """Return the state at the beginning of documents: nothing is known."""
        zeros = self.distance_bias.new_zeros
        return PastState(zeros(batch_size, self.span, len(self.memory_weight)), zeros(batch_size, self.span))

    def forward(self, hidden: Tensor, past: PastState, dtype: torch.dtype) -> tuple[Tensor, PastState]:
        """Return the vectors that the layers above read, and the state after the last step.

        Args:
            hidden: shape (time, batch, hidden_size).
            past: the state before the first step.
            dtype: the precision of the products.

        Returns:
            Shape (time, batch, hidden_size), in `dtype`, and the state in the precision of the parameters.
        """
        outputs = []
        for block, memory, after in self._blocks(hidden, past, dtype):
            outputs.append(self.attention(block, memory, dtype))
            past = after
        return torch.cat(outputs), past

    def weights(self, hidden: Tensor, past: PastState, dtype: torch.dtype) -> Tensor:
        """Return how much each step attends to itself and to each of the `span` steps before it, see `forward`.

        Returns:
            Shape (time, batch, span + 1), by the distance in steps, in the precision of the parameters; each row has
            the sum 1, with 0 for what is before the document.
        """
        found = []
        for block, memory, _ in self._blocks(hidden, past, dtype):
            weights = F.pad(self.attention.weights(block, memory, dtype), (self.span, 0))
            own = torch.arange(weights.shape[-1], device=weights.device)[-len(block) :, None]
            positions = own - torch.arange(self.span + 1, device=weights.device)
            found.append(weights.gather(-1, positions.expand(len(weights), -1, -1)))
        return torch.cat(found, 1).transpose(0, 1)

    def _blocks(
        self, hidden: Tensor, past: PastState, dtype: torch.dtype
    ) -> Iterator[tuple[Tensor, Memory, PastState]]:
        """Yield the steps that attend at once, what they attend to, and the state after them."""
        for block in torch.split(hidden, _BLOCK):
            own = F.linear(block.to(dtype), self.memory_weight.to(dtype)).transpose(0, 1)
            vectors = torch.cat([past.hidden.to(dtype), own], 1)
            is_known = F.pad(past.is_known, (0, len(block)), value=1)
            first = int(is_known.any(0).int().argmax())  # what is unknown in all streams need not be excluded
            mask = self._mask(is_known[:, first:], len(block))
            past = PastState(vectors[:, len(block) :].to(self.distance_bias), is_known[:, len(block) :])
            yield block, Memory(vectors[:, first:], mask), past

    def _mask(self, is_known: Tensor, num_steps: int) -> Tensor:
        """Return what is added to the scores of the last steps, shape (batch, num_steps, positions).

        Args:
            is_known: which positions are known, the steps included, shape (batch, positions).
            num_steps: the number of steps.
        """
        positions = torch.arange(is_known.shape[1], device=is_known.device)
        distance = positions[-num_steps:, None] - positions
        is_seen = (distance >= 0) & (distance <= self.span)
        bias = self.distance_bias[distance.clamp(0, self.span)].masked_fill(~is_seen, -torch.inf)
        return bias + lack(is_known)[:, None]


class Window:
    """The past of streams that are read step by step: a ring buffer, in which each step replaces the earliest one.

    Args:
        past: the attention.
        state: the state of the streams.
        dtype: the precision of the products.
        packed: returns a function that multiplies rows by a weight, shape (streams, in) to (streams, out).
    """

    def __init__(
        self,
        past: PastAttention,
        state: PastState,
        dtype: torch.dtype,
        packed: Callable[[Tensor], Callable[[Tensor], Tensor]],
    ) -> None:
        self._dtype = dtype
        self._num_slots = past.span + 1
        self._biases = past.distance_bias.flip(0).repeat(2).to(dtype)  # those of the slots are a slice of it
        self._remember, self._query, self._output = (
            packed(weight.to(dtype))
            for weight in (past.memory_weight, past.attention.query_weight, past.attention.output_weight)
        )
        self.state = state

    @property
    def state(self) -> PastState:
        """The state of the streams, in float32."""
        order = [(self._next + 1 + place) % self._num_slots for place in range(self._num_slots - 1)]
        return PastState(self._vectors[:, order].float(), (self._lack[:, order] == 0).float())

    @state.setter
    def state(self, state: PastState) -> None:
        self._vectors = F.pad(state.hidden.to(self._dtype), (0, 0, 0, 1))
        self._lack = lack(F.pad(state.is_known, (0, 1))).to(self._dtype)
        self._next = self._num_slots - 1  # the slot of the next step

    def step(self, hidden: Tensor) -> Tensor:
        """Return what the layers above read in the next step, shape (streams, hidden_size)."""
        hidden = hidden.to(self._dtype)
        self._vectors[:, self._next] = self._remember(hidden)
        self._lack[:, self._next] = 0
        self._next = (self._next + 1) % self._num_slots
        first = (-self._next) % self._num_slots
        mask = self._biases[first : first + self._num_slots] + self._lack
        vectors = self._vectors[:, None]
        query = self._query(hidden)[:, None, None]
        context = F.scaled_dot_product_attention(query, vectors, vectors, mask[:, None, None])[:, 0, 0]
        return torch.tanh(self._output(torch.cat([hidden, context], -1)))

    def select(self, streams: Tensor) -> None:
        """Continue with the streams at these indices."""
        self._vectors, self._lack = self._vectors[streams], self._lack[streams]


def lack(is_known: Tensor) -> Tensor:
    """Return what excludes unknown steps when it is added to scores: 0 or -inf, in the shape of `is_known`."""
    return torch.zeros_like(is_known).masked_fill(is_known == 0, -torch.inf)
