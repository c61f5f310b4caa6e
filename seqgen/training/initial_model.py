"""The model of a run before its first step."""

import torch

from seqgen.config import ModelConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.encoders import front_end
from seqgen.model.ctc import make_model
from seqgen.model.language_model import LanguageModel


def empty_model(config: ModelConfig, corpus: PreparedCorpus) -> LanguageModel:
    """Return a model for the vocabulary of a corpus and what its texts are given, whose weights are not set."""
    given, level = corpus.given_coding, corpus.level
    return make_model(config, level.vocabulary_size, front_end(given, config) if given else None, level.num_factors)


def initial_model(config: ModelConfig, corpus: PreparedCorpus, seed: int) -> LanguageModel:
    """Return a model with random weights, and output biases that fit the frequencies of the training set's tokens."""
    model = empty_model(config, corpus)
    model.initialise(torch.Generator().manual_seed(seed), torch.from_numpy(corpus.train.counts))
    return model
