"""LSTM with one gate to remember and to write (Greff et al., LSTM: a search space odyssey, 2017: CIFG)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells._kernels import kernel, narrowed, sigmoid, streams, tanh, widened
from seqgen.cells.base import Cell, Kernels, Recurrent
from seqgen.cells.lstm import FORGET_BIAS, LSTM, LSTMState


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in streams(gates.shape[1]):
        gate, back, cell_before, cell_after = gates[step, b], product[b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            i = sigmoid(widened(gate[0, j]) + widened(back[0, j]) + vectors[0, j])
            g = tanh(widened(gate[1, j]) + widened(back[1, j]) + vectors[1, j])
            o = sigmoid(widened(gate[2, j]) + widened(back[2, j]) + vectors[2, j])
            c = cell_before[j] + i * (g - cell_before[j])
            cell_after[j] = c
            hidden[step + 1, b, j] = narrowed(o * tanh(c), hidden[step, b, j])
            gate[0, j] = narrowed(i, gate[0, j])
            gate[1, j] = narrowed(g, gate[1, j])
            gate[2, j] = narrowed(o, gate[2, j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_vectors: Any
) -> None:
    for b in streams(gates.shape[1]):
        gate, cell_before, cell_after = gates[step, b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            i, g, o = widened(gate[0, j]), widened(gate[1, j]), widened(gate[2, j])
            squashed = tanh(cell_after[j])
            d_hidden = widened(d_output[b, j]) + widened(product[b, j])
            d_cell = d_memory[b, j] + d_hidden * o * (np.float32(1) - squashed * squashed)
            gate[0, j] = narrowed(d_cell * (g - cell_before[j]) * i * (np.float32(1) - i), gate[0, j])
            gate[1, j] = narrowed(d_cell * i * (np.float32(1) - g * g), gate[1, j])
            gate[2, j] = narrowed(d_hidden * squashed * o * (np.float32(1) - o), gate[2, j])
            d_memory[b, j] = d_cell * (np.float32(1) - i)


class CoupledLSTM(LSTM):
    r"""One layer of LSTM units that forget as much as they write, gates in the order input, candidate, output.

    .. math::
        i &= \sigma(W_i x_t + b_i + U_i h_{t-1}) \\
        g &= \tanh(W_g x_t + b_g + U_g h_{t-1}) \\
        o &= \sigma(W_o x_t + b_o + U_o h_{t-1}) \\
        c_t &= (1 - i) \odot c_{t-1} + i \odot g \\
        h_t &= o \odot \tanh(c_t)
    """

    num_gates: ClassVar[int] = 3
    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=3)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise as every cell, with an input bias that forgets as little as an LSTM does."""
        Cell.initialise(self, generator, kind)
        self.bias.chunk(3)[0].fill_(-FORGET_BIAS)

    def step(self, inputs: Tensor, state: LSTMState, recurrent: Recurrent) -> LSTMState:
        """Return the next state by the equations."""
        input_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(3, dim=-1)
        input_gate = input_gate.sigmoid()
        cell = (1 - input_gate) * state.cell + input_gate * candidate.tanh()
        return LSTMState(output_gate.sigmoid() * cell.tanh(), cell)

    def fused(self, *_: object) -> None:
        """Return None: no library has it."""
