"""The conventional recurrent network (Elman, Finding structure in time, 1990)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Cell, Gates, Kernels, LibraryFunction, Recurrent, State
from seqgen.compiled import parallel_range
from seqgen.kernels import kernel, narrowed, tanh, widened


class RNN(Cell):
    r"""One layer of tanh units.

    .. math:: h_t = \tanh(W x_t + b + U h_{t-1})
    """

    num_gates: ClassVar[int] = 1
    library: ClassVar[LibraryFunction | None] = LibraryFunction(torch.rnn_tanh, has_cpu=False)

    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> tuple[State, Gates]:
        """Return the next state and the gates."""
        return State(torch.tanh(inputs + recurrent(state.hidden))), {}


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x, back, h = gates[step, b], product[b], hidden[step + 1, b]
        after = memory[step + 1, b]
        for j in range(h.size):
            after[j] = tanh(widened(x[j]) + widened(back[j]) + vectors[j])
            h[j] = narrowed(after[j], h[j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_others: Any
) -> None:
    for b in parallel_range(gates.shape[1]):
        x, h, above, back, carry = gates[step, b], memory[step + 1, b], d_output[b], product[b], d_memory[b]
        for j in range(h.size):
            d_h = widened(above[j]) + widened(back[j]) + carry[j]
            carry[j] = np.float32(0)
            x[j] = narrowed(d_h * (np.float32(1) - h[j] * h[j]), x[j])


RNN.kernels = Kernels(_forward, _backward, slots=1)
