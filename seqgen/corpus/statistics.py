"""What a split needs to know about all documents, counted in one pass and in constant memory."""

from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any

from seqgen.corpus.documents import Document

MAX_RANKED = 100_000  # different documents whose hashes are remembered
_NUM_LONGEST = 32  # documents remembered among more than these


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
    _longest: list[tuple[int, float]] = field(default_factory=list)  # a heap

    def add(self, document: Document[Any]) -> None:
        """Count a document."""
        size, hash_fraction = document.size, document.hash_fraction
        self.num_documents += 1
        self.size += size
        self.given_size += document.given.size if document.given else 0
        self.valid_size += size * (hash_fraction < self.valid_fraction)
        if len(self.sizes) < MAX_RANKED:
            self.sizes[hash_fraction] = self.sizes.get(hash_fraction, 0) + size
        (heappush if len(self._longest) < _NUM_LONGEST else heappushpop)(self._longest, (size, hash_fraction))

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
