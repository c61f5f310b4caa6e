"""What every cell is: its weights, its state at the beginning, and one step in time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

State = Any  # a NamedTuple of tensors of shape (batch, features), with a field `hidden`; each cell has its own
Recurrent = Callable[[Tensor], Tensor]


class Cell(nn.Module, ABC):
    """The equations of one recurrent layer.

    The time loop computes `input_weight @ x + bias` for all steps in one product and hands each step its share; it
    also hands in the product with `recurrent_weight`, in the precision of the run.

    Args:
        input_size: features of the layer below.
        hidden_size: units of this layer.

    Attributes:
        input_weight: shape (num_gates * hidden_size, input_size).
        recurrent_weight: shape (num_gates * hidden_size, hidden_size).
        bias: shape (num_gates * hidden_size,).
    """

    num_gates: ClassVar[int]

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        rows = self.num_gates * hidden_size
        self.input_weight = nn.Parameter(torch.empty(rows, input_size))
        self.recurrent_weight = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draw input weights uniformly within +-1/sqrt(input_size), recurrent ones orthogonal, gate by gate."""
        bound = self.input_weight.shape[1] ** -0.5
        self.input_weight.uniform_(-bound, bound, generator=generator)
        for gate in self.recurrent_weight.chunk(self.num_gates):
            nn.init.orthogonal_(gate, generator=generator)
        self.bias.zero_()

    @abstractmethod
    def initial_state(self, batch_size: int) -> State:
        """Return the state at the beginning of a document: zeros."""

    @abstractmethod
    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> State:
        """Return the next state.

        Args:
            inputs: this step's `input_weight @ x + bias`, shape (batch, num_gates * hidden_size).
            state: the state before.
            recurrent: multiplies a tensor of shape (batch, hidden_size) with `recurrent_weight`.
        """

    def fused(self, inputs: Tensor, state: State, dtype: torch.dtype) -> tuple[Tensor, State] | None:
        """Run all steps through the library's own kernel, where it has one for this cell.

        Args:
            inputs: the layer's inputs before any product, shape (time, batch, input_size).
            state: the state before the first step.
            dtype: the precision of the products.

        Returns:
            The hidden states, shape (time, batch, hidden_size), and the last state; None without such a kernel.
        """
        del inputs, state, dtype
        return None

    def _zeros(self, batch_size: int) -> Tensor:
        return self.bias.new_zeros(batch_size, self.hidden_size)

    def _library_weights(self, recurrent_bias: Tensor, dtype: torch.dtype) -> list[Tensor]:
        """Return the weights in the order that torch's recurrent kernels take them."""
        weights = (self.input_weight, self.recurrent_weight, self.bias, recurrent_bias)
        return [weight.to(dtype) for weight in weights]
