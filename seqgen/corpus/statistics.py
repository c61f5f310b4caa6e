"""What a split needs to know about all documents, counted in one pass and in constant memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document
from seqgen.corpus.passages import Passages

MAX_RANKED = 100_000  # different documents whose hashes are remembered
_NUM_LONGEST = 32  # documents remembered among more than these
_SUMS = ("num_documents", "size", "given_size", "valid_size")  # attributes


@dataclass
class Statistics:
    """Counts documents.

    Args:
        valid_fraction: the share of the text that is meant to validate.

    Attributes:
        num_documents: how many documents there are.
        size: their total size, in characters or bars.
        given_size: the total size of what they are given, in characters, or in bytes of signals.
        valid_size: the size of those whose `hash_fraction` is below `valid_fraction`.
        sizes: total sizes by `hash_fraction`; incomplete once it has `MAX_RANKED` entries.
    """

    valid_fraction: float
    num_documents: int = 0
    size: int = 0
    given_size: int = 0
    valid_size: int = 0
    sizes: dict[float, int] = field(default_factory=dict)
    _longest: list[tuple[int, float]] = field(default_factory=list)  # in ascending order

    @classmethod
    def of_all(cls, valid_fraction: float, parts: Iterable[Mapping[str, Any]]) -> Self:
        """Return the statistics of several sets of documents, each described by `to_json`."""
        total = cls(valid_fraction)
        for part in parts:
            for name in _SUMS:
                setattr(total, name, getattr(total, name) + part[name])
            for hash_fraction, size in part["sizes"]:
                total.sizes[hash_fraction] = total.sizes.get(hash_fraction, 0) + size
            total._add_longest(map(tuple, part["longest"]))
        return total

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `of_all`."""
        sums = {name: getattr(self, name) for name in _SUMS}
        return {**sums, "sizes": list(self.sizes.items()), "longest": self._longest}

    def add(self, document: Document[Any]) -> None:
        """Count a document."""
        self._add(np.array([document.size]), np.array([document.hash_fraction]))
        self.given_size += document.given.size if document.given else 0

    def add_all(self, passages: Passages) -> None:
        """Count documents in memory."""
        self._add(passages.texts.sizes, passages.hash_fractions)

    def _add(self, sizes: NDArray[np.int64], hash_fractions: NDArray[np.float64]) -> None:
        self.num_documents += len(sizes)
        self.size += int(sizes.sum())
        self.valid_size += int(sizes[hash_fractions < self.valid_fraction].sum())
        if len(self.sizes) < MAX_RANKED:
            distinct, places = np.unique(hash_fractions, return_inverse=True)
            totals = np.bincount(places, sizes).astype(np.int64)
            for hash_fraction, size in zip(distinct.tolist(), totals.tolist(), strict=True):
                self.sizes[hash_fraction] = self.sizes.get(hash_fraction, 0) + size
        if len(self._longest) == _NUM_LONGEST:
            is_long = sizes >= self._longest[0][0]
            sizes, hash_fractions = sizes[is_long], hash_fractions[is_long]
        longest = np.lexsort((hash_fractions, sizes))[-_NUM_LONGEST:]
        found = zip(sizes[longest].tolist(), hash_fractions[longest].tolist(), strict=True)
        self._add_longest(found)

    def _add_longest(self, found: Iterable[tuple[int, float]]) -> None:
        self._longest = sorted([*self._longest, *found])[-_NUM_LONGEST:]

    @property
    def is_complete(self) -> bool:
        """Whether `sizes` has all documents."""
        return len(self.sizes) < MAX_RANKED

    @property
    def num_distinct(self) -> int:
        """The number of documents without duplicates; 0 if there are too many to know."""
        return len(self.sizes) if self.is_complete else 0

    @property
    def longest(self) -> dict[float, int]:
        """The sizes of the longest documents, by `hash_fraction`."""
        return {hash_fraction: size for size, hash_fraction in self._longest}
