"""Long short-term memory with forget gates (Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Cell, Gates, Kernels, LibraryFunction, Recurrent, State
from seqgen.compiled import parallel_range
from seqgen.kernels import fourths, kernel, narrowed, sigmoid, tanh, widened

FORGET_BIAS = 1.0  # so that units remember at first (Jozefowicz, Zaremba & Sutskever, An empirical exploration, 2015)


@dataclass(frozen=True)
class LSTMState(State):
    """The state of an LSTM.

    Attributes:
        cell: the cell state, shape (batch, hidden_size).
    """

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
    takes_projection: ClassVar[bool] = True
    library: ClassVar[LibraryFunction | None] = LibraryFunction(torch.lstm, has_cpu=True)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise like the base class, with a forget bias of 1."""
        super().initialise(generator, kind)
        self.bias.chunk(4)[1].fill_(FORGET_BIAS)

    def initial_state(self, batch_size: int) -> LSTMState:
        """Return zeros."""
        return LSTMState(self._zeros(batch_size, self.output_size), self._zeros(batch_size, self.hidden_size))

    def step(  # type: ignore[override]  # a cell only receives its own states
        self, inputs: Tensor, state: LSTMState, recurrent: Recurrent
    ) -> tuple[LSTMState, Gates]:
        """Return the next state and the gates."""
        input_gate, forget_gate, candidate, output_gate = (inputs + recurrent(state.hidden)).chunk(4, dim=-1)
        input_gate, forget_gate, output_gate = input_gate.sigmoid(), forget_gate.sigmoid(), output_gate.sigmoid()
        candidate = candidate.tanh()
        cell = forget_gate * state.cell + input_gate * candidate
        return LSTMState(output_gate * cell.tanh(), cell), lstm_gates(input_gate, forget_gate, candidate, output_gate)

    def memory(self, state: LSTMState) -> Tensor:  # type: ignore[override]  # a cell only receives its own states
        """Return the cell state."""
        return state.cell

    def state_of(self, hidden: Tensor, memory: Tensor) -> LSTMState:
        """Return the state of both in float32."""
        return LSTMState(hidden.to(memory), memory)


def lstm_gates(input_gate: Tensor, forget_gate: Tensor, candidate: Tensor, output_gate: Tensor) -> Gates:
    """Return the gates of an LSTM by name."""
    return {"input_gate": input_gate, "forget_gate": forget_gate, "candidate": candidate, "output_gate": output_gate}


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x_i, x_f, x_g, x_o = fourths(gates[step, b])
        u_i, u_f, u_g, u_o = fourths(product[b])
        b_i, b_f, b_g, b_o = fourths(vectors)
        before, after, h = memory[step, b], memory[step + 1, b], hidden[step + 1, b]
        for j in range(h.size):
            i = sigmoid(widened(x_i[j]) + widened(u_i[j]) + b_i[j])
            f = sigmoid(widened(x_f[j]) + widened(u_f[j]) + b_f[j])
            g = tanh(widened(x_g[j]) + widened(u_g[j]) + b_g[j])
            o = sigmoid(widened(x_o[j]) + widened(u_o[j]) + b_o[j])
            c = f * before[j] + i * g
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
        for j in range(before.size):
            i, f, g, o = widened(x_i[j]), widened(x_f[j]), widened(x_g[j]), widened(x_o[j])
            squashed = tanh(after[j])
            d_h = widened(above[j]) + widened(back[j])
            d_c = carry[j] + d_h * o * (np.float32(1) - squashed * squashed)
            carry[j] = d_c * f
            x_i[j] = narrowed(d_c * g * i * (np.float32(1) - i), x_i[j])
            x_f[j] = narrowed(d_c * before[j] * f * (np.float32(1) - f), x_i[j])
            x_g[j] = narrowed(d_c * i * (np.float32(1) - g * g), x_i[j])
            x_o[j] = narrowed(d_h * squashed * o * (np.float32(1) - o), x_i[j])


LSTM.kernels = Kernels(_forward, _backward, slots=4)
