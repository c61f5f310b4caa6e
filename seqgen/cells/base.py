"""The base class of all cells: weights, initial state and one time step."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from seqgen.errors import UsageError

Recurrent = Callable[[Tensor], Tensor]
Gates = dict[str, Tensor]  # the activations of the gates and of the candidate by name, shape (batch, hidden_size)

SMALL = 0.08  # bound of small initial weights (Sutskever, Vinyals & Le, Sequence to sequence learning, 2014)


@dataclass(frozen=True)
class State:
    """The recurrent state of one layer: tensors of shape (batch, ...).

    Attributes:
        hidden: the layer's output, shape (batch, output_size).
    """

    hidden: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return dict(vars(self))

    def map(self, function: Callable[..., Tensor], *others: Self) -> Self:
        """Apply a function to the corresponding tensors of all states, and return the state of the results."""
        each = zip(*(state.tensors.values() for state in (self, *others)), strict=True)
        return type(self)(*(function(*tensors) for tensors in each))


class Weights(NamedTuple):
    """The matrices of a time loop: the cell's own, or these after dropout or folding.

    Attributes:
        input: shape (num_gates * hidden_size, input_size).
        recurrent: shape (num_gates * hidden_size, output_size).
        projection: shape (output_size, hidden_size); None if the cell has none.
    """

    input: Tensor
    recurrent: Tensor
    projection: Tensor | None


class ResetKernels(NamedTuple):
    """Compiled functions for a second recurrent product within each step, that of a candidate with a reset state.

    The first product is that of all rows of `recurrent_weight` except those of the candidate, which are the last ones.

    Attributes:
        forward: takes step, gates, product (the first one), vectors and memory; writes the gates, and the input of the
            second product to the last slot.
        backward: runs after `Kernels.backward`; takes step, gates, memory, the gradient of the second product's input
            (`product`) and that of memory (`d_memory`), to which it adds; writes the gradients that flow through the
            second product.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]


