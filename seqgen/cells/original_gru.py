"""Gated recurrent units with the reset gate of the first version of their paper (Cho et al., 2014, version 1)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Cell, Gates, Kernels, Recurrent, ResetKernels, State
from seqgen.compiled import parallel_range
from seqgen.kernels import fourths, kernel, narrowed, sigmoid, tanh, widened


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

    def vectors(self) -> Tensor:
        """Return the biases, and zeros for the slot of the reset state."""
        return torch.cat((self.bias.view(3, -1), self.bias.new_zeros(1, self.hidden_size)))


# Four slots: reset, update, candidate, and the reset state, which the candidate's recurrent weight multiplies.
@kernel
def _reset_forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_r, x_z, _, inner = fourths(gates[step, b])
        before = memory[step, b]
        u_r, u_z = product[b, : before.size], product[b, before.size :]
        b_r, b_z, _, _ = fourths(vectors)
        for j in range(before.size):
            r = sigmoid(widened(x_r[j]) + widened(u_r[j]) + b_r[j])
            z = sigmoid(widened(x_z[j]) + widened(u_z[j]) + b_z[j])
            inner[j] = narrowed(r * before[j], inner[j])
            x_r[j], x_z[j] = narrowed(r, inner[j]), narrowed(z, inner[j])


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        _, x_z, x_n, _ = fourths(gates[step, b])
        _, _, b_n, _ = fourths(vectors)
        u_n, before, after, h = product[b], memory[step, b], memory[step + 1, b], hidden[step + 1, b]
        for j in range(h.size):
            n = tanh(widened(x_n[j]) + widened(u_n[j]) + b_n[j])
            after[j] = n + widened(x_z[j]) * (before[j] - n)
            h[j] = narrowed(after[j], h[j])
            x_n[j] = narrowed(n, h[j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_others: Any
) -> None:
    for b in parallel_range(gates.shape[1]):
        _, x_z, x_n, _ = fourths(gates[step, b])
        before, above, back, carry = memory[step, b], d_output[b], product[b], d_memory[b]
        for j in range(before.size):
            z, n = widened(x_z[j]), widened(x_n[j])
            d_h = widened(above[j]) + widened(back[j]) + carry[j]
            carry[j] = d_h * z
            x_z[j] = narrowed(d_h * (before[j] - n) * z * (np.float32(1) - z), x_z[j])
            x_n[j] = narrowed(d_h * (np.float32(1) - z) * (np.float32(1) - n * n), x_z[j])


@kernel
def _reset_backward(step: int, gates: Any, memory: Any, product: Any, d_memory: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_r, _, _, _ = fourths(gates[step, b])
        before, back, carry = memory[step, b], product[b], d_memory[b]
        for j in range(before.size):
            r, d_inner = widened(x_r[j]), widened(back[j])
            carry[j] += d_inner * r
            x_r[j] = narrowed(d_inner * before[j] * r * (np.float32(1) - r), x_r[j])


OriginalGRU.kernels = Kernels(_forward, _backward, slots=4, reset=ResetKernels(_reset_forward, _reset_backward))
