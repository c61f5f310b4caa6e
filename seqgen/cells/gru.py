"""Gated recurrent units (Cho et al., Learning phrase representations using RNN encoder-decoder, 2014)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqgen.cells.base import Cell, Gates, Kernels, LibraryFunction, Recurrent, State
from seqgen.compiled import parallel_range
from seqgen.kernels import fourths, kernel, narrowed, sigmoid, tanh, thirds, widened


class GRU(Cell):
    r"""One layer of gated recurrent units, gates in the order reset, update, candidate, as in `torch.nn.GRU`.

    The reset gate multiplies the recurrent product instead of the state, so the candidate has a second bias within this
    product.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1}) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1}) \\
        n &= \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b'_n)) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}
    """

    num_gates: ClassVar[int] = 3
    library: ClassVar[LibraryFunction | None] = LibraryFunction(torch.gru, has_cpu=False)

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__(input_size, hidden_size, projection_size)
        self.candidate_bias = nn.Parameter(torch.empty(hidden_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise like the base class, with a second bias of zero."""
        super().initialise(generator, kind)
        self.candidate_bias.zero_()

    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> tuple[State, Gates]:
        """Return the next state and the gates."""
        reset_in, update_in, candidate_in = inputs.chunk(3, dim=-1)
        reset_back, update_back, candidate_back = recurrent(state.hidden).chunk(3, dim=-1)
        reset_gate = torch.sigmoid(reset_in + reset_back)
        update_gate = torch.sigmoid(update_in + update_back)
        candidate = torch.tanh(candidate_in + reset_gate * (candidate_back + self.candidate_bias))
        hidden = (1 - update_gate) * candidate + update_gate * state.hidden
        return State(hidden), {"reset_gate": reset_gate, "update_gate": update_gate, "candidate": candidate}

    @property
    def recurrent_bias(self) -> Tensor:
        """The candidate's second bias."""
        return torch.cat((self.bias.new_zeros(2 * self.hidden_size), self.candidate_bias))

    def input_slots(self, input_weight: Tensor) -> Tensor:
        """Return the candidate's rows first."""
        return input_weight.roll(self.hidden_size, 0)

    def vectors(self) -> Tensor:
        """Return the biases, that of the candidate first, and the candidate's second bias."""
        return torch.cat((self.bias.view(3, -1).roll(1, 0), self.candidate_bias[None]))


# Four slots: the inputs of candidate, reset and update, and the recurrent product of the candidate. The recurrent
# products of reset and update share the slots of their inputs.
@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_n, x_r, x_z, inner = fourths(gates[step, b])
        u_r, u_z, u_n = thirds(product[b])
        b_n, b_r, b_z, b_inner = fourths(vectors)
        before, after, h = memory[step, b], memory[step + 1, b], hidden[step + 1, b]
        for j in range(h.size):
            r = sigmoid(widened(x_r[j]) + widened(u_r[j]) + b_r[j])
            z = sigmoid(widened(x_z[j]) + widened(u_z[j]) + b_z[j])
            a = widened(u_n[j]) + b_inner[j]
            n = tanh(widened(x_n[j]) + b_n[j] + r * a)
            after[j] = n + z * (before[j] - n)
            h[j] = narrowed(after[j], h[j])
            x_n[j], x_r[j] = narrowed(n, h[j]), narrowed(r, h[j])
            x_z[j], inner[j] = narrowed(z, h[j]), narrowed(a, h[j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_others: Any
) -> None:
    for b in parallel_range(gates.shape[1]):
        x_n, x_r, x_z, inner = fourths(gates[step, b])
        before, above, back, carry = memory[step, b], d_output[b], product[b], d_memory[b]
        for j in range(before.size):
            n, r, z, a = widened(x_n[j]), widened(x_r[j]), widened(x_z[j]), widened(inner[j])
            d_h = widened(above[j]) + widened(back[j]) + carry[j]
            d_n = d_h * (np.float32(1) - z) * (np.float32(1) - n * n)
            carry[j] = d_h * z
            x_n[j] = narrowed(d_n, x_n[j])
            x_r[j] = narrowed(d_n * a * r * (np.float32(1) - r), x_n[j])
            x_z[j] = narrowed(d_h * (before[j] - n) * z * (np.float32(1) - z), x_n[j])
            inner[j] = narrowed(d_n * r, x_n[j])


GRU.kernels = Kernels(_forward, _backward, slots=4, recurrent_slots=1)
