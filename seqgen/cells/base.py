"""What every cell is: its weights, its state at the beginning, and one step in time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn

from seqgen.errors import UsageError

Recurrent = Callable[[Tensor], Tensor]

SMALL = 0.08  # bound of the small initial weights (Sutskever, Vinyals & Le, Sequence to sequence learning, 2014)


@dataclass(frozen=True)
class State:
    """What a layer passes from one step to the next: tensors of shape (batch, features).

    Attributes:
        hidden: the layer's output, shape (batch, output_size).
    """

    hidden: Tensor

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return dict(vars(self))

    def map(self, function: Callable[..., Tensor], *others: Self) -> Self:
        """Return the state of the results of a function, called with the tensors of one name in all states."""
        each = zip(*(state.tensors.values() for state in (self, *others)), strict=True)
        return type(self)(*(function(*tensors) for tensors in each))


class Weights(NamedTuple):
    """The matrices that a time loop multiplies with: the cell's own, or what dropout or folding made of them.

    Attributes:
        input: shape (num_gates * hidden_size, input_size).
        recurrent: shape (num_gates * hidden_size, output_size).
        projection: shape (output_size, hidden_size), where the cell has one.
    """

    input: Tensor
    recurrent: Tensor
    projection: Tensor | None


class Kernels(NamedTuple):
    """A cell's step and its gradient, each over all streams, as compiled functions.

    They work on `gates`, shape (time, streams, slots * hidden_size): at first each step's `input @ x`, after the
    forward kernel what the backward kernel needs to know, after the backward kernel the gradients. The state that
    passes from step to step in float32, `memory`, is the cell state, or the hidden state where there is no other.

    Attributes:
        forward: takes step, gates, product (the recurrent one of this step), vectors, memory and hidden, the last
            two of shape (time + 1, streams, hidden_size), and writes gates, memory and hidden.
        backward: takes step, gates, vectors, memory, the gradients of the step's output from above (`d_output`) and
            from the next step (`product`), of memory (`d_memory`, which it makes that of the step before) and of the
            vectors beyond the biases, shape (streams, others * hidden_size), to which it adds.
        slots: numbers kept for each unit and step.
        recurrent_slots: the first of the slots whose gradients flow through `recurrent`; those of `input` begin at 0.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    slots: int
    recurrent_slots: int = 0


class Library(NamedTuple):
    """A function of torch that runs a cell over all steps: by cuDNN on a GPU, on a CPU by oneDNN where that is fast.

    Attributes:
        function: `torch.lstm` or another function with its parameters.
        has_cpu: whether it is faster on a CPU than the compiled kernels.
    """

    function: Callable[..., tuple[Tensor, ...]]
    has_cpu: bool


class Cell(nn.Module, ABC):
    """The equations of one recurrent layer.

    The time loop computes `input_weight @ x + bias` for all steps in one product and hands each step its share; it
    also hands in the product with `recurrent_weight`, in the precision of the run. Where there is a projection (Sak,
    Senior & Beaufays, Long short-term memory based recurrent neural network architectures, 2014), the time loop
    replaces the hidden state of each step by `projection @ hidden`.

    Args:
        input_size: features of the layer below.
        hidden_size: units of this layer.
        projection_size: features that the hidden state is projected to; None for no projection.

    Attributes:
        output_size: features of what the layer puts out.
        input_weight: shape (num_gates * hidden_size, input_size).
        recurrent_weight: shape (num_gates * hidden_size, output_size).
        bias: shape (num_gates * hidden_size,).
        projection: shape (projection_size, hidden_size), or None.
    """

    num_gates: ClassVar[int]
    takes_projection: ClassVar[bool] = False
    library: ClassVar[Library | None] = None
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
        """Refuse a projection where the cell takes none.

        Raises:
            UsageError: this is such a cell.
        """
        if projection_size is not None and not cls.takes_projection:
            raise UsageError(
                f"--projection-size is for the LSTM kinds, not for --cell {name}; leave it out, or take --cell lstm"
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
            kind: `orthogonal` for input weights uniform within +-1/sqrt(input_size) and recurrent ones orthogonal,
                gate by gate; `small` for all uniform within +-0.08.
        """
        self.bias.zero_()
        matrices = [weight for weight in self.weights if weight is not None]
        if kind == "small":
            for matrix in matrices:
                matrix.uniform_(-SMALL, SMALL, generator=generator)
            return
        bound = self.input_weight.shape[1] ** -0.5
        self.input_weight.uniform_(-bound, bound, generator=generator)
        for gate in self.recurrent_weight.chunk(self.num_gates):
            nn.init.orthogonal_(gate, generator=generator)
        if self.projection is not None:
            nn.init.orthogonal_(self.projection, generator=generator)

    def initial_state(self, batch_size: int) -> State:
        """Return the state at the beginning of a document: zeros."""
        return State(self._zeros(batch_size, self.output_size))

    @abstractmethod
    def step(self, inputs: Tensor, state: State, recurrent: Recurrent) -> State:
        """Return the next state.

        Args:
            inputs: this step's `input_weight @ x + bias`, shape (batch, num_gates * hidden_size).
            state: the state before.
            recurrent: multiplies a tensor of shape (batch, output_size) with `recurrent_weight`.
        """

    @property
    def recurrent_bias(self) -> Tensor:
        """A bias that is added to the recurrent product, shape (num_gates * hidden_size,)."""
        return torch.zeros_like(self.bias)

    def input_slots(self, input_weight: Tensor) -> Tensor:
        """Return the rows of `input_weight` in the order of the kernels' slots, shape (rows, input_size)."""
        return input_weight

    def vectors(self) -> Tensor:
        """Return the biases in the order of the kernels' slots, and what else they need of each unit.

        Returns:
            Shape (slots + others, hidden_size).
        """
        return self.bias.view(-1, self.hidden_size)

    def memory(self, state: State) -> Tensor:
        """Return what the kernels pass from step to step in float32, shape (batch, hidden_size)."""
        return state.hidden

    def state_of(self, hidden: Tensor, memory: Tensor) -> State:
        """Return the state after a step from what the kernels wrote, in float32; the counterpart of `memory`."""
        del hidden
        return State(memory)

    def _zeros(self, batch_size: int, size: int) -> Tensor:
        return self.bias.new_zeros(batch_size, size)
