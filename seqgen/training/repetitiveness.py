"""How much of a text repeats what came shortly before, which decides whether attention to the past pays."""

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset

_CONTEXT = 6  # tokens that occur again before the token that is copied
_NUM_SAMPLES, _SAMPLE_SIZE = 32, 1 << 13
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of a polynomial hash modulo 2**64


def repetitiveness(dataset: Dataset, span: int) -> float:
    """Return the share of tokens that copying would predict, measured on samples from all parts of a dataset.

    A token is copied if the six tokens before it occurred within the same document at most `span` tokens ago, and it
    followed them the last time.
    """
    num_samples = max(1, min(_NUM_SAMPLES, -(-len(dataset.ids) // _SAMPLE_SIZE)))
    begins = np.linspace(0, max(0, len(dataset.ids) - _SAMPLE_SIZE), num_samples, dtype=np.int64)
    copied = np.concatenate([_is_copied(dataset, begin, span) for begin in begins.tolist()])
    return float(copied.mean()) if len(copied) else 0.0


def _is_copied(dataset: Dataset, begin: int, span: int) -> NDArray[np.bool_]:
    """Return whether copying predicts each token of a sample, without the first `_CONTEXT`."""
    ids = np.asarray(dataset.ids[begin : begin + _SAMPLE_SIZE]).astype(np.uint64)
    documents = np.searchsorted(dataset.offsets, begin + np.arange(len(ids)), side="right")
    contexts = np.zeros(max(0, len(ids) - _CONTEXT), dtype=np.uint64)
    for place in range(_CONTEXT):
        contexts = contexts * _FACTOR + ids[place : place + len(contexts)] + np.uint64(1)
    order = np.argsort(contexts, kind="stable")  # equal contexts one after the other, in the order of the text
    before, after = order[:-1], order[1:]
    copied = np.zeros(len(contexts), dtype=np.bool_)
    copied[after] = (
        (contexts[before] == contexts[after])
        & (after - before <= span)
        & (documents[before] == documents[after + _CONTEXT])
        & (ids[before + _CONTEXT] == ids[after + _CONTEXT])
    )
    return copied
