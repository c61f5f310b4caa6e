"""The generator: ids in, ids out, without end."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import SamplingConfig
from seqgen.errors import CheckpointError
from seqgen.model.hardware import PRECISIONS, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.stack import select
from seqgen.model.stepper import stepper
from seqgen.sampling.filters import probabilities

_PRIME_CHUNK = 1024  # tokens of a prime read at once: bounds the memory
_NUMBERS_AHEAD = 256  # random numbers drawn at once for each stream


class Draw(NamedTuple):
    """One more token in every stream.

    Attributes:
        ids: the tokens, shape (streams,).
        nats: how unlikely each was to the model, before temperature and filters, shape (streams,).
    """

    ids: Tensor
    nats: Tensor


class Constraint(Protocol):
    """Says what may come next in each stream."""

    def barred(self) -> NDArray[np.float32]:
        """Return what is added to the log-likelihoods: 0, or -inf for what must not come.

        Returns:
            Shape (streams, vocabulary), or (1, vocabulary) for all streams alike. At least one token may come.
        """

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the tokens that have come, shape (streams,)."""


class Never:
    """The constraint of text: some tokens never come.

    Args:
        vocabulary_size: how many tokens there are.
        forbidden: which must not come.
    """

    def __init__(self, vocabulary_size: int, forbidden: Sequence[int]) -> None:
        self._barred = np.zeros((1, vocabulary_size), dtype=np.float32)
        self._barred[:, list(forbidden)] = -np.inf

    def barred(self) -> NDArray[np.float32]:
        """Return the same every time."""
        return self._barred

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""


@torch.inference_mode()
def generate(
    model: LanguageModel,
    prime: Sequence[int],
    seeds: Sequence[int],
    config: SamplingConfig,
    constraint: Constraint,
    precision: str = "float32",
) -> Iterator[Draw]:
    """Yield draws without end, all streams in one batch.

    Args:
        model: the language model; nothing of it changes.
        prime: ids that every stream begins with, at least one.
        seeds: one a stream, which alone decides that stream's random numbers.
        config: temperature, top-k and top-p.
        constraint: what may come; it is told what has come after the prime.
        precision: of the products, as in `--precision`; it may make them faster.

    Raises:
        CheckpointError: the model's weights give no likelihoods.
    """
    logits, state = _read(model, prime)
    state = select(state, torch.zeros(len(seeds), dtype=torch.long, device=model.device))
    logits = logits.expand(len(seeds), -1)
    step = stepper(model, state, PRECISIONS[resolve_precision(precision, model.device.type)])
    for numbers in _uniform_numbers(seeds):
        likelihood = logits.log_softmax(-1).cpu()
        cumulative = probabilities(likelihood + torch.from_numpy(constraint.barred()), config).cumsum(-1)
        if not math.isfinite(float(cumulative[:, -1].sum())):
            raise CheckpointError("the model gives no likelihoods: its weights are not numbers, or much too large")
        ids = torch.searchsorted(cumulative, numbers * cumulative[:, -1:], right=True)
        yield Draw(ids[:, 0], -likelihood.gather(-1, ids)[:, 0])
        constraint.advance(ids[:, 0].numpy())
        logits = step(ids[:, 0])


def _read(model: LanguageModel, prime: Sequence[int]) -> tuple[Tensor, list[State]]:
    """Return the logits after the prime, shape (1, vocabulary), and the state of one stream."""
    state = model.initial_state(1)
    for start in range(0, len(prime), _PRIME_CHUNK):
        chunk = torch.tensor(prime[start : start + _PRIME_CHUNK], device=model.device)
        logits, state = model(chunk[:, None], state)
    return logits[-1], state


def _uniform_numbers(seeds: Sequence[int]) -> Iterator[Tensor]:
    """Yield float64 numbers in [0, 1), shape (streams, 1); a stream's do not depend on the other streams."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    while True:
        ahead = [torch.rand(_NUMBERS_AHEAD, generator=generator, dtype=torch.float64) for generator in generators]
        yield from torch.stack(ahead, dim=1)[..., None]
