"""Dropout rates, which increase with the risk of overfitting."""

import math
from dataclasses import replace

from seqgen.config import ModelConfig, ModelOptions

# Dropout per doubling of the epochs beyond `HARMLESS_EPOCHS`, and of the parameters per token beyond `FEW_PARAMETERS`.
# With half or twice as much the loss changes by 0.01 nats. With too little dropout the loss is lowest before the end of
# the run: 1 x 768 on 1.1 MB of plays for 10 min with 0.32 ends at 1.467 nats, 2 x 512 with 0.5 at 1.397.
DROPOUT_PER_DOUBLING = 0.15
HARMLESS_EPOCHS = 2.0
# Word models have 24 parameters per token on 465 kB of text: 1.70 bits per character without this term, 1.68 with it.
FEW_PARAMETERS = 3.0
MAX_DROPOUT = 0.5
# If the rule yields more than `RECURRENT_FROM`, the dropout of recurrent weights is this share of the excess. Words of
# the documentation for 5 min (1.2 by the rule): without it the lowest loss is 3.212 nats, after half of the time, with
# 0.3 it is 3.183, with 0.5 3.173. Characters for 4 min (0.75 by the rule) get worse: 1.108 instead of 1.067.
RECURRENT_FROM = 0.85
RECURRENT_SHARE = 1.5
# The dropout of embeddings is half of the dropout beyond this: short runs get 0.01 nats worse, and long runs better.
EMBEDDING_DROPOUT_FROM = 0.3
# The dropout of tied embeddings as a share of the dropout; they contain most parameters. Words of the documentation:
# with 0 and 0.2 the loss is lowest after three quarters of 500 steps, 3.224 and 3.226 nats; with 0.4 it ends at 3.210.
TIED_EMBEDDING_DROPOUT = 0.8


def choose_dropout(
    model: ModelConfig, options: ModelOptions, epochs: float, parameters_per_token: float
) -> ModelConfig:
    """Return the model options with all dropout rates.

    Args:
        model: the model options with all sizes.
        options: the model options as given.
        epochs: how often the training set is read.
        parameters_per_token: the number of parameters per token of the training set.
    """
    dropout, recurrent = _dropouts(epochs, parameters_per_token)
    if options.from_ is not None:
        # From a model of Shakespeare's plays, 28 kB of verse reach 2.85 bits per character with dropout 0.5 and without
        # recurrent dropout after 150 steps, 2.92 with dropout 0.25, and 3.34 with both 0.5 after 300 steps.
        recurrent = 0.0
    if options.dropout is None:
        model = replace(model, dropout=dropout)
    if options.recurrent_dropout is None:
        model = replace(model, recurrent_dropout=recurrent)
    if options.embedding_dropout is None:
        model = replace(model, embedding_dropout=_embedding_dropout(model))
    return model


def _dropouts(epochs: float, parameters_per_token: float) -> tuple[float, float]:
    """Return the dropout of units and of recurrent weights."""
    ratios = (epochs / HARMLESS_EPOCHS, parameters_per_token / FEW_PARAMETERS)
    unlimited = DROPOUT_PER_DOUBLING * sum(math.log2(max(1.0, ratio)) for ratio in ratios)
    recurrent = RECURRENT_SHARE * max(0.0, unlimited - RECURRENT_FROM)
    return round(min(MAX_DROPOUT, unlimited), 2), round(min(MAX_DROPOUT, recurrent), 2)


def _embedding_dropout(model: ModelConfig) -> float:
    """Return the dropout of embeddings for the dropout between layers."""
    if model.tie_weights:
        return round(TIED_EMBEDDING_DROPOUT * model.dropout, 2)
    return round(max(0.0, model.dropout - EMBEDDING_DROPOUT_FROM) / 2, 2)
