"""The constraint that excludes the end token until a sample may end."""

import numpy as np
from numpy.typing import NDArray

from seqgen.sampling.constraint import Mask


class EndToken:
    """Excludes the end token from streams that must not end yet.

    Args:
        vocabulary_size: the number of token ids.
        end: the end token.
        num_streams: the number of streams.

    Attributes:
        may_end: whether each stream may end, shape (streams,); set by the caller.
    """

    def __init__(self, vocabulary_size: int, end: int, num_streams: int) -> None:
        self.may_end = np.zeros(num_streams, dtype=np.bool_)
        self._mask = np.zeros((num_streams, vocabulary_size), dtype=np.float32)
        self._end = end

    def mask(self) -> Mask | None:
        """Return -inf for the end token of streams that must not end; None if all may."""
        if self.may_end.all():
            return None
        self._mask[:, self._end] = np.where(self.may_end, 0, -np.inf)
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""
