"""Batches of pairs: whole texts of similar length with what they are given, determined by seed and step.

Pairs are sorted by the length of the text, then by the length of the given, and divided into batches with about the
same number of tokens, padding included. All epochs have the same batches by length; which of the pairs of equal lengths
are read together, and the order of the batches, are random. All this happens within shards of a million pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import PADDING
from seqgen.model.encoder import Given
from seqgen.training.batch import Batch
from seqgen.training.batches import SHARD_SIZE, Batches


@dataclass(frozen=True)
class PairBatches(Batches):
    """The training set as pairs of texts.

    Args:
        dataset: the encoded pairs.
        batch_size: the mean number of pairs per batch; batches of longer pairs have fewer.
        max_length: the maximum number of tokens on either side; longer pairs are left out.
        seed: determines the order of pairs in every epoch.
        shard_size: the number of pairs that are ordered together.
        subsampling: the number of given positions per output of a network without a decoder, which needs an output for
            each token, and one more between equal tokens; pairs with fewer are left out. 0 for a network with one.
    """

    dataset: Dataset
    batch_size: int
    max_length: int
    seed: int
    shard_size: int = SHARD_SIZE
    subsampling: int = 0

    @property
    def num_too_long(self) -> int:
        """The number of pairs that are longer than `max_length`, which are left out."""
        return self.dataset.num_documents - self._totals[0] - self.num_without_room

    @property
    def num_without_room(self) -> int:
        """The number of pairs that are short enough, but are left out because they have too few outputs."""
        return self._totals[3]

    @cached_property
    def sequence_length(self) -> int:  # type: ignore[override]  # here it is computed
        """The mean number of tokens per pair, both sides together."""
        num_pairs, num_targets, num_given, _ = self._totals
        return -(-(num_targets + num_given) // max(1, num_pairs))

    def vectors_per_pair(self, subsampling: int) -> int:
        """Return the mean number of tokens per pair, and of vectors if a front end divides positions by this."""
        num_pairs, num_targets, num_given, _ = self._totals
        return -(-(num_targets + num_given // subsampling) // max(1, num_pairs))

    @property
    def tokens_per_step(self) -> float:
        """The mean number of targets per batch."""
        return self._totals[1] / self.steps_per_epoch

    def num_outputs(self, batch: Batch) -> float:
        """Return the number of outputs of the network for a batch."""
        if not self.subsampling or batch.given is None:
            return batch.num_targets
        return float(batch.given.lengths.sum()) / self.subsampling

    def show_beginnings(self, num_tokens: int) -> bool:  # noqa: ARG002  # every pair is read from its beginning
        """Return True."""
        return True

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches per epoch."""
        return sum(map(len, self._ends))

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield the batches from this step of the run on, endlessly."""
        epoch, done = divmod(step, self.steps_per_epoch)
        while True:
            for shard in np.random.default_rng((self.seed, epoch)).permutation(self._num_shards).tolist():
                if done >= len(self._ends[shard]):
                    done -= len(self._ends[shard])
                    continue
                for pairs in self._shard(epoch, shard)[done:]:
                    yield _batch(self.dataset, pairs)
                done = 0
            epoch += 1

    @property
    def _num_shards(self) -> int:
        return -(-self.dataset.num_documents // self.shard_size)

    @cached_property
    def _totals(self) -> tuple[int, int, int, int]:
        """The numbers of pairs that are read, of their targets and given tokens, and of pairs without room."""
        num_pairs, num_tokens, num_without_room = 0, np.zeros(2, dtype=np.int64), 0
        for shard in range(self._num_shards):
            lengths = self._lengths(shard)
            is_short, has_room = lengths.max(1) <= self.max_length, self._has_room(shard)
            num_pairs += int((is_short & has_room).sum())
            num_without_room += int((is_short & ~has_room).sum())
            num_tokens += lengths[is_short & has_room].sum(0)
        num_targets, num_given = num_tokens.tolist()
        return num_pairs, num_targets, num_given, num_without_room

    def _shard(self, epoch: int, shard: int) -> list[NDArray[np.int64]]:
        """Return the pairs of each batch of a shard that has any."""
        random, ends = np.random.default_rng((self.seed, epoch, shard)), self._ends[shard]
        pairs, _ = self._sorted(shard, random)
        batches = np.split(shard * self.shard_size + pairs, ends[:-1])
        return [batches[i] for i in random.permutation(len(ends))]

    @cached_property
    def _ends(self) -> list[NDArray[np.int64]]:
        """Where each batch of each shard ends among its sorted pairs."""
        capacity = self.batch_size * self.sequence_length
        return [_batch_ends(self._sorted(shard)[1], capacity) for shard in range(self._num_shards)]

    def _lengths(self, shard: int) -> NDArray[np.int64]:
        """Return the numbers of targets and of given tokens of each pair of a shard, shape (pairs, 2)."""
        assert self.dataset.given is not None  # noqa: S101  # these are pairs
        some = slice(shard * self.shard_size, (shard + 1) * self.shard_size + 1)
        return np.stack([np.diff(self.dataset.offsets[some]) - 1, np.diff(self.dataset.given.offsets[some])], 1)

    def _has_room(self, shard: int) -> NDArray[np.bool_]:
        """Return whether each pair of a shard has enough outputs for its text, shape (pairs,)."""
        lengths = self._lengths(shard)
        if not self.subsampling:
            return np.ones(len(lengths), dtype=np.bool_)
        offsets = self.dataset.offsets[shard * self.shard_size : (shard + 1) * self.shard_size + 1]
        ids = self.dataset.ids[offsets[0] : offsets[-1]]
        equal = np.concatenate([[0], np.cumsum(ids[1:] == ids[:-1])])  # pairs of neighbours up to each token
        num_equal = equal[offsets[1:] - offsets[0] - 1] - equal[offsets[:-1] - offsets[0]]
        num_outputs = -(-lengths[:, 1] // self.subsampling)
        has_room: NDArray[np.bool_] = lengths[:, 0] - 1 + num_equal <= num_outputs
        return has_room

    def _sorted(
        self, shard: int, random: np.random.Generator | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs of a shard that are short enough, by length, and their lengths.

        Args:
            shard: the shard.
            random: the order of pairs of equal lengths; None for the order of the documents.

        Returns:
            Indices within the shard, shape (pairs,), and the numbers of targets and of given tokens, shape (pairs, 2).
        """
        lengths = self._lengths(shard)
        pairs = np.flatnonzero((lengths.max(1) <= self.max_length) & self._has_room(shard))
        if random is not None:
            pairs = random.permutation(pairs)
        pairs = pairs[np.lexsort((lengths[pairs, 1], lengths[pairs, 0]))]
        return pairs, lengths[pairs]


