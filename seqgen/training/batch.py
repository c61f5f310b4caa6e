"""The data of one training step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.levels.base import PADDING
from seqgen.model.ctc import CtcModel
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel
from seqgen.noise import Noise


@dataclass(frozen=True)
class Batch:
    """Streams of tokens, read side by side.

    Attributes:
        inputs: token ids, shape (time, streams), or tokens with their factors, shape (time, streams, 1 + factors).
        targets: the ids that follow them, shape (time, streams); `PADDING` where nothing is predicted.
        is_fresh: the streams that begin a document, whose state is reset first, shape (streams,).
        is_whole: whether each stream is a whole document, after which the streams of other batches continue.
        given: what the documents are given; None in a model that is not conditional.
        before: the number of streams of the batch, on all machines, that precede these.
        total: the number of streams on all machines; 0 if these are all.
    """

    inputs: Tensor
    targets: Tensor
    is_fresh: Tensor
    is_whole: bool
    given: Given | None = None
    before: int = 0
    total: int = 0

    @property
    def num_streams(self) -> int:
        """The number of streams."""
        return len(self.is_fresh)

    @property
    def num_targets(self) -> int:
        """The number of predicted tokens."""
        return int((self.targets != PADDING).sum())

    def loss(
        self,
        model: LanguageModel,
        state: list[State],
        dtype: torch.dtype,
        noise: Noise | None = None,
        smoothing: float = 0.0,
    ) -> tuple[Tensor, list[State]]:
        """Return the mean nats per target, padding excluded, and the state after the last step.

        Args:
            model: the model, on the device of the batch.
            state: of the streams before the first step; what documents are given replaces it.
            dtype: the precision of the products.
            noise: draws dropout masks and the changes of augmentation; None for neither.
            smoothing: of the labels, see `seqgen.model.softmax.cross_entropy`.
        """
        memory = None
        if isinstance(model, CtcModel):
            assert self.given is not None  # noqa: S101  # such a model is conditional
            nats = model.nats(self.given, self.targets, dtype, noise)
            return nats.sum() / (self.targets != PADDING).sum().clamp(min=1), state
        if self.given is not None:
            state, memory = model.encode(self.given, dtype, noise)
        hidden, after = model.hidden(self.inputs, state, dtype, noise, memory)
        return model.loss(hidden, self.targets, dtype, smoothing), after

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        inputs, targets, is_fresh = (tensor.to(device) for tensor in (self.inputs, self.targets, self.is_fresh))
        return Batch(inputs, targets, is_fresh, self.is_whole, self.given and self.given.to(device))

    def streams(self, which: slice) -> "Batch":
        """Return some of the streams; instead of none, a single one that is all padding."""
        if not len(self.is_fresh[which]):
            return self.streams(slice(1)).without_targets()
        inputs, targets = self.inputs[:, which].contiguous(), self.targets[:, which].contiguous()
        return Batch(inputs, targets, self.is_fresh[which], self.is_whole, self.given and self.given.select(which))

    def without_targets(self) -> "Batch":
        """Return a batch of the same shape that is all padding."""
        return replace(self, targets=torch.full_like(self.targets, PADDING))

    def split_streams(self, count: int) -> Iterator["Batch"]:
        """Yield up to this number of batches, each with some of the streams."""
        size = -(-self.num_streams // count)
        for first in range(0, self.num_streams, size):
            yield self.streams(slice(first, first + size))

    def split_time(self, count: int) -> Iterator["Batch"]:
        """Yield up to this number of batches, one after the other in time; all but the first continue the streams."""
        continued = torch.zeros_like(self.is_fresh)
        parts = zip(self.inputs.chunk(count), self.targets.chunk(count), strict=True)
        for place, (inputs, targets) in enumerate(parts):
            yield replace(self, inputs=inputs, targets=targets, is_fresh=continued if place else self.is_fresh)
