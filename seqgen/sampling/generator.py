"""The generator: `prefill` reads a prime, then `decode` draws one token after the other in every stream."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import SamplingConfig
from seqgen.errors import CheckpointError
from seqgen.levels.base import Ids
from seqgen.model.attention import Memory
from seqgen.model.encoder import Given
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import select
from seqgen.model.stepper import Stepper, stepper
from seqgen.sampling.constraint import Constraint
from seqgen.sampling.filters import probabilities

_PRIME_CHUNK = 1024  # the number of tokens of a prime that are read at once, which bounds the memory
_NUMBERS_AHEAD = 256  # the number of random numbers that are drawn at once for each stream
NONE = -1  # stands for the token of a stream in which every token is excluded


class Reading(NamedTuple):
    """The result of reading some tokens.

    Attributes:
        logits: the logits of the next token, shape (streams, vocabulary).
        state: the state of the streams.
        memory: what all streams of a conditional model attend to, of a single given.
    """

    logits: Tensor
    state: list[State]
    memory: Memory | None = None

    def select(self, streams: Tensor) -> "Reading":
        """Return the reading of these streams, in this order; `streams` holds indices."""
        return Reading(self.logits[streams], select(self.state, streams), self.memory)

    def repeat(self, count: int) -> "Reading":
        """Return this number of copies of the only stream."""
        return self.select(torch.zeros(count, dtype=torch.long, device=self.logits.device))


class Draw(NamedTuple):
    """The next token of every stream.

    Attributes:
        ids: the tokens, shape (streams,); `NONE` if the constraint excludes every token.
        nats: their negative log-likelihoods under the model, before temperature and filters, shape (streams,).
    """

    ids: Tensor
    nats: Tensor


@torch.inference_mode()
def prefill(model: LanguageModel, ids: Sequence[int] | Ids, given_rows: Ids | None = None) -> Reading:
    """Read at least one token, or a token with its factors, in one stream, after what a conditional model is given."""
    state, memory = model.initial_state(1), None
    if given_rows is not None:
        state, memory = model.encode(Given.of([given_rows], model.device))
    for start in range(0, len(ids), _PRIME_CHUNK):
        chunk = torch.tensor(np.array(ids[start : start + _PRIME_CHUNK], dtype=np.int64), device=model.device)
        logits, state = model(chunk[:, None], state, memory=memory)
    return Reading(logits[-1], state, memory)


@torch.inference_mode()
def decode(
    model: LanguageModel,
    reading: Reading,
    numbers: Iterator[Tensor],
    config: SamplingConfig,
    constraint: Constraint,
    precision: str = "float32",
    inputs: Callable[[], NDArray[np.int64]] | None = None,
) -> Iterator[Draw]:
    """Return endless draws, with all streams in one batch; kernels are compiled before this returns.

    Args:
        model: the language model, which is not changed.
        reading: the state from which each stream continues.
        numbers: the random numbers, see `uniform_numbers`.
        config: temperature, top-k and top-p.
        constraint: restricts the tokens; each draw is added to it.
        precision: the precision of the products, as in `--precision`.
        inputs: returns the tokens of the last draw, which the constraint has taken, with their factors, shape (streams,
            1 + factors); None without factors.

    Raises:
        CheckpointError: the likelihoods are not finite.
    """
    dtype = PRECISIONS[resolve_precision(precision, model.device.type)]
    step = stepper(model, reading.state, dtype, reading.memory)
    return draws(step, reading.logits, numbers, config, constraint, inputs)


@torch.inference_mode()
def draws(
    step: Stepper,
    logits: Tensor,
    numbers: Iterator[Tensor],
    config: SamplingConfig,
    constraint: Constraint,
    inputs: Callable[[], NDArray[np.int64]] | None = None,
) -> Iterator[Draw]:
    """Return endless draws of a stepper's streams, given the logits of their next tokens; see `decode`."""
    for number in numbers:
        likelihood = logits.log_softmax(-1).cpu()
        mask = constraint.mask()
        allowed = likelihood if mask is None else likelihood + torch.from_numpy(mask)
        ids = draw(probabilities(allowed, config), number)
        drawn = ids.numpy()
        read = ids
        if drawn.min() < 0:
            if not math.isfinite(float(likelihood.sum())):
                raise CheckpointError("the model gives no likelihoods: its weights are NaN or far too large")
            read = ids.clamp(min=0)  # a stream without a token reads any token, because its results are not used
        yield Draw(ids, -likelihood.gather(-1, read[:, None])[:, 0])
        constraint.advance(drawn)
        logits = step(read if inputs is None else torch.from_numpy(inputs()))


def draw(likely: Tensor, numbers: Tensor) -> Tensor:
    """Draw from the probabilities of each row by inverting their cumulative distribution.

    Args:
        likely: probabilities, shape (streams, choices).
        numbers: uniform random numbers in [0, 1), shape (streams, 1).

    Returns:
        The indices of the choices, shape (streams,); `NONE` in rows that contain NaN.
    """
    cumulative = likely.cumsum(-1)
    total = cumulative[:, -1:]
    picked = torch.searchsorted(cumulative, numbers * total, right=True)
    if not math.isfinite(float(total.sum())):
        picked = picked.masked_fill(~total.isfinite(), NONE)
    return picked[:, 0]


def uniform_numbers(seeds: Sequence[int]) -> Iterator[Tensor]:
    """Yield uniform float64 numbers in [0, 1), shape (streams, 1).

    Args:
        seeds: one per stream; the numbers of a stream depend on its own seed only.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        ahead = [torch.rand(_NUMBERS_AHEAD, generator=generator, dtype=torch.float64) for generator in generators]
        yield from torch.stack(ahead, dim=1)[..., None]
