"""The model of a run before its first step."""

import torch

from seqgen.config import ModelConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.model.language_model import LanguageModel


def empty_model(config: ModelConfig, corpus: PreparedCorpus) -> LanguageModel:
    """Return a model for the vocabularies of a corpus, whose weights are not set."""
    given = corpus.given_level
    return LanguageModel(config, corpus.level.vocabulary_size, given.vocabulary_size if given else 0)


def initial_model(config: ModelConfig, corpus: PreparedCorpus, seed: int) -> LanguageModel:
    """Return a model with random weights, and output biases that fit the frequencies of the training set's tokens."""
    model = empty_model(config, corpus)
    model.initialise(torch.Generator().manual_seed(seed), torch.from_numpy(corpus.train.counts))
    return model
