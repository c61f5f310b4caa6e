"""The conventional recurrent network (Elman, Finding structure in time, 1990)."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from seqgen.cells.base import Cell, Recurrent


class RNNState(NamedTuple):
    """The state of an RNN, shape (batch, hidden_size)."""

    hidden: Tensor


class RNN(Cell):
    r"""One layer of tanh units.

    .. math:: h_t = \tanh(W x_t + b + U h_{t-1})
    """

    num_gates: ClassVar[int] = 1

    def initial_state(self, batch_size: int) -> RNNState:
        """Return zeros."""
        return RNNState(self._zeros(batch_size))

    def step(self, inputs: Tensor, state: RNNState, recurrent: Recurrent) -> RNNState:
        """Return the next state by the equation."""
        return RNNState(torch.tanh(inputs + recurrent(state.hidden)))

    def fused(self, inputs: Tensor, state: RNNState, dtype: torch.dtype) -> tuple[Tensor, RNNState]:
        """Run all steps through torch's kernel."""
        weights = self._library_weights(torch.zeros_like(self.bias), dtype)
        initial = state.hidden.to(dtype)[None]
        outputs, hidden = torch.rnn_tanh(inputs.to(dtype), initial, weights, True, 1, 0.0, self.training, False, False)
        return outputs, RNNState(hidden[0].to(self.bias))
