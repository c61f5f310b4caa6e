"""The constraint that decides when a sample may end by itself."""

import numpy as np
from numpy.typing import NDArray

from seqgen.sampling.constraint import Mask


class Endings:
    """Excludes the end token until the caller allows it.

    Args:
        vocabulary_size: the number of token ids.
        end: the end token.
        num_streams: the number of streams.

    Attributes:
        are_allowed: whether each stream may end, shape (streams,); set by the caller.
    """

    def __init__(self, vocabulary_size: int, end: int, num_streams: int) -> None:
        self.are_allowed = np.zeros(num_streams, dtype=np.bool_)
        self._mask = np.zeros((num_streams, vocabulary_size), dtype=np.float32)
        self._end = end

    def mask(self) -> Mask | None:
        """Return -inf for the end token of streams that must not end; None if all may."""
        if self.are_allowed.all():
            return None
        self._mask[:, self._end] = np.where(self.are_allowed, 0, -np.inf)
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""
