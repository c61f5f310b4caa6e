"""The conventional recurrent network (Elman, Finding structure in time, 1990)."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqgen.cells.base import Cell, Kernels, Recurrent, Weights, library_weights
from seqgen.compiled import parallel_range
from seqgen.kernels import kernel, narrowed, tanh, widened


class RNNState(NamedTuple):
    """The state of an RNN, shape (batch, hidden_size)."""

    hidden: Tensor


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


class RNN(Cell):
    r"""One layer of tanh units.

    .. math:: h_t = \tanh(W x_t + b + U h_{t-1})
    """

    num_gates: ClassVar[int] = 1
    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=1)

    def initial_state(self, batch_size: int) -> RNNState:
        """Return zeros."""
        return RNNState(self._zeros(batch_size))

    def step(self, inputs: Tensor, state: RNNState, recurrent: Recurrent) -> RNNState:
        """Return the next state by the equation."""
        return RNNState(torch.tanh(inputs + recurrent(state.hidden)))

    def fused(
        self, inputs: Tensor, state: RNNState, weights: Weights, dtype: torch.dtype
    ) -> tuple[Tensor, RNNState] | None:
        """Run all steps through cuDNN; on a CPU torch has nothing faster than the equations."""
        if not inputs.is_cuda:
            return None
        flat = library_weights(weights, self.bias, torch.zeros_like(self.bias), inputs, dtype)
        initial = state.hidden.to(dtype)[None]
        outputs, hidden = torch.rnn_tanh(inputs.to(dtype), initial, flat, True, 1, 0.0, self.training, False, False)
        return outputs, RNNState(hidden[0].to(self.bias))

    def state_of(self, hidden: Tensor, memory: Tensor) -> RNNState:  # noqa: ARG002
        """Return the state in float32."""
        return RNNState(memory)
