"""The recipe for texts and music that are read as streams."""

from collections.abc import Callable

from seqgen.config import ModelConfig, ModelOptions, OptimizationConfig, OptimizationOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.training.batches import Batches
from seqgen.training.dropout import choose_dropout
from seqgen.training.repetitiveness import repetitiveness
from seqgen.training.sizes import ATTENTION, choose_learning_rate, choose_size
from seqgen.training.softmax_cutoff import choose_softmax_cutoff
from seqgen.training.stream_batches import StreamBatches
from seqgen.wording import counted

BATCH_SIZE = 32  # with 64 there are fewer steps in the same time: 0.02 nats worse after 80 s
SEQUENCE_LENGTH = 128
WEIGHT_DECAY = 0.01


class StreamRecipe:
    """Choices for a corpus without anything given; see `recipe.py`.

    Args:
        corpus: the prepared corpus.
    """

    def __init__(self, corpus: PreparedCorpus) -> None:
        self._corpus = corpus

    def batches(self, options: OptimizationOptions) -> tuple[Batches, list[str]]:
        """Return batches of a size that the corpus can fill, and a message if it is not the requested size."""
        batch_size, sequence_length = options.batch_size or BATCH_SIZE, options.sequence_length or SEQUENCE_LENGTH
        dataset, shares = self._corpus.train, self._corpus.shares
        num_chunks = StreamBatches(dataset, 1, sequence_length, 0, shares=shares).num_chunks
        if num_chunks >= batch_size:
            return StreamBatches(dataset, batch_size, sequence_length, 0, shares=shares), []
        message = (
            f"the training set fills only {counted(num_chunks, 'stream')} of {sequence_length:,} tokens: using "
            f"--batch-size {num_chunks:,} instead of {batch_size:,}"
        )
        return StreamBatches(dataset, num_chunks, sequence_length, 0, shares=shares), [message]

    def model(self, options: ModelOptions, num_steps: Callable[[ModelConfig], float]) -> tuple[ModelConfig, float]:
        """Return the sizes of the network, and the number of steps that the budget allows for it."""
        options = choose_softmax_cutoff(options, self._corpus.train.counts)
        return choose_size(options, self._corpus.level.vocabulary_size, self._repetitiveness(), num_steps)

    def _repetitiveness(self) -> float:
        """Return the mean over all shares of the corpus, each weighted by its number of tokens."""
        train = self._corpus.train
        weight = train.num_targets / train.total_targets
        return float(sum(self._corpus.shares.gathered(weight * repetitiveness(train, ATTENTION))))

    def with_dropout(
        self, model: ModelConfig, options: ModelOptions, epochs: float, num_parameters: float
    ) -> ModelConfig:
        """Return the model options with all dropout rates."""
        return choose_dropout(model, options, epochs, num_parameters / self._corpus.train.total_targets)

    def optimization(self, options: OptimizationOptions, model: ModelConfig, batches: Batches) -> OptimizationConfig:
        """Return the optimization options for a model and batches."""
        return options.completed(
            OptimizationConfig,
            learning_rate=choose_learning_rate(model, batches.steps_per_epoch),
            weight_decay=WEIGHT_DECAY,
        )
