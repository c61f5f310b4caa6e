"""Gated recurrent units (Cho et al., Learning phrase representations using RNN encoder-decoder, 2014)."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from seqgen.cells.base import Cell, Recurrent


class GRUState(NamedTuple):
    """The state of a GRU, shape (batch, hidden_size)."""

    hidden: Tensor


class GRU(Cell):
    r"""One layer of gated recurrent units, gates in the order reset, update, candidate, as in `torch.nn.GRU`.

    The reset gate multiplies the recurrent product, not the state before it, which is why the candidate has a second
    bias inside.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1}) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1}) \\
        n &= \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b'_n)) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}
    """

    num_gates: ClassVar[int] = 3

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.candidate_bias = nn.Parameter(torch.empty(hidden_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Initialise as every cell."""
        super().initialise(generator)
        self.candidate_bias.zero_()

    def initial_state(self, batch_size: int) -> GRUState:
        """Return zeros."""
        return GRUState(self._zeros(batch_size))

    def step(self, inputs: Tensor, state: GRUState, recurrent: Recurrent) -> GRUState:
        """Return the next state by the equations."""
        reset_in, update_in, candidate_in = inputs.chunk(3, dim=-1)
        reset_back, update_back, candidate_back = recurrent(state.hidden).chunk(3, dim=-1)
        reset_gate = torch.sigmoid(reset_in + reset_back)
        update_gate = torch.sigmoid(update_in + update_back)
        candidate = torch.tanh(candidate_in + reset_gate * (candidate_back + self.candidate_bias))
        return GRUState((1 - update_gate) * candidate + update_gate * state.hidden)

    def fused(self, inputs: Tensor, state: GRUState, dtype: torch.dtype) -> tuple[Tensor, GRUState]:
        """Run all steps through torch's kernel."""
        gates = self.bias.new_zeros(2 * self.hidden_size)
        weights = self._library_weights(torch.cat((gates, self.candidate_bias)), dtype)
        initial = state.hidden.to(dtype)[None]
        outputs, hidden = torch.gru(inputs.to(dtype), initial, weights, True, 1, 0.0, self.training, False, False)
        return outputs, GRUState(hidden[0].to(self.bias))
