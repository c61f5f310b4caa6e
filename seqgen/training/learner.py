"""The learner: the weights, their average, the optimizer's moments and the state of every stream."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import TrainConfig
from seqgen.errors import CheckpointError
from seqgen.levels.base import PADDING
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import concatenate, detach, reset, select
from seqgen.noise import Noise
from seqgen.training.averaging import Average
from seqgen.training.batch import Batch
from seqgen.training.distributed import World
from seqgen.training.optimizer import AdamW
from seqgen.training.schedule import MAX_PARTS


@dataclass(frozen=True)
class StepResult:
    """The measurements of a step.

    Attributes:
        nats: the total loss of the targets that this process read.
        tokens: the number of targets of all processes.
        gradient_norm: the norm before clipping, the mean over the updates of this step.
        clipped: the share of these gradients that were clipped.
    """

    nats: float
    tokens: int
    gradient_norm: float
    clipped: float


class Learner:
    """A model that learns from batches.

    Args:
        model: the model, whose weights are changed in place.
        config: the options as resolved.
        world: the processes among which the streams of a batch are divided.
        streams: those that this machine has, of all streams.

    Attributes:
        num_passes: the number of parts in which the streams of a batch are read, one after the other; more than one if
            a GPU has too little memory for all streams at once.
    """

    def __init__(self, model: LanguageModel, config: TrainConfig, world: World, streams: slice) -> None:
        self.model = model
        self.num_passes = 1
        self._options = config.optimization
        self._seed = config.machine.seed
        self._world = world
        self._streams = world.own(streams)
        self._optimizer = self._initial_optimizer()
        self._average = Average(model)
        self._dtype = PRECISIONS[config.machine.precision]
        self._state = self._initial_state()

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights, which is validated, sampled from and saved."""
        return self._average.model

    @property
    def memory_message(self) -> str:
        """The message for the user that the streams are read in parts."""
        num_streams = self._streams.stop - self._streams.start
        at_once = -(-num_streams // self.num_passes)
        return (
            f"the GPU has too little memory for {num_streams:,} streams of {self._options.sequence_length:,} tokens at "
            f"once: reading {at_once:,} at a time, with the same result"
        )

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """Start with these weights, without moments and state."""
        for model in (self.model, self.averaged):
            model.load_state_dict(dict(weights))
        self._optimizer = self._initial_optimizer()
        self._state = self._initial_state()

    def learn(self, batch: Batch, step: int, learning_rate: float, parts: int) -> StepResult:
        """Learn from a batch.

        Args:
            batch: the streams of all processes that have the same corpus.
            step: the number of previous steps.
            learning_rate: the learning rate of this step.
            parts: the number of parts into which the batch is split in time, with an update for each. Whole documents
                are not split.
        """
        parts = 1 if batch.is_whole else parts
        share = self._world.readers.share(batch.num_streams)
        own = batch.streams(share).to(self.model.device)
        state = self.model.initial_state(own.num_streams) if batch.is_whole else reset(self._state, own.is_fresh)
        self._optimizer.learning_rate = learning_rate
        tokens = self._num_targets(batch, parts)
        results = []
        for place, part in enumerate(islice(_endless(own.split_time(parts)), len(tokens))):
            noise = self._noise(step, place, batch.before + share.start, batch.total or batch.num_streams)
            state, *numbers = self._update(part, state, noise, tokens[place])
            results.append(torch.stack(numbers))
        if not batch.is_whole:
            self._state = state
        self._average.update(self.model, step + 1)
        nats, norms = torch.stack(results, 1).tolist()  # waits for a GPU only once per step
        clipped = sum(norm > self._options.clip for norm in norms)
        return StepResult(sum(nats), sum(tokens), sum(norms) / len(norms), clipped / len(norms))

    def _num_targets(self, batch: Batch, parts: int) -> list[int]:
        """Return the number of targets of each part of a batch in time, on all machines, up to the last part."""
        tokens = [part.num_targets for part in batch.split_time(parts)]
        if self._world.is_divided:  # the batches of other machines may be longer
            counts = [*tokens, *[0] * (parts - len(tokens))]
            totals = self._world.total(*(count * self._world.local.is_first for count in counts))
            tokens = [int(total) for total in totals if total]
        return tokens

    def _noise(self, step: int, part: int, first: int, num_streams: int) -> Noise:
        """Return the source of random numbers, which depends only on seed, step and part, so it need not be saved."""
        seed = ((self._seed * 1_000_003 + step) * MAX_PARTS + part) % 2**63
        return Noise(seed, num_streams, min(first, num_streams - 1), self.model.device)

    def _update(
        self, batch: Batch, state: list[State], noise: Noise, num_tokens: int
    ) -> tuple[list[State], Tensor, Tensor]:
        """Update the weights by truncated back-propagation through time.

        Args:
            batch: the streams of this process, or a part of them in time.
            state: the state of the streams.
            noise: draws their dropout masks and the changes of augmentation.
            num_tokens: the number of targets of all processes.

        Returns:
            The state after the batch, the loss of these streams in nats, and the norm of the gradient.
        """
        after, nats = self._add_gradients(batch, state, noise, num_tokens)
        gradients = [weight.grad for weight in self.model.parameters() if weight.grad is not None]
        self._world.add(gradients, self._dtype)  # products in bfloat16 have rounded them already
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._options.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return after, nats, norm

    def _add_gradients(
        self, batch: Batch, state: list[State], noise: Noise, num_tokens: int
    ) -> tuple[list[State], Tensor]:
        """Call `_add_gradients_in_parts`, with more parts whenever a GPU has too little memory."""
        while True:
            try:
                return self._add_gradients_in_parts(batch, state, noise, num_tokens)
            except torch.OutOfMemoryError:
                if self.num_passes >= batch.num_streams:
                    raise
            self._optimizer.zero_grad()
            torch.cuda.empty_cache()
            self.num_passes *= 2

    def _add_gradients_in_parts(
        self, batch: Batch, state: list[State], noise: Noise, num_tokens: int
    ) -> tuple[list[State], Tensor]:
        """Add the gradient of these targets' share of the mean loss; return the state after the batch and the nats."""
        nats, states, first = torch.zeros((), device=self.model.device), [], 0
        for part in batch.split_streams(self.num_passes):
            last = first + part.num_streams
            count = (part.targets != PADDING).sum()  # remains on the GPU, so that nothing waits for it
            own, masks = select(state, slice(first, last)), noise.from_stream(first)
            loss, after = part.loss(self.model, own, self._dtype, masks, self._options.label_smoothing)
            torch.autograd.backward(loss * (count / max(1, num_tokens)))
            nats += loss.detach() * count
            states.append(detach(after))
            first = last
        return concatenate(states), nats

    def _initial_optimizer(self) -> AdamW:
        return AdamW(self.model, self._options.learning_rate, self._options.weight_decay)

    def _initial_state(self) -> list[State]:
        return self.model.initial_state(self._streams.stop - self._streams.start)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights, their moments and the state of the streams of all processes, by name."""
        tensors = {f"weights.{name}": weight for name, weight in self.model.state_dict().items()}
        for index, layer in enumerate(self._state):
            for name, part in layer.tensors.items():
                tensors[f"hidden.{index}.{name}"] = self._world.gathered(part, self._streams, self._options.batch_size)
        for name, moments in self._optimizer.moments.items():
            tensors |= {f"optimizer.{name}.{moment}": part for moment, part in vars(moments).items()}
        return tensors

    def restore(self, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
        """Restore a saved state.

        Args:
            weights: the averaged weights.
            tensors: what `tensors` returned.

        Raises:
            CheckpointError: the tensors do not fit the model or the batch size.
        """
        shapes = {name: tensor.shape for name, tensor in self.tensors().items()}
        if shapes != {name: tensor.shape for name, tensor in tensors.items() if tensor.is_floating_point()}:
            raise CheckpointError("the checkpoint's training state does not fit its configuration")
        self.averaged.load_state_dict(dict(weights))
        self.model.load_state_dict({name: tensors[f"weights.{name}"] for name in self.model.state_dict()})
        for name, moments in self._optimizer.moments.items():
            for moment, part in vars(moments).items():
                part.copy_(tensors[f"optimizer.{name}.{moment}"])
        self._state = [
            type(layer)(
                *(tensors[f"hidden.{i}.{name}"][self._streams].to(part) for name, part in layer.tensors.items())
            )
            for i, layer in enumerate(self._state)
        ]


def _endless(parts: Iterable[Batch]) -> Iterator[Batch]:
    """Yield the parts of a batch, and then padding."""
    for part in parts:
        yield part
    while True:
        yield part.without_targets()
