"""A constraint on sampled music whose first tokens are partly known: the metre, the instruments."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.note.constraint import NoteConstraint


class HeaderConstraint:
    """The grammar of the note level, with known tokens in the header.

    Args:
        constraint: the grammar, which advances with this constraint.
        tokens: the known tokens, by the number of tokens that are drawn before.
    """

    def __init__(self, constraint: NoteConstraint, tokens: Mapping[int, int]) -> None:
        self._constraint = constraint
        self._tokens = tokens
        self._place = 0

    def mask(self) -> NDArray[np.float32]:
        """Return 0 where a token may come and -inf elsewhere, shape (streams, vocabulary)."""
        mask = self._constraint.mask()
        if self._place in self._tokens:
            mask = np.full_like(mask, -np.inf)
            mask[:, self._tokens[self._place]] = 0
        return mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the next token of each stream, shape (streams,)."""
        self._constraint.advance(ids)
        self._place += 1
