"""Long short-term memory with forget gates (Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000)."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from seqgen.cells.base import Cell, Recurrent

FORGET_BIAS = 1.0  # remember by default (Jozefowicz, Zaremba & Sutskever, An empirical exploration, 2015)


class LSTMState(NamedTuple):
    """The state of an LSTM, each of shape (batch, hidden_size)."""

    hidden: Tensor
    cell: Tensor


class LSTM(Cell):
    r"""One layer of LSTM units, gates in the order input, forget, candidate, output, as in `torch.nn.LSTM`.

    .. math::
        i &= \sigma(W_i x_t + b_i + U_i h_{t-1}) \\
        f &= \sigma(W_f x_t + b_f + U_f h_{t-1}) \\
        g &= \tanh(W_g x_t + b_g + U_g h_{t-1}) \\
        o &= \sigma(W_o x_t + b_o + U_o h_{t-1}) \\
        c_t &= f \odot c_{t-1} + i \odot g \\
        h_t &= o \odot \tanh(c_t)
    """

    num_gates: ClassVar[int] = 4

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Initialise as every cell, with a forget bias of 1."""
        super().initialise(generator)
        self.bias.chunk(4)[1].fill_(FORGET_BIAS)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return zeros."""
        return LSTMState(self._zeros(batch_size), self._zeros(batch_size))

    def step(self, inputs: Tensor, state: LSTMState, recurrent: Recurrent) -> LSTMState:
        """Return the next state by the equations."""
        input_gate, forget_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(4, dim=-1)
        cell = forget_gate.sigmoid() * state.cell + input_gate.sigmoid() * candidate.tanh()
        return LSTMState(output_gate.sigmoid() * cell.tanh(), cell)

    def fused(self, inputs: Tensor, state: LSTMState, dtype: torch.dtype) -> tuple[Tensor, LSTMState]:
        """Run all steps through torch's kernel."""
        weights = self._library_weights(torch.zeros_like(self.bias), dtype)
        initial = [part.to(dtype)[None] for part in state]
        outputs, hidden, cell = torch.lstm(
            inputs.to(dtype), initial, weights, True, 1, 0.0, self.training, False, False
        )
        return outputs, LSTMState(hidden[0].to(self.bias), cell[0].to(self.bias))
