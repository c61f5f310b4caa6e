"""The constraint that a text begins with a prime, which may end inside a token."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import TextLevel
from seqgen.sampling.constraint import Mask
from seqgen.sampling.healing import split
from seqgen.sampling.token_index import TokenIndex
from seqgen.sampling.whole_characters import WholeCharacters


class Beginning:
    """Allows only tokens that write the prime, until it is complete.

    The tokens before the last word of the prime are those of the level's encoder, as in `healing.py`; the last word may
    be written by any tokens, the last of which may write more.

    Args:
        level: the vocabulary.
        prime: the normalised text with which all texts begin.
        forbidden: tokens that are never written after the prime.
        num_left: the maximum number of tokens of each stream.
    """

    def __init__(self, level: TextLevel, prime: str, forbidden: Sequence[int], num_left: Sequence[int]) -> None:
        self._settled, self._rest = split(level, prime)
        self._digits = level.hexadecimal
        self._num_digits = np.array([len(digits) for digits in self._digits])
        self._index = TokenIndex(self._digits)
        self._forbidden = set(forbidden)
        self._whole = WholeCharacters(self._digits, level.END, forbidden, num_left)
        self._places = np.zeros(len(num_left), dtype=np.int64)  # settled tokens, then digits of the rest
        self._num_places = len(self._settled) + len(self._rest)

    def mask(self) -> Mask:
        """Return -inf for tokens that do not continue the prime; see `WholeCharacters` for those after it."""
        mask = self._whole.mask()
        if (self._places == self._num_places).all():
            return mask
        mask = np.broadcast_to(mask, (len(self._places), mask.shape[1])).copy()
        for place in np.unique(self._places[self._places < self._num_places]).tolist():
            row = np.full(mask.shape[1], -np.inf, dtype=np.float32)
            row[self._allowed(place)] = 0
            mask[self._places == place] = row
        return mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Add the tokens that were written, shape (streams,)."""
        is_within = self._places < self._num_places
        self._whole.advance(ids)
        self._whole.reset(is_within)  # the prime may contain forbidden tokens; it ends between characters
        following = self._places + np.where(self._places < len(self._settled), 1, self._num_digits[ids])
        self._places = np.minimum(following, self._num_places)

    def select(self, streams: NDArray[np.int64]) -> None:
        """Continue with the streams at these indices, in this order."""
        self._places = self._places[streams]
        self._whole.select(streams)

    def _allowed(self, place: int) -> list[int]:
        """Return the tokens that continue the prime after a place."""
        if place < len(self._settled):
            return [self._settled[place]]
        left = self._rest[place - len(self._settled) :]
        entries = self._index.agreeing(left)
        pairs = zip(self._index.tokens[entries].tolist(), self._index.num_digits[entries].tolist(), strict=True)
        return [token for token, count in pairs if count <= len(left) or token not in self._forbidden]
