"""LSTM whose gates depend on the cell state (Gers & Schmidhuber, Recurrent nets that time and count, 2000)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqgen.cells.base import Gates, Kernels, LibraryFunction, Recurrent
from seqgen.cells.lstm import LSTM, LSTMState, lstm_gates
from seqgen.compiled import parallel_range
from seqgen.kernels import fourths, kernel, narrowed, sigmoid, tanh, thirds, widened


class PeepholeLSTM(LSTM):
    r"""One layer of LSTM units with diagonal peepholes `p` to the input, forget and output gates.

    The output gate depends on the new cell state, the other two on the previous one.

    .. math::
        i &= \sigma(W_i x_t + b_i + U_i h_{t-1} + p_i \odot c_{t-1}) \\
        f &= \sigma(W_f x_t + b_f + U_f h_{t-1} + p_f \odot c_{t-1}) \\
        g &= \tanh(W_g x_t + b_g + U_g h_{t-1}) \\
        c_t &= f \odot c_{t-1} + i \odot g \\
        o &= \sigma(W_o x_t + b_o + U_o h_{t-1} + p_o \odot c_t) \\
        h_t &= o \odot \tanh(c_t)

    Attributes:
        peepholes: the weights to the input, forget and output gates, shape (3, hidden_size).
    """

    library: ClassVar[LibraryFunction | None] = None

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__(input_size, hidden_size, projection_size)
        self.peepholes = nn.Parameter(torch.empty(3, hidden_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise like an LSTM, with peepholes of zero."""
        super().initialise(generator, kind)
        self.peepholes.zero_()

    def step(  # type: ignore[override]  # a cell only receives its own states
        self, inputs: Tensor, state: LSTMState, recurrent: Recurrent
    ) -> tuple[LSTMState, Gates]:
        """Return the next state and the gates."""
        input_gate, forget_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(4, dim=-1)
        to_input, to_forget, to_output = self.peepholes
        input_gate = (input_gate + to_input * state.cell).sigmoid()
        forget_gate = (forget_gate + to_forget * state.cell).sigmoid()
        candidate = candidate.tanh()
        cell = forget_gate * state.cell + input_gate * candidate
        output_gate = (output_gate + to_output * cell).sigmoid()
        return LSTMState(output_gate * cell.tanh(), cell), lstm_gates(input_gate, forget_gate, candidate, output_gate)

    def vectors(self) -> Tensor:
        """Return the biases and the peepholes."""
        return torch.cat((super().vectors(), self.peepholes))


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_i, x_f, x_g, x_o = fourths(gates[step, b])
        u_i, u_f, u_g, u_o = fourths(product[b])
        before, after, h = memory[step, b], memory[step + 1, b], hidden[step + 1, b]
        b_i, b_f, b_g, b_o = fourths(vectors[: 4 * h.size])
        p_i, p_f, p_o = thirds(vectors[4 * h.size :])
        for j in range(h.size):
            i = sigmoid(widened(x_i[j]) + widened(u_i[j]) + b_i[j] + p_i[j] * before[j])
            f = sigmoid(widened(x_f[j]) + widened(u_f[j]) + b_f[j] + p_f[j] * before[j])
            g = tanh(widened(x_g[j]) + widened(u_g[j]) + b_g[j])
            c = f * before[j] + i * g
            o = sigmoid(widened(x_o[j]) + widened(u_o[j]) + b_o[j] + p_o[j] * c)
            after[j] = c
            h[j] = narrowed(o * tanh(c), h[j])
            x_i[j], x_f[j] = narrowed(i, h[j]), narrowed(f, h[j])
            x_g[j], x_o[j] = narrowed(g, h[j]), narrowed(o, h[j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_others: Any
) -> None:
    for b in parallel_range(gates.shape[1]):
        x_i, x_f, x_g, x_o = fourths(gates[step, b])
        before, after, above, back, carry = memory[step, b], memory[step + 1, b], d_output[b], product[b], d_memory[b]
        p_i, p_f, p_o = thirds(vectors[4 * before.size :])
        d_p_i, d_p_f, d_p_o = thirds(d_others[b])
        for j in range(before.size):
            i, f, g, o = widened(x_i[j]), widened(x_f[j]), widened(x_g[j]), widened(x_o[j])
            squashed = tanh(after[j])
            d_h = widened(above[j]) + widened(back[j])
            d_o = d_h * squashed * o * (np.float32(1) - o)
            d_c = carry[j] + d_h * o * (np.float32(1) - squashed * squashed) + d_o * p_o[j]
            d_i = d_c * g * i * (np.float32(1) - i)
            d_f = d_c * before[j] * f * (np.float32(1) - f)
            carry[j] = d_c * f + d_i * p_i[j] + d_f * p_f[j]
            d_p_i[j] += d_i * before[j]
            d_p_f[j] += d_f * before[j]
            d_p_o[j] += d_o * after[j]
            x_i[j], x_f[j] = narrowed(d_i, x_i[j]), narrowed(d_f, x_i[j])
            x_g[j] = narrowed(d_c * i * (np.float32(1) - g * g), x_i[j])
            x_o[j] = narrowed(d_o, x_i[j])


PeepholeLSTM.kernels = Kernels(_forward, _backward, slots=4)