def _batch(dataset: Dataset, pairs: NDArray[np.int64]) -> Batch:
    """Return some pairs of a dataset as a batch."""
    assert dataset.given is not None  # noqa: S101  # these are pairs
    ids, lengths = dataset.padded(pairs)
    is_target = np.arange(1, len(ids))[:, None] < lengths
    targets = torch.from_numpy(np.where(is_target, ids[1:], PADDING))
    fresh = torch.ones(len(pairs), dtype=torch.bool)
    given = Given(*map(torch.from_numpy, dataset.given.padded(pairs)))
    return Batch(torch.from_numpy(ids[:-1]), targets, fresh, is_whole=True, given=given)


def _batch_ends(lengths: NDArray[np.int64], capacity: float) -> NDArray[np.int64]:
    """Return where batches end that have up to `capacity` tokens each, with padding, or a single pair.

    Args:
        lengths: of sorted pairs, shape (pairs, 2).
        capacity: the number of tokens.
    """
    ends, begin = [], 0
    while begin < len(lengths):
        most = int(capacity // max(1, lengths[begin].sum()))  # if no other pair were longer on either side
        some = lengths[begin : begin + max(1, most)]
        longest = np.maximum.accumulate(some, 0).sum(1)
        fitting = int(np.searchsorted(longest * np.arange(1, len(some) + 1), capacity, side="right"))
        begin += max(1, fitting)
        ends.append(begin)
    return np.array(ends, dtype=np.int64)