class Kernels(NamedTuple):
    """Compiled functions that compute a cell's step and its gradient for all streams.

    Both work in place on `gates`, shape (time, streams, slots * hidden_size). It holds `input @ x` of each step at
    first, the values that the backward kernel needs after the forward kernel, and the gradients after the backward
    kernel. `memory` is the state that passes from step to step in float32: the cell state, or the hidden state of a
    cell without one.

    Attributes:
        forward: takes step, gates, product (the recurrent product of this step), vectors, memory and hidden, the last
            two of shape (time + 1, streams, hidden_size), and writes gates, memory and hidden.
        backward: takes step, gates, vectors, memory, the gradients of the step's output from above (`d_output`) and
            from the next step (`product`), the gradient of memory (`d_memory`, replaced by that of the previous step)
            and the gradient of the vectors other than the biases, shape (streams, others * hidden_size), to which it
            adds.
        slots: the number of stored values per unit and step.
        recurrent_slots: the first slot whose gradients flow through `recurrent`; those of `input` begin at 0.
        reset: the kernels between two recurrent products of a step; the product that `forward` takes is then that of
            the candidate, whose slot is the last but one.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    slots: int
    recurrent_slots: int = 0
    reset: ResetKernels | None = None


class LibraryFunction(NamedTuple):
    """A torch function that runs a cell over all steps, with cuDNN on a GPU and oneDNN on a CPU.

    Attributes:
        function: `torch.lstm` or a function with the same parameters.
        has_cpu: whether a CPU uses it where the compiled kernels are slower.
    """

    function: Callable[..., tuple[Tensor, ...]]
    has_cpu: bool


@torch.no_grad()
def draw_uniform(weight: Tensor, generator: torch.Generator) -> None:
    """Draw a weight of shape (outputs, inputs) uniformly within +-1/sqrt(inputs)."""
    bound = weight.shape[1] ** -0.5
    weight.uniform_(-bound, bound, generator=generator)


class Cell(nn.Module, ABC):
    """The equations of one recurrent layer.

    The time loop computes `input_weight @ x + bias` of all steps in one product and passes each step its part. It also
    provides the product with `recurrent_weight`, in the precision of the run. If there is a projection (Sak, Senior &
    Beaufays, Long short-term memory based recurrent neural network architectures, 2014), the time loop replaces the
    hidden state of each step by `projection @ hidden`.

    Args:
        input_size: the number of features of the layer below.
        hidden_size: the number of units.
        projection_size: the number of features to which the hidden state is projected; None for no projection.

    Attributes:
        output_size: the number of features of the layer's output.
        input_weight: shape (num_gates * hidden_size, input_size).
        recurrent_weight: shape (num_gates * hidden_size, output_size).
        bias: shape (num_gates * hidden_size,).
        projection: shape (projection_size, hidden_size), or None.
    """

    num_gates: ClassVar[int]
    takes_projection: ClassVar[bool] = False
    library: ClassVar[LibraryFunction | None] = None
    kernels: ClassVar[Kernels | None] = None

    def __init__(self, input_size: int, hidden_size: int, projection_size: int | None = None) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.output_size = projection_size or hidden_size
        rows = self.num_gates * hidden_size
        self.input_weight = nn.Parameter(torch.empty(rows, input_size))
        self.recurrent_weight = nn.Parameter(torch.empty(rows, self.output_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.projection = nn.Parameter(torch.empty(projection_size, hidden_size)) if projection_size else None

    @classmethod
    def check_projection(cls, name: str, projection_size: int | None) -> None:
        """Check that the cell supports a projection if one is requested.

        Raises:
            UsageError: it does not.
        """
        if projection_size is not None and not cls.takes_projection:
            raise UsageError(
                f"--projection-size is only for LSTM cells, not for --cell {name}; omit it, or use --cell lstm"
            )

    @property
    def weights(self) -> Weights:
        """The cell's own matrices."""
        return Weights(self.input_weight, self.recurrent_weight, self.projection)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, kind: str = "orthogonal") -> None:
        """Draw the initial weights.

        Args:
            generator: the source of randomness.
            kind: `orthogonal`: input weights uniform within +-1/sqrt(input_size), recurrent weights orthogonal for each
                gate; `small`: all weights uniform within +-0.08.
        """
        self.bias.zero_()
        matrices = [weight for weight in self.weights if weight is not None]
        if kind == "small":
            for matrix in matrices:
                matrix.uniform_(-SMALL, SMALL, generator=generator)
            return
        draw_uniform(self.input_weight, generator)
        for gate in self.recurrent_weight.chunk(self.num_gates):
            nn.init.orthogonal_(gate, generator=generator)
        if self.projection is not None:
            nn.init.orthogonal_(self.projection, generator=generator)

    def initial_state(self, batch_size: int) -> State:
        """Return the state at the beginning of documents: zeros."""
        return State(self._zeros(batch_size, self.output_size))

    @abstractmethod
    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> tuple[State, Gates]:
        """Return the next state, and the gates from which it is computed.

        Args:
            inputs: this step's `input_weight @ x + bias`, shape (batch, num_gates * hidden_size).
            state: the previous state.
            recurrent: multiplies a tensor of shape (batch, output_size) by `recurrent_weight`.
        """

    @property
    def recurrent_bias(self) -> Tensor:
        """The bias that is added to the recurrent product, shape (num_gates * hidden_size,)."""
        return torch.zeros_like(self.bias)

    def input_slots(self, input_weight: Tensor) -> Tensor:
        """Return the rows of `input_weight` in the order of the kernels' slots, shape (rows, input_size)."""
        return input_weight

    def vectors(self) -> Tensor:
        """Return the vectors that the kernels need: the biases in the order of their slots, then any others.

        Returns:
            Shape (slots + others, hidden_size).
        """
        return self.bias.view(-1, self.hidden_size)

    def memory(self, state: State) -> Tensor:
        """Return the state that the kernels pass from step to step in float32, shape (batch, hidden_size)."""
        return state.hidden

    def state_of(self, hidden: Tensor, memory: Tensor) -> State:
        """Return the float32 state of the values that the kernels wrote; the inverse of `memory`."""
        del hidden
        return State(memory)

    def _zeros(self, batch_size: int, size: int) -> Tensor:
        return self.bias.new_zeros(batch_size, size)
