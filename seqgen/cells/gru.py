"""Gated recurrent units (Cho et al., Learning phrase representations using RNN encoder-decoder, 2014)."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from seqgen.cells._kernels import kernel, narrowed, sigmoid, streams, tanh, widened
from seqgen.cells.base import Cell, Kernels, Recurrent, Weights, library_weights


class GRUState(NamedTuple):
    """The state of a GRU, shape (batch, hidden_size)."""

    hidden: Tensor


# Four slots: what comes in to candidate, reset and update, and what comes back to reset, update and candidate.
@kernel
def _forward(step: int, gates: Any, product: Any, vectors: Any, memory: Any, hidden: Any) -> None:
    for b in streams(gates.shape[1]):
        gate, back, before, after = gates[step, b], product[b], memory[step, b], memory[step + 1, b]
        for j in range(gates.shape[3]):
            r = sigmoid(widened(gate[1, j]) + widened(back[0, j]) + vectors[1, j])
            z = sigmoid(widened(gate[2, j]) + widened(back[1, j]) + vectors[2, j])
            inner = widened(back[2, j]) + vectors[3, j]
            n = tanh(widened(gate[0, j]) + vectors[0, j] + r * inner)
            h = n + z * (before[j] - n)
            after[j] = h
            hidden[step + 1, b, j] = narrowed(h, hidden[step, b, j])
            gate[0, j] = narrowed(n, gate[0, j])
            gate[1, j] = narrowed(r, gate[1, j])
            gate[2, j] = narrowed(z, gate[2, j])
            gate[3, j] = narrowed(inner, gate[3, j])


@kernel
def _backward(
    step: int, gates: Any, vectors: Any, memory: Any, d_output: Any, product: Any, d_memory: Any, d_vectors: Any
) -> None:
    for b in streams(gates.shape[1]):
        gate, before = gates[step, b], memory[step, b]
        for j in range(gates.shape[3]):
            n, r, z, inner = widened(gate[0, j]), widened(gate[1, j]), widened(gate[2, j]), widened(gate[3, j])
            d_hidden = widened(d_output[b, j]) + widened(product[b, j]) + d_memory[b, j]
            d_n = d_hidden * (np.float32(1) - z) * (np.float32(1) - n * n)
            d_memory[b, j] = d_hidden * z
            gate[0, j] = narrowed(d_n, gate[0, j])
            gate[1, j] = narrowed(d_n * inner * r * (np.float32(1) - r), gate[1, j])
            gate[2, j] = narrowed(d_hidden * (before[j] - n) * z * (np.float32(1) - z), gate[2, j])
            gate[3, j] = narrowed(d_n * r, gate[3, j])


class GRU(Cell):
    r"""One layer of gated recurrent units, gates in the order reset, update, candidate, as in `torch.nn.GRU`.

    The reset gate multiplies the recurrent product, not the state before it, which is why the candidate has a second
    bias inside.

    .. math::
        r &= \sigma(W_r x_t + b_r + U_r h_{t-1}) \\
        z &= \sigma(W_z x_t + b_z + U_z h_{t-1}) \\
        n &= \tanh(W_n x_t + b_n + r \odot (U_n h_{t-1} + b'_n)) \\
        h_t &= (1 - z) \odot n + z \odot h_{t-1}
    """

    num_gates: ClassVar[int] = 3
    kernels: ClassVar[Kernels] = Kernels(_forward, _backward, slots=4, recurrent_slots=1)

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__(input_size, hidden_size, projection_size)
        self.candidate_bias = nn.Parameter(torch.empty(hidden_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Initialise as every cell."""
        super().initialise(generator, kind)
        self.candidate_bias.zero_()

    def initial_state(self, batch_size: int) -> GRUState:
        """Return zeros."""
        return GRUState(self._zeros(batch_size))

    def step(self, inputs: Tensor, state: GRUState, recurrent: Recurrent) -> GRUState:
        """Return the next state by the equations."""
        reset_in, update_in, candidate_in = inputs.chunk(3, dim=-1)
        reset_back, update_back, candidate_back = recurrent(state.hidden).chunk(3, dim=-1)
        reset_gate = torch.sigmoid(reset_in + reset_back)
        update_gate = torch.sigmoid(update_in + update_back)
        candidate = torch.tanh(candidate_in + reset_gate * (candidate_back + self.candidate_bias))
        return GRUState((1 - update_gate) * candidate + update_gate * state.hidden)

    def fused(
        self, inputs: Tensor, state: GRUState, weights: Weights, dtype: torch.dtype
    ) -> tuple[Tensor, GRUState] | None:
        """Run all steps through cuDNN; on a CPU torch has nothing faster than the equations."""
        if not inputs.is_cuda:
            return None
        gates = self.bias.new_zeros(2 * self.hidden_size)
        flat = library_weights(weights, self.bias, torch.cat((gates, self.candidate_bias)), inputs, dtype)
        initial = state.hidden.to(dtype)[None]
        outputs, hidden = torch.gru(inputs.to(dtype), initial, flat, True, 1, 0.0, self.training, False, False)
        return outputs, GRUState(hidden[0].to(self.bias))

    def input_slots(self, input_weight: Tensor) -> Tensor:
        """Return the candidate's rows first."""
        return input_weight.roll(self.hidden_size, 0)

    def vectors(self) -> Tensor:
        """Return the biases, the candidate's first, and that of its recurrent product."""
        return torch.cat((self.bias.view(3, -1).roll(1, 0), self.candidate_bias[None]))

    def state_of(self, hidden: Tensor, memory: Tensor) -> GRUState:  # noqa: ARG002
        """Return the state in float32."""
        return GRUState(memory)
