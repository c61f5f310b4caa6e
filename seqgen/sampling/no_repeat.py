"""The constraint that no n-gram of tokens occurs twice in a stream, against loops (Paulus, Xiong & Socher 2018)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqgen.sampling.constraint import Mask


class NoRepeat:
    """Excludes tokens that would complete an n-gram a second time in the same stream.

    Args:
        n: the length of the n-grams, at least 1.
        vocabulary_size: the number of token ids.
        histories: the previous tokens of each stream, which may contain repetitions.
    """

    def __init__(self, n: int, vocabulary_size: int, histories: Sequence[Sequence[int]]) -> None:
        self._size = n - 1  # the length of a context
        self._streams = [_Stream(self._size) for _ in histories]
        self._mask = np.zeros((len(histories), vocabulary_size), dtype=np.float32)
        for stream, history in zip(self._streams, histories, strict=True):
            for token in history:
                stream.add(token)
        self._forbid()

    def mask(self) -> Mask:
        """Return -inf for each token that followed an earlier occurrence of the last n - 1 tokens.

        Returns:
            Shape (streams, vocabulary).
        """
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Add the tokens that were drawn, shape (streams,)."""
        for row, stream in zip(self._mask, self._streams, strict=True):
            row[stream.excluded] = 0
        for stream, token in zip(self._streams, ids.tolist(), strict=True):
            stream.add(token)
        self._forbid()

    def _forbid(self) -> None:
        for row, stream in zip(self._mask, self._streams, strict=True):
            row[stream.excluded] = -np.inf


class _Stream:
    """The tokens that followed each context in one stream."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._context: tuple[int, ...] = ()
        self._following: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)

    @property
    def excluded(self) -> list[int]:
        """The tokens that followed earlier occurrences of the current context."""
        return self._following[self._context] if len(self._context) == self._size else []

    def add(self, token: int) -> None:
        if token < 0:
            return
        if len(self._context) == self._size:
            self._following[self._context].append(token)
        self._context = (*self._context, token)[-self._size :] if self._size else ()
