"""The interface of the rules that restrict the next token of sampled streams, and their combination.

Each rule has its own file: `whole_characters.py`, `no_repeat.py`, `end_token.py`, and `levels/note/constraint.py` for
music.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]


class Constraint(Protocol):
    """Restricts the next token of each stream."""

    def mask(self) -> Mask | None:
        """Return the mask that is added to the log-likelihoods: 0, or -inf for excluded tokens.

        Returns:
            Shape (streams, vocabulary), or (1, vocabulary) if it is the same for all streams; None if every token is
            allowed.
        """

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Add the tokens that were drawn, shape (streams,); negative for a stream without one."""


class Never:
    """Always excludes certain tokens.

    Args:
        vocabulary_size: the number of token ids.
        forbidden: the excluded ids.
    """

    def __init__(self, vocabulary_size: int, forbidden: Sequence[int]) -> None:
        self._mask = np.zeros((1, vocabulary_size), dtype=np.float32)
        self._mask[:, list(forbidden)] = -np.inf

    def mask(self) -> Mask:
        """Return the same mask every time, shape (1, vocabulary)."""
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""


class All:
    """The combination of several constraints: a token is allowed if all of them allow it.

    Args:
        constraints: at least one.
    """

    def __init__(self, *constraints: Constraint) -> None:
        self._constraints = constraints

    def mask(self) -> Mask | None:
        """Return the sum of the masks."""
        masks = [mask for each in self._constraints if (mask := each.mask()) is not None]
        return reduce(np.add, masks) if masks else None

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Add the tokens to each constraint."""
        for constraint in self._constraints:
            constraint.advance(ids)
