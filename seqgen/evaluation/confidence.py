"""Confidence interval of a loss: a bootstrap over documents, or over blocks if there are only a few documents.

Whole documents or blocks are resampled, since tokens within one depend on each other (Efron & Tibshirani, "An
introduction to the bootstrap", 1993, chapters 8 and 13).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset

LEVEL = 0.95
_MIN_DOCUMENTS = 30  # fewer are too small a sample
_MIN_BLOCK = 200  # tokens, so that neighbouring blocks are almost independent
_MIN_BLOCKS = 10
_MAX_BLOCKS = 100  # more blocks would be shorter and less independent
_MAX_DOCUMENTS = 1000  # neighbouring documents are grouped if there are more, which bounds the work
_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class ConfidenceInterval:
    """A confidence interval of the mean loss.

    Attributes:
        low: lower bound in nats per token.
        high: upper bound in nats per token.
        level: confidence level.
        over: what is resampled: `documents` or `blocks`.
    """

    low: float
    high: float
    level: float
    over: str


def confidence_interval(dataset: Dataset, surprisals: NDArray[np.float32]) -> ConfidenceInterval | None:
    """Return the confidence interval of the loss on a dataset; None if the dataset is too small.

    Args:
        dataset: the documents.
        surprisals: nats of each token, 0 for start tokens, shape (tokens,).
    """
    over, begins = _units(dataset)
    if len(begins) < _MIN_BLOCKS:
        return None
    nats = np.add.reduceat(surprisals, begins, dtype=np.float64)
    starts = np.searchsorted(dataset.offsets[:-1], np.append(begins, len(dataset.ids)))
    tokens = np.diff(np.append(begins, len(dataset.ids))) - np.diff(starts)
    random = np.random.default_rng(0)
    resamples = random.multinomial(len(begins), np.full(len(begins), 1 / len(begins)), size=_NUM_RESAMPLES)
    low, high = np.quantile(resamples @ nats / (resamples @ tokens), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return ConfidenceInterval(float(low), float(high), LEVEL, over)


def _units(dataset: Dataset) -> tuple[str, NDArray[np.int64]]:
    """Return what is resampled, and the first position of each unit."""
    if dataset.num_documents >= _MIN_DOCUMENTS:
        first = np.linspace(
            0, dataset.num_documents, min(dataset.num_documents, _MAX_DOCUMENTS), endpoint=False
        ).astype(np.int64)
        return "documents", np.asarray(dataset.offsets)[first]
    num_blocks = min(_MAX_BLOCKS, len(dataset.ids) // _MIN_BLOCK)
    return "blocks", np.linspace(0, len(dataset.ids), num_blocks, endpoint=False).astype(np.int64)
