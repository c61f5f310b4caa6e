"""LSTM whose gates see the cell state (Gers & Schmidhuber, Recurrent nets that time and count, 2000)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from seqgen.cells._kernels import kernel, narrowed, sigmoid, streams, tanh, widened
from seqgen.cells.base import Kernels, Recurrent
from seqgen.cells.lstm import LSTM, LSTMState


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in streams(gates.shape[1]):
        gate, back, cell_before, cell_after = gates[step, b], product[b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            before = cell_before[j]
            i = sigmoid(widened(gate[0, j]) + widened(back[0, j]) + vectors[0, j] + vectors[4, j] * before)
            f = sigmoid(widened(gate[1, j]) + widened(back[1, j]) + vectors[1, j] + vectors[5, j] * before)
            g = tanh(widened(gate[2, j]) + widened(back[2, j]) + vectors[2, j])
            c = f * before + i * g
            o = sigmoid(widened(gate[3, j]) + widened(back[3, j]) + vectors[3, j] + vectors[6, j] * c)
            cell_after[j] = c
            hidden[step + 1, b, j] = narrowed(o * tanh(c), hidden[step, b, j])
            gate[0, j] = narrowed(i, gate[0, j])
            gate[1, j] = narrowed(f, gate[1, j])
            gate[2, j] = narrowed(g, gate[2, j])
            gate[3, j] = narrowed(o, gate[3, j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_vectors: Any
) -> None:
    for b in streams(gates.shape[1]):
        gate, cell_before, cell_after = gates[step, b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            i, f, g, o = widened(gate[0, j]), widened(gate[1, j]), widened(gate[2, j]), widened(gate[3, j])
            before, after = cell_before[j], cell_after[j]
            squashed = tanh(after)
            d_hidden = widened(d_output[b, j]) + widened(product[b, j])
            d_o = d_hidden * squashed * o * (np.float32(1) - o)
            d_cell = d_memory[b, j] + d_hidden * o * (np.float32(1) - squashed * squashed) + d_o * vectors[6, j]
            d_i = d_cell * g * i * (np.float32(1) - i)
            d_f = d_cell * before * f * (np.float32(1) - f)
            d_memory[b, j] = d_cell * f + d_i * vectors[4, j] + d_f * vectors[5, j]
            d_vectors[b, 0, j] += d_i * before
            d_vectors[b, 1, j] += d_f * before
            d_vectors[b, 2, j] += d_o * after
            gate[0, j] = narrowed(d_i, gate[0, j])
            gate[1, j] = narrowed(d_f, gate[1, j])
            gate[2, j] = narrowed(d_cell * i * (np.float32(1) - g * g), gate[2, j])
            gate[3, j] = narrowed(d_o, gate[3, j])


class PeepholeLSTM(LSTM):
    r"""One layer of LSTM units with diagonal peepholes `p` to the input, forget and output gates.

    The output gate sees the new cell state, the other two the one before.

    .. math::
        i &= \sigma(W_i x_t + b_i + U_i h_{t-1} + p_i \odot c_{t-1}) \\
        f &= \sigma(W_f x_t + b_f + U_f h_{t-1} + p_f \odot c_{t-1}) \\
        g &= \tanh(W_g x_t + b_g + U_g h_{t-1}) \\
        c_t &= f \odot c_{t-1} + i \odot g \\
        o &= \sigma(W_o x_t + b_o + U_o h_{t-1} + p_o \odot c_t) \\
        h_t &= o \odot \tanh(c_t)

    Attributes:
        peepholes: to the input, forget and output gate, shape (3, hidden_size).
    """

    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=4)

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__(input_size, hidden_size, projection_size)
        self.peepholes = nn.Parameter(torch.empty(3, hidden_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise as an LSTM, with closed peepholes: it begins as a plain one."""
        super().initialise(generator, kind)
        self.peepholes.zero_()

    def step(self, inputs: Tensor, state: LSTMState, recurrent: Recurrent) -> LSTMState:
        """Return the next state by the equations."""
        input_gate, forget_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(4, dim=-1)
        to_input, to_forget, to_output = self.peepholes
        input_gate = (input_gate + to_input * state.cell).sigmoid()
        forget_gate = (forget_gate + to_forget * state.cell).sigmoid()
        cell = forget_gate * state.cell + input_gate * candidate.tanh()
        return LSTMState((output_gate + to_output * cell).sigmoid() * cell.tanh(), cell)

    def fused(self, *_: object) -> None:
        """Return None: no library has it."""

    def vectors(self) -> Tensor:
        """Return the biases and the peepholes."""
        return torch.cat((super().vectors(), self.peepholes))
