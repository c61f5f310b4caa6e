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
        inputs: token ids, shape (time, 1), or tokens with their factors, shape (time, 1, 1 + factors).
        targets: the id after each input, shape (time, 1).
        is_first: whether it is the beginning of a document.
    """

    inputs: Tensor
    targets: Tensor
    is_first: bool


def stretches(dataset: Dataset, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield all documents in order, in stretches of at most this number of tokens."""
    for begin, end in zip(dataset.offsets[:-1].tolist(), dataset.offsets[1:].tolist(), strict=True):
        yield from document_stretches(dataset.ids[begin:end], dataset.inputs[begin:end], length, device)


def document_stretches(ids: Ids, inputs: Ids, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield the stretches of one document, given its tokens and what the network reads."""
    for first in range(0, len(ids) - 1, length):
        stop = min(first + length, len(ids) - 1)
        read, targets = (
            torch.from_numpy(each.astype(np.int64)[:, None]).to(device)
            for each in (inputs[first:stop], ids[first + 1 : stop + 1])
        )
        yield Stretch(read, targets, is_first=first == 0)
