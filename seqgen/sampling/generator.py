"""The generator: a prime is read at once (prefill), then every stream draws token after token without end (decode)."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import SamplingConfig
from seqgen.errors import CheckpointError
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import select
from seqgen.model.stepper import stepper
from seqgen.sampling.constraint import Constraint
from seqgen.sampling.filters import probabilities

_PRIME_CHUNK = 1024  # tokens of a prime read at once: bounds the memory
_NUMBERS_AHEAD = 256  # random numbers drawn at once for each stream
NONE = -1  # the token of a stream in which none may come


class Reading(NamedTuple):
    """What the model knows after what it has read.

    Attributes:
        logits: of the next token, shape (streams, vocabulary).
        state: of the streams.
    """

    logits: Tensor
    state: list[State]

    def select(self, streams: Tensor) -> "Reading":
        """Return the reading of these streams, in this order; `streams` holds indices."""
        return Reading(self.logits[streams], select(self.state, streams))

    def repeat(self, count: int) -> "Reading":
        """Return copies of the only stream."""
        return self.select(torch.zeros(count, dtype=torch.long, device=self.logits.device))


class Draw(NamedTuple):
    """One more token in every stream.

    Attributes:
        ids: the tokens, shape (streams,); `NONE` where the constraint leaves no token.
        nats: how unlikely each was to the model, before temperature and filters, shape (streams,).
    """

    ids: Tensor
    nats: Tensor


@torch.inference_mode()
def prefill(model: LanguageModel, ids: Sequence[int]) -> Reading:
    """Return what the model knows after these ids, of which there is at least one, in one stream."""
    state = model.initial_state(1)
    for start in range(0, len(ids), _PRIME_CHUNK):
        chunk = torch.tensor(ids[start : start + _PRIME_CHUNK], device=model.device)
        logits, state = model(chunk[:, None], state)
    return Reading(logits[-1], state)


@torch.inference_mode()
def decode(
    model: LanguageModel,
    reading: Reading,
    numbers: Iterator[Tensor],
    config: SamplingConfig,
    constraint: Constraint,
    precision: str = "float32",
) -> Iterator[Draw]:
    """Yield draws without end, all streams in one batch.

    Args:
        model: the language model; nothing of it changes.
        reading: where each stream goes on.
        numbers: decide what is drawn, see `uniform_numbers`.
        config: temperature, top-k and top-p.
        constraint: what may come; it takes what has come.
        precision: of the products, as in `--precision`; it may make them faster.

    Raises:
        CheckpointError: the model's weights give no likelihoods.
    """
    logits = reading.logits
    step = stepper(model, reading.state, PRECISIONS[resolve_precision(precision, model.device.type)])
    for number in numbers:
        likelihood = logits.log_softmax(-1).cpu()
        mask = constraint.mask()
        allowed = likelihood if mask is None else likelihood + torch.from_numpy(mask)
        ids = draw(probabilities(allowed, config), number)
        taken = ids.numpy()
        read = ids
        if taken.min() < 0:
            if not math.isfinite(float(likelihood.sum())):
                raise CheckpointError("the model gives no likelihoods: its weights are not numbers, or much too large")
            read = ids.clamp(min=0)  # the stream goes on with any token, and nobody looks
        yield Draw(ids, -likelihood.gather(-1, read[:, None])[:, 0])
        constraint.advance(taken)
        logits = step(read)


def draw(likely: Tensor, numbers: Tensor) -> Tensor:
    """Return what a number in [0, 1) picks from the probabilities of its row.

    Args:
        likely: shape (streams, choices).
        numbers: shape (streams, 1).

    Returns:
        Shape (streams,); `NONE` where the probabilities are not numbers.
    """
    cumulative = likely.cumsum(-1)
    total = cumulative[:, -1:]
    picked = torch.searchsorted(cumulative, numbers * total, right=True)
    if not math.isfinite(float(total.sum())):
        picked = picked.masked_fill(~total.isfinite(), NONE)
    return picked[:, 0]


def uniform_numbers(seeds: Sequence[int]) -> Iterator[Tensor]:
    """Yield float64 numbers in [0, 1), shape (streams, 1); a stream's do not depend on the other streams.

    Args:
        seeds: one per stream, which alone decides that stream's numbers.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        ahead = [torch.rand(_NUMBERS_AHEAD, generator=generator, dtype=torch.float64) for generator in generators]
        yield from torch.stack(ahead, dim=1)[..., None]
