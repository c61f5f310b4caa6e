"""Where a sample may end by itself."""

import numpy as np
from numpy.typing import NDArray

from seqgen.sampling.constraint import Mask


class Endings:
    """The end token does not come before whoever writes the samples allows it.

    Args:
        vocabulary_size: how many tokens there are.
        end: the end token.
        num_streams: how many streams there are.

    Attributes:
        are_allowed: the streams that may end, shape (streams,); to be written to.
    """

    def __init__(self, vocabulary_size: int, end: int, num_streams: int) -> None:
        self.are_allowed = np.zeros(num_streams, dtype=np.bool_)
        self._mask = np.zeros((num_streams, vocabulary_size), dtype=np.float32)
        self._end = end

    def mask(self) -> Mask | None:
        """Return -inf for the end token of streams that must not end; None where all may."""
        if self.are_allowed.all():
            return None
        self._mask[:, self._end] = np.where(self.are_allowed, 0, -np.inf)
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""
