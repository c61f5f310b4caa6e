"""Long short-term memory with forget gates (Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000)."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqgen.cells._kernels import kernel, narrowed, sigmoid, streams, tanh, widened
from seqgen.cells.base import Cell, Kernels, Recurrent, Weights, library_weights

FORGET_BIAS = 1.0  # remember by default (Jozefowicz, Zaremba & Sutskever, An empirical exploration, 2015)


class LSTMState(NamedTuple):
    """The state of an LSTM: hidden of shape (batch, output_size), cell of shape (batch, hidden_size)."""

    hidden: Tensor
    cell: Tensor


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in streams(gates.shape[1]):
        gate, back, cell_before, cell_after = gates[step, b], product[b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            i = sigmoid(widened(gate[0, j]) + widened(back[0, j]) + vectors[0, j])
            f = sigmoid(widened(gate[1, j]) + widened(back[1, j]) + vectors[1, j])
            g = tanh(widened(gate[2, j]) + widened(back[2, j]) + vectors[2, j])
            o = sigmoid(widened(gate[3, j]) + widened(back[3, j]) + vectors[3, j])
            c = f * cell_before[j] + i * g
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
            squashed = tanh(cell_after[j])
            d_hidden = widened(d_output[b, j]) + widened(product[b, j])
            d_cell = d_memory[b, j] + d_hidden * o * (np.float32(1) - squashed * squashed)
            gate[0, j] = narrowed(d_cell * g * i * (np.float32(1) - i), gate[0, j])
            gate[1, j] = narrowed(d_cell * cell_before[j] * f * (np.float32(1) - f), gate[1, j])
            gate[2, j] = narrowed(d_cell * i * (np.float32(1) - g * g), gate[2, j])
            gate[3, j] = narrowed(d_hidden * squashed * o * (np.float32(1) - o), gate[3, j])
            d_memory[b, j] = d_cell * f


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
    takes_projection: ClassVar[bool] = True
    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=4)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise as every cell, with a forget bias of 1."""
        super().initialise(generator, kind)
        self.bias.chunk(4)[1].fill_(FORGET_BIAS)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return zeros."""
        return LSTMState(self._zeros(batch_size, self.output_size), self._zeros(batch_size))

    def step(self, inputs: Tensor, state: LSTMState, recurrent: Recurrent) -> LSTMState:
        """Return the next state by the equations."""
        input_gate, forget_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(4, dim=-1)
        cell = forget_gate.sigmoid() * state.cell + input_gate.sigmoid() * candidate.tanh()
        return LSTMState(output_gate.sigmoid() * cell.tanh(), cell)

    def fused(
        self, inputs: Tensor, state: LSTMState, weights: Weights, dtype: torch.dtype
    ) -> tuple[Tensor, LSTMState] | None:
        """Run all steps through cuDNN, or through oneDNN, which has no projection."""
        if weights.projection is not None and not inputs.is_cuda:
            return None
        flat = library_weights(weights, self.bias, torch.zeros_like(self.bias), inputs, dtype)
        initial = [part.to(dtype)[None] for part in state]
        outputs, hidden, cell = torch.lstm(inputs.to(dtype), initial, flat, True, 1, 0.0, self.training, False, False)
        return outputs, LSTMState(hidden[0].to(self.bias), cell[0].to(self.bias))

    def memory(self, state: LSTMState) -> Tensor:
        """Return the cell state."""
        return state.cell

    def state_of(self, hidden: Tensor, memory: Tensor) -> LSTMState:
        """Return both in float32."""
        return LSTMState(hidden.to(memory), memory)
