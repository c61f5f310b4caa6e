"""A part read as one stream, a few tokens at a time: what adapts to a text must see it in its order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqgen.corpus.part import Part
from seqgen.levels.base import Ids


@dataclass(frozen=True)
class Stretch:
    """Some tokens of one document, and those that follow them.

    Attributes:
        inputs: token ids, shape (time, 1).
        targets: the id that follows each, shape (time, 1).
        is_first: whether a document begins here.
    """

    inputs: Tensor
    targets: Tensor
    is_first: bool


def stretches(part: Part, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield all documents, one after the other, in stretches of at most so many tokens."""
    for begin, end in zip(part.offsets[:-1].tolist(), part.offsets[1:].tolist(), strict=True):
        yield from document_stretches(part.ids[begin:end], length, device)


def document_stretches(ids: Ids, length: int, device: torch.device) -> Iterator[Stretch]:
    """Yield the stretches of one document."""
    for first in range(0, len(ids) - 1, length):
        some = torch.from_numpy(ids[first : first + length + 1].astype(np.int64)).to(device)
        yield Stretch(some[:-1, None], some[1:, None], is_first=first == 0)
