"""What may come next in streams that are being sampled: one interface for all rules, and their combination.

A rule has a file of its own: `whole_characters.py`, `no_repeat.py`, `endings.py`, and `levels/note/constraint.py` for
music.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.float32]


class Constraint(Protocol):
    """Says what may come next in each stream."""

    def mask(self) -> Mask | None:
        """Return what is added to the log-likelihoods: 0, or -inf for a token that must not come.

        Returns:
            Shape (streams, vocabulary), or (1, vocabulary) for all streams alike; None where every token may come.
        """

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the tokens that have come, shape (streams,); negative where a stream has none."""


class Never:
    """Some tokens never come.

    Args:
        vocabulary_size: how many tokens there are.
        forbidden: which must not come.
    """

    def __init__(self, vocabulary_size: int, forbidden: Sequence[int]) -> None:
        self._mask = np.zeros((1, vocabulary_size), dtype=np.float32)
        self._mask[:, list(forbidden)] = -np.inf

    def mask(self) -> Mask:
        """Return the same every time."""
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Do nothing."""


class All:
    """Several constraints: a token may come if it may by each of them.

    Args:
        constraints: at least one.
    """

    def __init__(self, *constraints: Constraint) -> None:
        self._constraints = constraints

    def mask(self) -> Mask | None:
        """Return the sum of the masks; a single one as it is."""
        masks = [mask for each in self._constraints if (mask := each.mask()) is not None]
        return reduce(np.add, masks) if masks else None

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Let each take the tokens."""
        for constraint in self._constraints:
            constraint.advance(ids)
