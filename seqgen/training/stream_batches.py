"""Batches of streams of documents for truncated back-propagation through time, determined by seed and step.

Documents longer than one chunk are concatenated in random order, a new one in each epoch. The resulting sequence of
chunks is split into `batch_size` streams of equal length, and each batch contains the next chunk of every stream.
Shorter documents are batched whole, together with others of similar length, and these batches are placed at random
between the others. All this happens within shards of a million documents, whose order is random, too.

With fewer documents than streams, too few documents begin for a model to learn what the start token means. Streams that
begin inside a document then begin with the start token as well, which only means that nothing is known yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import PADDING, Level
from seqgen.sampling.opening import ENOUGH_BEGINNINGS
from seqgen.training.batch import Batch
from seqgen.training.batches import SHARD_SIZE, Batches


@dataclass(frozen=True)
class StreamBatches(Batches):
    """The training set as streams of tokens.

    Args:
        dataset: the encoded documents.
        batch_size: the number of streams.
        sequence_length: the number of tokens per chunk.
        seed: determines the order of documents in every epoch.
        shard_size: the number of documents that are ordered together.
        variants: mappings of ids to ids, shape (variants, vocabulary + factors); each document is mapped by a random
            one, drawn anew in each epoch. None for no mapping.
        may_vary: which of them may map each document, shape (documents, variants), at least one; None for all.
    """

    dataset: Dataset
    batch_size: int
    sequence_length: int
    seed: int
    shard_size: int = SHARD_SIZE
    variants: NDArray[np.int64] | None = None
    may_vary: NDArray[np.bool_] | None = None

    @cached_property
    def num_chunks(self) -> int:
        """The number of chunks of all documents, which is also the maximum number of streams."""
        return sum(int(self._chunk_counts(shard).sum()) for shard in range(self._num_shards))

    @cached_property
    def starts_inside(self) -> bool:
        """Whether streams that begin inside a document begin with the start token."""
        return self.dataset.num_documents < min(self.batch_size, self.num_chunks)

    def show_beginnings(self, num_tokens: int) -> bool:
        """Return whether this number of tokens teaches a model to begin a document, see `sampling/opening.py`."""
        num_documents = self.dataset.num_documents
        num_shown = num_tokens / self.dataset.num_targets * num_documents
        are_short = self.num_chunks < 2 * num_documents  # most chunks begin a document
        return not self.starts_inside and (are_short or num_shown >= ENOUGH_BEGINNINGS)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches per epoch."""
        return sum(self._shard_steps)

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield the batches from this step of the run on, endlessly."""
        epoch, done = divmod(step, self.steps_per_epoch)
        while True:
            for shard in np.random.default_rng((self.seed, epoch)).permutation(self._num_shards).tolist():
                if done < self._shard_steps[shard]:
                    yield from self._shard(epoch, shard, done)
                done = max(0, done - self._shard_steps[shard])
            epoch += 1

    @property
    def _num_shards(self) -> int:
        return -(-self.dataset.num_documents // self.shard_size)

    @cached_property
    def _shard_steps(self) -> list[int]:
        """The number of batches of each shard."""
        steps = []
        for shard in range(self._num_shards):
            counts = self._chunk_counts(shard)
            is_short = counts == 1
            steps.append(self._batches_for(int(is_short.sum())) + self._batches_for(int(counts[~is_short].sum())))
        return steps

    def _chunk_counts(self, shard: int) -> NDArray[np.int64]:
        """Return the number of chunks of each document of a shard, shape (documents,)."""
        targets = np.diff(self.dataset.offsets[shard * self.shard_size : (shard + 1) * self.shard_size + 1]) - 1
        counts: NDArray[np.int64] = -(-targets // self.sequence_length)
        return counts

    def _batches_for(self, num_chunks: int) -> int:
        return -(-num_chunks // self.batch_size)

    def _shard(self, epoch: int, shard: int, done: int) -> Iterator[Batch]:
        """Yield the batches of one shard, without the first `done`."""
        random = np.random.default_rng((self.seed, epoch, shard))
        counts = self._chunk_counts(shard)
        order = random.permutation(len(counts))
        is_short = counts[order] == 1
        first = shard * self.shard_size
        short, long = self._short_batches(first + order[is_short], random), order[~is_short]
        num_long = self._batches_for(int(counts[long].sum()))
        schedule = random.permutation(np.repeat([True, False], [len(short), num_long]))
        next_short, next_long = int(schedule[:done].sum()), int((~schedule[:done]).sum())
        ways = self._ways(first + np.arange(len(counts)), random)
        streams = self._streams(first + long, counts[long], next_long)
        for is_whole in schedule[done:]:
            if is_whole:
                documents, batch = short[next_short], self._whole(short[next_short])
                next_short += 1
            else:
                documents, batch = next(streams)
            if self.variants is not None:
                batch = _varied(batch, self.variants, ways[documents - first])
            yield batch

    def _ways(self, documents: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.int64]:
        """Draw one of the possible variants for each document."""
        if self.may_vary is None:
            return random.integers(1 if self.variants is None else len(self.variants), size=len(documents))
        may_vary = self.may_vary[documents]
        drawn = (random.random(len(documents)) * may_vary.sum(1)).astype(np.int64)
        ways: NDArray[np.int64] = np.argmax(may_vary.cumsum(1) > drawn[:, None], axis=1)
        return ways

    def _short_batches(self, documents: NDArray[np.int64], random: np.random.Generator) -> list[NDArray[np.int64]]:
        """Group short documents by length; documents of equal length are grouped at random."""
        lengths = self.dataset.offsets[documents + 1] - self.dataset.offsets[documents]
        documents = documents[np.argsort(lengths, kind="stable")]
        groups = np.split(documents, range(self.batch_size, len(documents), self.batch_size)) if len(documents) else []
        return [groups[i] for i in random.permutation(len(groups))]

    def _streams(
        self, documents: NDArray[np.int64], chunk_counts: NDArray[np.int64], done: int
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield the batches of long documents, with the document in each column, without the first `done`."""
        ends = np.cumsum(chunk_counts)
        bounds = np.arange(self.batch_size + 1) * (int(ends[-1]) if len(ends) else 0) // self.batch_size
        first, last = bounds[:-1], bounds[1:]
        for index in range(done, int((last - first).max())):
            chunk = first + index
            active = chunk < last
            which = np.searchsorted(ends, np.where(active, chunk, 0), side="right")
            within = chunk - (ends[which] - chunk_counts[which])
            fresh = active & ((within == 0) | (index == 0))
            yield documents[which], self._gather(documents[which], within, active, fresh, is_whole=False)

    def _whole(self, documents: NDArray[np.int64]) -> Batch:
        ones = np.ones(len(documents), dtype=bool)
        return self._gather(documents, np.zeros(len(documents), dtype=np.int64), ones, ones, is_whole=True)

    def _gather(
        self,
        documents: NDArray[np.int64],
        chunk: NDArray[np.int64],
        active: NDArray[np.bool_],
        fresh: NDArray[np.bool_],
        *,
        is_whole: bool,
    ) -> Batch:
        """Read chunk `chunk[i]` of document `documents[i]` into column i; inactive columns contain only padding."""
        begin = self.dataset.offsets[documents] + chunk * self.sequence_length
        lengths = np.minimum(self.dataset.offsets[documents + 1] - 1 - begin, self.sequence_length)
        lengths = np.where(active, lengths, 0)
        time = np.arange(lengths.max())[:, None]
        scored = time < lengths
        positions = np.where(scored, begin + time, 0)
        inputs = self.dataset.inputs[positions].astype(np.int64)
        if self.starts_inside:
            inputs.reshape(*inputs.shape[:2], -1)[0, fresh, 0] = Level.START  # the factors are kept
        following = self.dataset.ids[np.where(scored, positions + 1, 0)].astype(np.int64)
        targets = np.where(scored, following, PADDING)
        return Batch(torch.from_numpy(inputs), torch.from_numpy(targets), torch.from_numpy(fresh), is_whole)


def _varied(batch: Batch, variants: NDArray[np.int64], ways: NDArray[np.int64]) -> Batch:
    """Return the batch with the ids of column i mapped by `variants[ways[i]]`."""
    inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
    mapped = np.where(targets == PADDING, PADDING, variants[ways, targets])
    read = variants[ways.reshape(-1, *[1] * (inputs.ndim - 2)), inputs]
    return replace(batch, inputs=torch.from_numpy(read), targets=torch.from_numpy(mapped))
