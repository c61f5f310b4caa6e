"""Gated recurrent units with the reset gate of the first version of their paper (Cho et al., 2014, version 1)."""

from typing import ClassVar

import torch
from torch import Tensor

from seqgen.cells.base import Cell, Gates, Recurrent, State


class OriginalGRU(Cell):
    r"""One layer of gated recurrent units, gates in the order reset, update, candidate.

    The reset gate multiplies the state before the recurrent product, so each step computes two products in sequence;
    `gru` computes one.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1}) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1}) \\
        n &= \tanh(W_n x_t + b_n + U_n (r \odot h_{t-1})) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}
    """

    num_gates: ClassVar[int] = 3

    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> tuple[State, Gates]:
        """Return the next state and the gates."""
        reset_in, update_in, candidate_in = inputs.chunk(3, dim=-1)
        reset_back, update_back, _ = recurrent(state.hidden).chunk(3, dim=-1)
        reset_gate = torch.sigmoid(reset_in + reset_back)
        update_gate = torch.sigmoid(update_in + update_back)
        _, _, candidate_back = recurrent(reset_gate * state.hidden).chunk(3, dim=-1)
        candidate = torch.tanh(candidate_in + candidate_back)
        hidden = (1 - update_gate) * candidate + update_gate * state.hidden
        return State(hidden), {"reset_gate": reset_gate, "update_gate": update_gate, "candidate": candidate}
