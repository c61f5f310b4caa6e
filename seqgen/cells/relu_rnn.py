"""The recurrent network of rectified linear units (Le, Jaitly & Hinton, A simple way to initialize ..., 2015)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Gates, Kernels, LibraryFunction, Recurrent, State
from seqgen.cells.rnn import RNN
from seqgen.compiled import parallel_range
from seqgen.kernels import kernel, narrowed, widened


class ReluRNN(RNN):
    r"""One layer of rectified linear units.

    .. math:: h_t = \max(0, W x_t + b + U h_{t-1})
    """

    library: ClassVar[LibraryFunction | None] = LibraryFunction(torch.rnn_relu, has_cpu=False)

    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> tuple[State, Gates]:
        """Return the next state and the gates."""
        return State(torch.relu(inputs + recurrent(state.hidden))), {}


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in parallel_range(gates.shape[1]):
        x, back, h = gates[step, b], product[b], hidden[step + 1, b]
        after = memory[step + 1, b]
        for j in range(h.size):
            a = widened(x[j]) + widened(back[j]) + vectors[j]
            after[j] = np.float32(0) if a < np.float32(0) else a  # in this order, NaN stays NaN
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
            x[j] = narrowed(d_h if h[j] > np.float32(0) else np.float32(0), x[j])


ReluRNN.kernels = Kernels(_forward, _backward, slots=1)
