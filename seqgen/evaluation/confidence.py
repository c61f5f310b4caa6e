"""Confidence intervals by bootstrap: over documents, over blocks if there are only a few documents, or over givens.

Whole documents or blocks are resampled, since tokens within one depend on each other (Efron & Tibshirani, "An
introduction to the bootstrap", 1993, chapters 8 and 13).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset

LEVEL = 0.95
MIN_DOCUMENTS = 30  # fewer are too small a sample
_MIN_BLOCK = 200  # tokens, so that neighbouring blocks are almost independent
_MIN_BLOCKS = 10
_MAX_BLOCKS = 100  # more blocks would be shorter and less independent
_MAX_DOCUMENTS = 1000  # neighbouring documents are grouped if there are more, which bounds the work
_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class ConfidenceInterval:
    """A confidence interval of a figure.

    Attributes:
        low: lower bound, in the unit of the figure.
        high: upper bound, in the unit of the figure.
        level: confidence level.
        over: what is resampled: `documents`, `blocks` or `givens`.
    """

    low: float
    high: float
    level: float
    over: str

    @classmethod
    def of(cls, values: Sequence[float] | NDArray[np.float64], over: str) -> Self:
        """Return the interval between the quantiles of the values of resamples, shape (resamples,)."""
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(float(low), float(high), LEVEL, over)


def confidence_interval(dataset: Dataset, surprisals: NDArray[np.float32]) -> ConfidenceInterval | None:
    """Return the confidence interval of the loss on a dataset; None if the dataset is too small.

    Args:
        dataset: the documents.
        surprisals: nats of each token, 0 for start tokens, shape (tokens,).
    """
    over, begins = begins_of_units(np.asarray(dataset.offsets))
    if not begins.size:
        return None
    nats = np.add.reduceat(surprisals, begins, dtype=np.float64)
    starts = np.searchsorted(dataset.offsets[:-1], np.append(begins, len(dataset.ids)))
    tokens = np.diff(np.append(begins, len(dataset.ids))) - np.diff(starts)
    counts = resample(len(begins))
    return ConfidenceInterval.of(counts @ nats / (counts @ tokens), over)


def resample(num_units: int) -> NDArray[np.int64]:
    """Return how often each unit occurs in each resample, shape (resamples, units); always the same numbers."""
    random = np.random.default_rng(0)
    return random.multinomial(num_units, np.full(num_units, 1 / num_units), size=_NUM_RESAMPLES)


def group_begins(num_documents: int) -> NDArray[np.int64]:
    """Return the first document of each unit: neighbouring documents are grouped if there are very many."""
    return np.linspace(0, num_documents, min(num_documents, _MAX_DOCUMENTS), endpoint=False).astype(np.int64)


def begins_of_units(offsets: NDArray[np.int64]) -> tuple[str, NDArray[np.int64]]:
    """Return what is resampled, and the first position of each unit; no units if there is too little text.

    Args:
        offsets: where each document begins, and where the last ends, shape (documents + 1,).
    """
    num_documents = len(offsets) - 1
    if num_documents >= MIN_DOCUMENTS:
        return "documents", offsets[group_begins(num_documents)]
    num_blocks = min(_MAX_BLOCKS, int(offsets[-1]) // _MIN_BLOCK)
    if num_blocks < _MIN_BLOCKS:
        num_blocks = 0
    return "blocks", np.linspace(0, offsets[-1], num_blocks, endpoint=False).astype(np.int64)
