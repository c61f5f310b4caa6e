"""Batches of streams of documents for truncated back-propagation through time, determined by seed and step.

Documents longer than one chunk are concatenated in random order, a new one in each epoch. The resulting sequence of
chunks is split into `batch_size` streams of equal length, and each batch contains the next chunk of every stream.
Shorter documents are batched whole, together with others of similar length, and these batches are placed at random
between the others. All this happens within shards of a million documents, whose order is random, too.

If each machine has only its share of the documents, it has some of the streams, see `shards.py`.

With fewer documents than streams, too few documents begin for a model to learn what the start token means. Streams that
begin inside a document then begin with the start token as well, which only means that nothing is known yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.corpus.shares import WHOLE, Shares
from seqgen.levels.base import PADDING, Level
from seqgen.sampling.opening import ENOUGH_BEGINNINGS
from seqgen.training.batch import Batch
from seqgen.training.batches import SHARD_SIZE, Batches
from seqgen.training.shards import Group, Shards, chunk_counts


@dataclass(frozen=True)
class StreamBatches(Batches):
    """The training set as streams of tokens.

    Args:
        dataset: the encoded documents.
        batch_size: the number of streams.
        sequence_length: the number of tokens per chunk.
        seed: determines the order of documents in every epoch.
        shard_size: the number of documents that are ordered together, of the largest share of the corpus.
        variants: mappings of ids to ids, shape (variants, vocabulary + factors); each document is mapped by a random
            one, drawn anew in each epoch. None for no mapping.
        may_vary: which of them may map each document, shape (documents, variants), at least one; None for all.
        shares: the shares of the corpus, one of which the dataset is; all processes make their batches together.
    """

    dataset: Dataset
    batch_size: int
    sequence_length: int
    seed: int
    shard_size: int = SHARD_SIZE
    variants: NDArray[np.int64] | None = None
    may_vary: NDArray[np.bool_] | None = None
    shares: Shares = WHOLE
    _shards: Shards = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shards = Shards.of(self.dataset, self.batch_size, self.sequence_length, self.shard_size, self.shares)
        object.__setattr__(self, "_shards", shards)

    @property
    def num_chunks(self) -> int:
        """The number of chunks of all documents, which is also the maximum number of streams."""
        return self._shards.num_chunks

    @property
    def own(self) -> slice:
        """The streams that this machine has of those of long documents."""
        return self._shards.own

    @property
    def starts_inside(self) -> bool:
        """Whether streams that begin inside a document begin with the start token."""
        return self.dataset.total_documents < min(self.batch_size, self.num_chunks)

    def show_beginnings(self, num_tokens: int) -> bool:
        """Return whether this number of tokens teaches a model to begin a document, see `sampling/opening.py`."""
        num_documents = self.dataset.total_documents
        num_shown = num_tokens / self.dataset.total_targets * num_documents
        are_short = self.num_chunks < 2 * num_documents  # most chunks begin a document
        return not self.starts_inside and (are_short or num_shown >= ENOUGH_BEGINNINGS)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches per epoch."""
        return self._shards.num_steps

    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield the batches from this step of the run on, endlessly."""
        epoch, done = divmod(step, self.steps_per_epoch)
        while True:
            for shard in np.random.default_rng((self.seed, epoch)).permutation(len(self._shards.steps)).tolist():
                num_steps = sum(self._shards.steps[shard])
                if done < num_steps:
                    yield from self._shard(epoch, shard, done)
                done = max(0, done - num_steps)
            epoch += 1

    def _shard(self, epoch: int, shard: int, done: int) -> Iterator[Batch]:
        """Yield the batches of one shard, without the first `done`."""
        random, shards = np.random.default_rng((self.seed, epoch, shard)), self._shards
        first = shards.documents(shard).start
        counts = chunk_counts(self.dataset, shards.documents(shard), self.sequence_length)
        order = shards.order(shard, random)
        is_short = counts[order] == 1
        num_short, num_long = shards.steps[shard]
        short, long = self._sorted(first + order[is_short]), order[~is_short]
        groups = random.permutation(num_short)
        schedule = random.permutation(np.repeat([True, False], [num_short, num_long]))
        next_short, next_long = int(schedule[:done].sum()), int((~schedule[:done]).sum())
        ways = self._ways(first + np.arange(len(counts)), random)
        streams = self._streams(first + long, counts[long], range(next_long, num_long))
        for is_whole in schedule[done:]:
            if is_whole:
                documents, batch = self._whole(short, shards.group(shard, int(groups[next_short])))
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

    def _sorted(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sort documents by length; those of equal length remain in random order."""
        lengths = self.dataset.offsets[documents + 1] - self.dataset.offsets[documents]
        return documents[np.argsort(lengths, kind="stable")]

    def _streams(
        self, documents: NDArray[np.int64], chunk_counts: NDArray[np.int64], steps: range
    ) -> Iterator[tuple[NDArray[np.int64], Batch]]:
        """Yield some of the batches of long documents, with the document in each column."""
        num_streams = self.own.stop - self.own.start
        if not len(documents):  # only other shares have any
            documents, chunk_counts = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        ends = np.cumsum(chunk_counts)
        bounds = np.arange(num_streams + 1) * int(ends[-1]) // num_streams
        first, last = bounds[:-1], bounds[1:]
        for index in steps:
            chunk = first + index
            active = chunk < last
            which = np.searchsorted(ends[:-1], np.where(active, chunk, 0), side="right")
            within = chunk - (ends[which] - chunk_counts[which])
            fresh = active & ((within == 0) | (index == 0))
            batch = self._gather(documents[which], within, active, fresh, is_whole=False)
            yield documents[which], replace(batch, before=self.own.start, total=self.batch_size)

    def _whole(self, short: NDArray[np.int64], group: Group) -> tuple[NDArray[np.int64], Batch]:
        """Return a group of the short documents, and their batch; padding if only other shares have some in it."""
        documents = short[group.documents]
        ones = np.ones(len(documents), dtype=bool)
        if not len(documents):
            documents, ones = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool)
        batch = self._gather(documents, np.zeros(len(documents), dtype=np.int64), ones, ones, is_whole=True)
        return documents, replace(batch, before=group.before, total=group.total)

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
        time = np.arange(max(1, lengths.max()))[:, None]
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
