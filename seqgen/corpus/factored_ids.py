"""Tokens with their factors, which are computed when a document is read: stored, they would take far more memory."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import Ids

_MAX_CACHED = 1 << 22  # tokens, 235 MB with the factors of music


class FactoredIds:
    """The tokens of documents with their factors, to be read like an array of shape (tokens, 1 + factors).

    Args:
        ids: of all documents, concatenated.
        offsets: where each begins, and where the last ends.
        add_factors: returns the tokens of a whole document with their factors.
    """

    def __init__(self, ids: Ids, offsets: NDArray[np.int64], add_factors: Callable[[Ids], Ids]) -> None:
        self._ids = ids
        self._offsets = offsets
        self._add_factors = add_factors
        self._cache: OrderedDict[int, Ids] = OrderedDict()  # by document, the most recently used last
        self._num_cached = 0

    def __getitem__(self, places: slice | NDArray[np.int64]) -> Ids:
        """Return the rows at some places, shape (places, 1 + factors)."""
        if isinstance(places, slice):
            places = np.arange(*places.indices(len(self._ids)))
        documents = np.searchsorted(self._offsets, places, side="right") - 1
        like = self._document(int(documents.flat[0]) if documents.size else 0)
        rows = np.empty((*places.shape, like.shape[1]), dtype=like.dtype)
        for document in np.unique(documents).tolist():
            is_here = documents == document
            rows[is_here] = self._document(document)[places[is_here] - self._offsets[document]]
        return rows

    def _document(self, index: int) -> Ids:
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        rows = self._add_factors(self._ids[self._offsets[index] : self._offsets[index + 1]])
        self._cache[index] = rows
        self._num_cached += len(rows)
        while self._num_cached > _MAX_CACHED and len(self._cache) > 1:
            self._num_cached -= len(self._cache.popitem(last=False)[1])
        return rows
