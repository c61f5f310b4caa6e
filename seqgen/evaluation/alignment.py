"""The costs of one document under two models, whose tokens may differ: between places at which tokens of both end."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import Ids, Level, TextLevel


class TokenCosts(NamedTuple):
    """What the tokens of a document cost, up to each place at which one of them ends.

    Attributes:
        ends: the places in ascending order, in characters of a text or tokens of a piece of music, shape (places,).
        nats: of all tokens up to each place, float64, shape (places,).
    """

    ends: NDArray[np.int64]
    nats: NDArray[np.float64]

    @classmethod
    def of(cls, level: Level[Any], ids: Ids, nats: NDArray[np.float32], text: str | None) -> Self:
        """Return the costs of a document.

        Args:
            level: encoded the document.
            ids: the tokens without START, shape (tokens,).
            nats: of each token, shape (tokens,).
            text: the content of a document of text; None for music.
        """
        if text is not None and isinstance(level, TextLevel):
            ends = level.token_ends(ids, text)
        else:
            ends = np.arange(1, len(ids) + 1)
        total = np.cumsum(nats, dtype=np.float64)
        ends, total = ends[ends >= 0], total[ends >= 0]
        is_last = np.append(np.diff(ends) > 0, True)  # the end token ends where the last character does
        return cls(ends[is_last], total[is_last])

    @classmethod
    def whole(cls, nats: NDArray[np.float32], text: str) -> Self:
        """Return the cost of a document that is not divided."""
        return cls(np.array([len(text)]), np.array([nats.sum(dtype=np.float64)]))


class Alignment(NamedTuple):
    """A document between places at which tokens of two models end.

    Attributes:
        ends: the places, see `TokenCosts`, shape (places,).
        nats: what each model needs from one place to the next, shape (2, places).
    """

    ends: NDArray[np.int64]
    nats: NDArray[np.float64]

    @classmethod
    def of(cls, first: TokenCosts, other: TokenCosts) -> Self:
        """Return the alignment of two encodings of the same document."""
        ends, *places = np.intersect1d(first.ends, other.ends, assume_unique=True, return_indices=True)
        totals = [costs.nats[chosen] for costs, chosen in zip((first, other), places, strict=True)]
        return cls(ends, np.diff(np.stack(totals), prepend=0.0))

    @property
    def totals(self) -> NDArray[np.float64]:
        """The nats of the whole document by each model, shape (2,)."""
        totals: NDArray[np.float64] = self.nats.sum(axis=1)
        return totals
