"""How far a loss may be from that on all text of its kind: a bootstrap over documents, or over blocks of few long ones.

What is drawn again, with replacement, are whole documents (or blocks), since the tokens within one depend on each
other (Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapters 8 and 13).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.part import Part

LEVEL = 0.95
_MIN_DOCUMENTS = 30  # fewer say too little of how documents differ
_MIN_BLOCK = 200  # tokens: neighbouring blocks must be as good as independent
_MIN_BLOCKS = 10
_MAX_BLOCKS = 100  # longer ones, in a longer text, depend less on each other
_MAX_DOCUMENTS = 1000  # neighbours are joined to no more, which bounds the work
_NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A confidence interval of the mean loss.

    Attributes:
        low: nats a token.
        high: nats a token.
        level: how often such intervals hold the loss of the whole.
        over: what was drawn again: `documents` or `blocks`.
    """

    low: float
    high: float
    level: float
    over: str


def interval(part: Part, surprisals: NDArray[np.float32]) -> Interval | None:
    """Return the confidence interval of a part's loss; None where there is too little of it.

    Args:
        part: the documents.
        surprisals: nats of each of its tokens, 0 for start tokens, shape (tokens,).
    """
    over, begins = _units(part)
    if len(begins) < _MIN_BLOCKS:
        return None
    nats = np.add.reduceat(surprisals, begins, dtype=np.float64)
    starts = np.searchsorted(part.offsets[:-1], np.append(begins, len(part.ids)))
    tokens = np.diff(np.append(begins, len(part.ids))) - np.diff(starts)
    random = np.random.default_rng(0)
    drawn = random.multinomial(len(begins), np.full(len(begins), 1 / len(begins)), size=_NUM_RESAMPLES)
    low, high = np.quantile(drawn @ nats / (drawn @ tokens), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), LEVEL, over)


def _units(part: Part) -> tuple[str, NDArray[np.int64]]:
    """Return what is drawn again, and where each begins."""
    if part.num_documents >= _MIN_DOCUMENTS:
        first = np.linspace(0, part.num_documents, min(part.num_documents, _MAX_DOCUMENTS), endpoint=False).astype(
            np.int64
        )
        return "documents", np.asarray(part.offsets)[first]
    num_blocks = min(_MAX_BLOCKS, len(part.ids) // _MIN_BLOCK)
    return "blocks", np.linspace(0, len(part.ids), num_blocks, endpoint=False).astype(np.int64)
