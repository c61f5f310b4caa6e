"""LSTM with coupled input and forget gates (CIFG in Greff et al., LSTM: a search space odyssey, 2017)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Cell, Gates, Kernels, LibraryFunction, Recurrent
from seqgen.cells.lstm import FORGET_BIAS, LSTM, LSTMState, lstm_gates
from seqgen.compiled import parallel_range
from seqgen.kernels import kernel, narrowed, sigmoid, tanh, thirds, widened


class CoupledLSTM(LSTM):
    r"""One layer of LSTM units whose forget gate is 1 - input gate; gates in the order input, candidate, output.

    .. math::
        i &= \sigma(W_i x_t + b_i + U_i h_{t-1}) \\
        g &= \tanh(W_g x_t + b_g + U_g h_{t-1}) \\
        o &= \sigma(W_o x_t + b_o + U_o h_{t-1}) \\
        c_t &= (1 - i) \odot c_{t-1} + i \odot g \\
        h_t &= o \odot \tanh(c_t)
    """

    num_gates: ClassVar[int] = 3
    library: ClassVar[LibraryFunction | None] = None

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise like the base class, with an input bias that gives the initial forget gate of an LSTM."""
        Cell.initialise(self, generator, kind)
        self.bias.chunk(3)[0].fill_(-FORGET_BIAS)

    def step(  # type: ignore[override]  # a cell only receives its own states
        self, inputs: Tensor, state: LSTMState, recurrent: Recurrent
    ) -> tuple[LSTMState, Gates]:
        """Return the next state and the gates."""
        input_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(3, dim=-1)
        input_gate, candidate, output_gate = input_gate.sigmoid(), candidate.tanh(), output_gate.sigmoid()
        forget_gate = 1 - input_gate
        cell = forget_gate * state.cell + input_gate * candidate
        return LSTMState(output_gate * cell.tanh(), cell), lstm_gates(input_gate, forget_gate, candidate, output_gate)


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_i, x_g, x_o = thirds(gates[step, b])
        u_i, u_g, u_o = thirds(product[b])
        b_i, b_g, b_o = thirds(vectors)
        before, after, h = memory[step, b], memory[step + 1, b], hidden[step + 1, b]
        for j in range(h.size):
            i = sigmoid(widened(x_i[j]) + widened(u_i[j]) + b_i[j])
            g = tanh(widened(x_g[j]) + widened(u_g[j]) + b_g[j])
            o = sigmoid(widened(x_o[j]) + widened(u_o[j]) + b_o[j])
            c = before[j] + i * (g - before[j])
            after[j] = c
            h[j] = narrowed(o * tanh(c), h[j])
            x_i[j], x_g[j], x_o[j] = narrowed(i, h[j]), narrowed(g, h[j]), narrowed(o, h[j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_others: Any
) -> None:
    for b in parallel_range(gates.shape[1]):
        x_i, x_g, x_o = thirds(gates[step, b])
        before, after, above, back, carry = memory[step, b], memory[step + 1, b], d_output[b], product[b], d_memory[b]
        for j in range(before.size):
            i, g, o = widened(x_i[j]), widened(x_g[j]), widened(x_o[j])
            squashed = tanh(after[j])
            d_h = widened(above[j]) + widened(back[j])
            d_c = carry[j] + d_h * o * (np.float32(1) - squashed * squashed)
            carry[j] = d_c * (np.float32(1) - i)
            x_i[j] = narrowed(d_c * (g - before[j]) * i * (np.float32(1) - i), x_i[j])
            x_g[j] = narrowed(d_c * i * (np.float32(1) - g * g), x_i[j])
            x_o[j] = narrowed(d_h * squashed * o * (np.float32(1) - o), x_i[j])


CoupledLSTM.kernels = Kernels(_forward, _backward, slots=3)
