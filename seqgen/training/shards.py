"""Shards: documents of a training set that are ordered together, and the steps that each takes.

If each machine has only its share of the documents, a shard consists of documents of all shares. Each share has some of
the streams of a batch, in proportion to its length; the longest stream determines the number of steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.corpus.shares import Shares


class ShardSize(NamedTuple):
    """The part of a shard that one share of the corpus has.

    Attributes:
        num_documents: the number of documents.
        num_short: the number of those that fit into one chunk.
        num_chunks: the number of chunks of the others.
    """

    num_documents: int
    num_short: int
    num_chunks: int


class Group(NamedTuple):
    """Short documents of similar length, which are one batch.

    Attributes:
        documents: which of the sorted short documents of this share.
        before: the number of documents of other shares that precede them in the batch.
        total: the number of documents of all shares.
    """

    documents: slice
    before: int
    total: int


@dataclass(frozen=True)
class Shards:
    """The shards of a training set.

    Attributes:
        sizes: of each share, the part that it has of each shard.
        place: the number of the share of this machine.
        num_documents: of this share per shard; the last shards may have fewer.
        batch_size: the number of streams of all shares.
        least: the minimum number of streams of each share.
    """

    sizes: Sequence[Sequence[ShardSize]]
    place: int
    num_documents: int
    batch_size: int
    least: Sequence[int]

    @classmethod
    def of(cls, dataset: Dataset, batch_size: int, sequence_length: int, shard_size: int, shares: Shares) -> Self:
        """Return the shards of a dataset.

        Args:
            dataset: the documents of this machine.
            batch_size: the number of streams of all shares.
            sequence_length: the number of tokens per chunk.
            shard_size: the number of documents per shard of the largest share.
            shares: all shares of the corpus; all machines call this together.
        """
        totals = shares.gathered(dataset.num_documents)
        num_shards = -(-max(totals) // shard_size)
        own = -(-dataset.num_documents * shard_size // max(totals))
        counts = [chunk_counts(dataset, slice(i * own, (i + 1) * own), sequence_length) for i in range(num_shards)]
        sizes = [ShardSize(len(each), int((each == 1).sum()), int(each[each > 1].sum())) for each in counts]
        gathered = [[ShardSize(*size) for size in share] for share in shares.gathered(sizes)]
        return cls(gathered, shares.place, own, batch_size, shares.num_processes)

    @cached_property
    def num_chunks(self) -> int:
        """The number of chunks of all documents."""
        return sum(size.num_short + size.num_chunks for share in self.sizes for size in share)

    @cached_property
    def own(self) -> slice:
        """The streams of long documents that this share has."""
        before = sum(self._num_streams[: self.place])
        return slice(before, before + self._num_streams[self.place])

    @cached_property
    def _num_streams(self) -> list[int]:
        """How many streams of long documents each share has, at least one per process."""
        return _apportioned(
            [sum(size.num_chunks for size in share) for share in self.sizes], self.batch_size, self.least
        )

    def documents(self, shard: int) -> slice:
        """Return the documents that this share has in a shard."""
        return slice(shard * self.num_documents, (shard + 1) * self.num_documents)

    def order(self, shard: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Return the documents that this share has in a shard, from 0, in random order.

        The generator is then in the same state on all machines.
        """
        counts = [share[shard].num_documents for share in self.sizes]
        order = random.permutation(sum(counts))
        return order[order < counts[self.place]]

    @cached_property
    def steps(self) -> list[tuple[int, int]]:
        """How many batches of short and of long documents each shard has."""
        return [
            (
                _num_steps([part.num_short for part in parts], num_short),
                _num_steps([part.num_chunks for part in parts], self._num_streams),
            )
            for *parts, num_short in zip(*self.sizes, self._num_short, strict=True)
        ]

    @cached_property
    def num_steps(self) -> int:
        """The number of batches of all shards."""
        return sum(map(sum, self.steps))

    def group(self, shard: int, index: int) -> Group:
        """Return a group of the short documents of a shard."""
        most = self._num_short[shard]
        counts = [
            min(count, max(0, share[shard].num_short - index * count))
            for share, count in zip(self.sizes, most, strict=True)
        ]
        first = index * most[self.place]
        return Group(slice(first, first + most[self.place]), sum(counts[: self.place]), sum(counts))

    @cached_property
    def _num_short(self) -> list[list[int]]:
        """How many short documents of each share are in a batch, for each shard."""
        totals = [[part.num_short for part in parts] for parts in zip(*self.sizes, strict=True)]
        return [_apportioned(counts, self.batch_size, [min(1, count) for count in counts]) for counts in totals]


def chunk_counts(dataset: Dataset, documents: slice, sequence_length: int) -> NDArray[np.int64]:
    """Return the number of chunks of some documents, shape (documents,)."""
    targets = np.diff(dataset.offsets[documents.start : documents.stop + 1]) - 1
    counts: NDArray[np.int64] = -(-targets // sequence_length)
    return counts


def _apportioned(sizes: Sequence[int], count: int, least: Sequence[int]) -> list[int]:
    """Divide a number of streams among shares of different size, so that the longest stream is as short as possible.

    Args:
        sizes: of the shares.
        count: the number of streams.
        least: the minimum number of streams of each share.
    """
    counts = list(least)
    while sum(counts) < count:
        slowest = max(range(len(counts)), key=lambda place: sizes[place] / max(1, counts[place]))
        counts[slowest] += 1
    return counts


def _num_steps(sizes: Sequence[int], counts: Sequence[int]) -> int:
    """Return the number of steps that the longest of the shares needs."""
    return max(-(-size // max(1, count)) for size, count in zip(sizes, counts, strict=True))
