"""The training set as a sequence of batches."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from seqgen.corpus.dataset import Dataset
from seqgen.training.batch import Batch

SHARD_SIZE = 1 << 20  # documents that are ordered together, which bounds the memory


class Batches(ABC):
    """The training set as an endless, reproducible sequence of batches.

    Attributes:
        dataset: the encoded documents.
        batch_size: the number of streams or, on average, of pairs per batch.
        sequence_length: the number of tokens per stream or, on average, per pair.
    """

    dataset: Dataset
    batch_size: int
    sequence_length: int

    @property
    @abstractmethod
    def steps_per_epoch(self) -> int:
        """The number of batches per epoch."""

    @abstractmethod
    def from_step(self, step: int) -> Iterator[Batch]:
        """Yield the batches from this step of the run on, endlessly."""

    @abstractmethod
    def show_beginnings(self, num_tokens: int) -> bool:
        """Return whether this number of tokens teaches a model to begin a document, see `sampling/opening.py`."""

    @property
    def own(self) -> slice:
        """The streams that this machine has, if each has only its share of the corpus; otherwise all."""
        return slice(0, self.batch_size)

    @property
    def tokens_per_step(self) -> float:
        """The mean number of targets per batch, on all machines."""
        return self.dataset.total_targets / self.steps_per_epoch

    @property
    def own_tokens_per_step(self) -> float:
        """The same for the streams of this machine."""
        return self.tokens_per_step * (self.dataset.num_targets / self.dataset.total_targets)

    def num_outputs(self, batch: Batch) -> float:
        """Return the number of outputs of the network for a batch: one per target, except without a decoder."""
        return batch.num_targets
