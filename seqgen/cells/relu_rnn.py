"""The recurrent network of rectified units (Le, Jaitly & Hinton, A simple way to initialize ..., 2015)."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqgen.cells._kernels import kernel, narrowed, streams, widened
from seqgen.cells.base import Kernels, Recurrent, Weights, library_weights
from seqgen.cells.rnn import RNN, RNNState


@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in streams(gates.shape[1]):
        for j in range(gates.shape[3]):
            h = widened(gates[step, b, 0, j]) + widened(product[b, 0, j]) + vectors[0, j]
            h = np.float32(0) if h < np.float32(0) else h  # in this order, NaN stays NaN
            memory[step + 1, b, j] = h
            hidden[step + 1, b, j] = narrowed(h, hidden[step, b, j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_vectors: Any
) -> None:
    for b in streams(gates.shape[1]):
        for j in range(gates.shape[3]):
            d_hidden = widened(d_output[b, j]) + widened(product[b, j]) + d_memory[b, j]
            d_hidden = d_hidden if memory[step + 1, b, j] > np.float32(0) else np.float32(0)
            gates[step, b, 0, j] = narrowed(d_hidden, gates[step, b, 0, j])
            d_memory[b, j] = np.float32(0)


class ReluRNN(RNN):
    r"""One layer of rectified units.

    .. math:: h_t = \max(0, W x_t + b + U h_{t-1})
    """

    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=1)

    def step(self, inputs: Tensor, state: RNNState, recurrent: Recurrent) -> RNNState:
        """Return the next state by the equation."""
        return RNNState(torch.relu(inputs + recurrent(state.hidden)))

    def fused(
        self, inputs: Tensor, state: RNNState, weights: Weights, dtype: torch.dtype
    ) -> tuple[Tensor, RNNState] | None:
        """Run all steps through cuDNN."""
        if not inputs.is_cuda:
            return None
        flat = library_weights(weights, self.bias, torch.zeros_like(self.bias), inputs, dtype)
        initial = state.hidden.to(dtype)[None]
        outputs, hidden = torch.rnn_relu(inputs.to(dtype), initial, flat, True, 1, 0.0, self.training, False, False)
        return outputs, RNNState(hidden[0].to(self.bias))
