"""What learns: the weights, their average, the optimizer's moments and the state of every stream."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import TrainConfig
from seqgen.errors import CheckpointError
from seqgen.levels.base import PADDING
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.noise import Noise
from seqgen.model.state import concatenate, detach, reset, select
from seqgen.training.averaging import Average
from seqgen.training.batch import Batch
from seqgen.training.distributed import World
from seqgen.training.optimizer import AdamW
from seqgen.training.schedule import MAX_PARTS


@dataclass(frozen=True)
class StepResult:
    """The measurements of a step.

    Attributes:
        nats: the loss over all targets that were read here.
        tokens: targets, those of other processes included.
        gradient_norm: before it is clipped; the mean over the changes of the weights in this step.
        clipped: the share of these gradients that were scaled down.
    """

    nats: float
    tokens: int
    gradient_norm: float
    clipped: float


class Learner:
    """A model that learns from batches.

    Args:
        model: its weights are changed in place.
        config: the options as resolved.
        world: the processes among which the streams of a batch are divided.

    Attributes:
        num_passes: in how many parts, one after the other, the streams of a batch are read: more than one where a GPU
            has too little memory for all of them at once.
    """

    def __init__(self, model: LanguageModel, config: TrainConfig, world: World) -> None:
        self.model = model
        self.num_passes = 1
        self._options = config.optimization
        self._seed = config.machine.seed
        self._world = world
        self._optimizer = AdamW(model, config.optimization.learning_rate, config.optimization.weight_decay)
        self._average = Average(model)
        self._dtype = PRECISIONS[config.machine.precision]
        self._state = self._initial_state()

    @property
    def averaged(self) -> LanguageModel:
        """The model with the averaged weights: the one that is validated, sampled from and kept."""
        return self._average.model

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """Begin anew with these weights: no moments, no state."""
        for model in (self.model, self.averaged):
            model.load_state_dict(dict(weights))
        self._optimizer = AdamW(self.model, self._options.learning_rate, self._options.weight_decay)
        self._state = self._initial_state()

    def learn(self, batch: Batch, step: int, learning_rate: float, parts: int) -> StepResult:
        """Learn from a batch.

        Args:
            batch: the streams of all processes.
            step: how many came before.
            learning_rate: of this step.
            parts: into how many parts, in time, the batch is divided; each changes the weights. Whole documents are
                not divided.
        """
        parts = 1 if batch.is_whole else parts
        own = batch.streams(self._world.share(batch.num_streams)).to(self.model.device)
        state = self.model.initial_state(own.num_streams) if batch.is_whole else reset(self._state, own.is_fresh)
        self._optimizer.learning_rate = learning_rate
        tokens = [part.num_targets for part in batch.split_time(parts)]
        shown = []
        for place, part in enumerate(own.split_time(parts)):
            noise = self._noise(step, place, batch.num_streams)
            state, *losses = self._update(part, state, noise, tokens[place])
            shown.append(torch.stack(losses))
        if not batch.is_whole:
            self._state = state
        self._average.update(self.model, step + 1)
        nats, norms = torch.stack(shown, 1).tolist()  # a GPU is waited for here, and not for every number
        clipped = sum(norm > self._options.clip for norm in norms)
        return StepResult(sum(nats), sum(tokens), sum(norms) / len(norms), clipped / len(norms))

    def _noise(self, step: int, part: int, num_streams: int) -> Noise:
        """Return the source of dropout masks, which depends on seed, step and part alone: none need be saved."""
        seed = ((self._seed * 1_000_003 + step) * MAX_PARTS + part) % 2**63
        first = min(self._world.share(num_streams).start, num_streams - 1)
        return Noise(seed, num_streams, first, self.model.device)

    def _update(
        self, batch: Batch, state: list[State], noise: Noise, num_tokens: int
    ) -> tuple[list[State], Tensor, Tensor]:
        """Change the weights by truncated back-propagation through time.

        Args:
            batch: the streams of this process, or a part of them in time.
            state: the state of the streams.
            noise: draws their dropout masks.
            num_tokens: the targets of all processes.

        Returns:
            The state that follows, the loss in nats of what was read here, and the norm of the gradient.
        """
        after, nats = self._fit(batch, state, noise, num_tokens)
        self._world.add([weight.grad for weight in self.model.parameters() if weight.grad is not None])
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._options.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return after, nats, norm

    def _fit(self, batch: Batch, state: list[State], noise: Noise, num_tokens: int) -> tuple[list[State], Tensor]:
        """Do what `_derive` does, the streams in more parts if a GPU has too little memory."""
        while True:
            try:
                return self._derive(batch, state, noise, num_tokens)
            except torch.OutOfMemoryError:
                if self.num_passes >= batch.num_streams:
                    raise
            self._optimizer.zero_grad()
            torch.cuda.empty_cache()
            self.num_passes *= 2

    def _derive(self, batch: Batch, state: list[State], noise: Noise, num_tokens: int) -> tuple[list[State], Tensor]:
        """Add up the gradient of these targets' share of the mean loss; return the state that follows and the nats."""
        nats, states, first = torch.zeros((), device=self.model.device), [], 0
        for some in batch.split_streams(self.num_passes):
            last = first + some.num_streams
            count = (some.targets != PADDING).sum()  # stays on a GPU, which is not waited for here
            loss, after = self._loss(some, select(state, slice(first, last)), noise.from_stream(first))
            torch.autograd.backward(loss * (count / max(1, num_tokens)))
            nats += loss.detach() * count
            states.append(after)
            first = last
        return concatenate(states), nats

    def _loss(self, batch: Batch, state: list[State], noise: Noise) -> tuple[Tensor, list[State]]:
        """Return the mean nats of the targets that are not padding, and the state after the last."""
        hidden, after = self.model.hidden(batch.inputs, state, self._dtype, noise)
        return self.model.loss(hidden, batch.targets, self._dtype), detach(after)

    def _initial_state(self) -> list[State]:
        share = self._world.share(self._options.batch_size)
        return self.model.initial_state(share.stop - share.start)

    def tensors(self) -> dict[str, Tensor]:
        """Return the weights, their moments and the state of every stream, those of other processes too, by name."""
        tensors = {f"weights.{name}": weight for name, weight in self.model.state_dict().items()}
        for index, layer in enumerate(self._state):
            for name, part in layer.tensors.items():
                tensors[f"hidden.{index}.{name}"] = self._world.gathered(part, self._options.batch_size)
        for name, moments in self._optimizer.moments.items():
            tensors |= {f"optimizer.{name}.{moment}": part for moment, part in vars(moments).items()}
        return tensors

    def restore(self, weights: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
        """Go on where the averaged weights were these, and the rest was what `tensors` returned.

        Raises:
            CheckpointError: the rest is not of this model and this batch size.
        """
        shapes = {name: tensor.shape for name, tensor in self.tensors().items()}
        if shapes != {name: tensor.shape for name, tensor in tensors.items() if tensor.is_floating_point()}:
            raise CheckpointError("the checkpoint's state of training does not fit its configuration")
        self.averaged.load_state_dict(dict(weights))
        self.model.load_state_dict({name: tensors[f"weights.{name}"] for name in self.model.state_dict()})
        for name, moments in self._optimizer.moments.items():
            for moment, part in vars(moments).items():
                part.copy_(tensors[f"optimizer.{name}.{moment}"])
        share = self._world.share(self._options.batch_size)
        self._state = [
            type(layer)(*(tensors[f"hidden.{i}.{name}"][share].to(part) for name, part in layer.tensors.items()))
            for i, layer in enumerate(self._state)
        ]
