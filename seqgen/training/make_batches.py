"""The batches of a run, of the kind that suits its corpus."""

from seqgen.config import TrainConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.training.batches import Batches
from seqgen.training.pair_batches import PairBatches
from seqgen.training.stream_batches import StreamBatches


def make_batches(corpus: PreparedCorpus, config: TrainConfig) -> Batches:
    """Return the training set as batches."""
    options, seed = config.optimization, config.machine.seed
    if corpus.given_coding is not None:
        subsampling = config.model.subsampling if config.model.alignment == "ctc" else 0
        return PairBatches(corpus.train, options.batch_size, options.max_length, seed, subsampling=subsampling)
    return StreamBatches(
        corpus.train,
        options.batch_size,
        options.sequence_length,
        seed,
        variants=corpus.level.variants(config.corpus),
        may_vary=corpus.may_vary,
        shares=corpus.shares,
    )
