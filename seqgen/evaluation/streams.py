"""A dataset as one stream of short stretches, for predictors that adapt to a text while reading it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import Ids


@dataclass(frozen=True)
class Stretch:
    """Consecutive tokens of one document.

    Attributes:
        inputs: token ids, shape (time, 1).
        targets: the id after each input, shape (time, 1).
        is_first: whether it is the beginning of a document.
    """

    inputs: Tensor
    targets: Tensor
    is_first: bool


def stretches(dataset: Dataset, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield all documents in order, in stretches of at most this number of tokens."""
    for begin, end in zip(dataset.offsets[:-1].tolist(), dataset.offsets[1:].tolist(), strict=True):
        yield from document_stretches(dataset.ids[begin:end], length, device)


def document_stretches(ids: Ids, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield the stretches of one document."""
    for first in range(0, len(ids) - 1, length):
        tokens = torch.from_numpy(ids[first : first + length + 1].astype(np.int64)).to(device)
        yield Stretch(tokens[:-1, None], tokens[1:, None], is_first=first == 0)
