"""The recipe: sizes, learning rate and dropout, chosen for the corpus, the budget and the speed of the machine.

The measurements behind each constant are given next to it; `make bench-recipe` repeats them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqgen.config import (
    BudgetConfig,
    MachineConfig,
    ModelConfig,
    ModelOptions,
    OptimizationConfig,
    OptimizationOptions,
    TrainConfig,
    TrainOptions,
)
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.errors import UsageError
from seqgen.model.hardware import resolve_device, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import check_memory, shortage_reported
from seqgen.options import Options, parse_time
from seqgen.training.batches import Batches
from seqgen.training.calibration import step_seconds
from seqgen.training.distributed import ALONE, World
from seqgen.wording import counted

Config = TypeVar("Config", bound=Options)

DEFAULT_TIME = "10m"
BATCH_SIZE = 32  # with 64 there are fewer steps in the same time: 0.02 nats worse after 80 s
SEQUENCE_LENGTH = 128
EMBEDDING_SIZE = 64  # enough for an alphabet; sizes that are not a multiple of 16 halve the speed
# Vocabulary size from which embedding and output weights are tied. Words of Python's documentation after 500 steps:
# 3.23 nats per word tied, 3.30 untied; words of its source code after 600 steps: 2.65 and 2.68.
TIED_VOCABULARY = 2000
# Vocabulary size from which the softmax is adaptive. Training is 1.8 times as fast with a vocabulary of 8,500 words
# (after 60 s 3.28 nats per token instead of 3.47), 1.15 times with 4,000, and no faster with 2,000.
ADAPTIVE_VOCABULARY = 4000
WEIGHT_DECAY = 0.01
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
GENTLE_STEPS = 50  # with fewer steps per epoch the learning rate is lower: 40 names end at 2.7 instead of 4.1 nats
FINE_TUNING = 0.5  # factor of the learning rate for weights that are already trained


@dataclass(frozen=True)
class Size:
    """A network, its learning rate, and the steps up to which it is better than the next larger network on text."""

    num_layers: int
    hidden_size: int
    learning_rate: float
    max_steps: float


SIZES = (
    Size(num_layers=1, hidden_size=256, learning_rate=6e-3, max_steps=800),
    Size(num_layers=1, hidden_size=512, learning_rate=5e-3, max_steps=3000),
    Size(num_layers=2, hidden_size=512, learning_rate=3e-3, max_steps=math.inf),
)


def resolve(requested: TrainOptions, corpus: PreparedCorpus, world: World = ALONE) -> tuple[TrainConfig, list[str]]:
    """Choose all options that are open.

    Args:
        requested: the options as given.
        corpus: the prepared corpus.
        world: the processes that train together.

    Returns:
        The resolved options, and messages for the user about the choices.

    Raises:
        UsageError: options contradict each other, the corpus or the machine.
        ShortageError: the network does not fit into memory.
    """
    budget = requested.budget
    if budget.time is None and budget.epochs is None and budget.steps is None:
        budget = replace(budget, time=DEFAULT_TIME)
    device = resolve_device(requested.machine.device)
    machine = replace(
        requested.machine, device=device, precision=resolve_precision(requested.machine.precision, device)
    )
    world.check_alike(machine)
    batches, reasons = _batches(requested.optimization, corpus)
    world.check_streams(batches.batch_size)
    options = _with_cutoff(requested.model, corpus)
    model, steps = _sized(options, batches, budget, machine, corpus, world)
    num_parameters = LanguageModel(model, corpus.level.vocabulary_size).num_parameters
    epochs = steps / batches.steps_per_epoch
    # Transposition to twelve keys adds information, but not twelve times as much: with this factor, 10 min on the
    # chorales had dropout 0.25, and the loss was lowest after half of the time, at 1.59 nats per note.
    variants = corpus.level.variants(requested.corpus)
    variety = 1.0 if variants is None else math.sqrt(len(variants))
    model = _with_dropout(model, options, epochs / variety, num_parameters / (corpus.train.num_targets * variety))
    optimization = _resolved(
        OptimizationConfig,
        replace(requested.optimization, batch_size=batches.batch_size, sequence_length=batches.sequence_length),
        learning_rate=_learning_rate(model, batches.steps_per_epoch),
        weight_decay=WEIGHT_DECAY,
    )
    about = "" if budget.time is None else "about "
    count = counted(round(steps) if budget.time is None else max(1, int(round(steps, -1 - int(steps > 999)))), "step")
    chosen = f", dropout {model.dropout:g}" if options.is_open("dropout") else ""
    reasons.append(
        f"{model.num_layers} x {model.hidden_size:,} units, {about}{count}{chosen} ({epochs:.1f} epochs over "
        f"{counted(corpus.train.num_targets, 'token')}, {counted(num_parameters, 'parameter')})"
    )
    sources = replace(requested.corpus, level=corpus.level.name, vocabulary_size=corpus.level.vocabulary_size)
    config = TrainConfig(corpus=sources, model=model, optimization=optimization, budget=budget, machine=machine)
    return config, reasons


def _resolved(kind: type[Config], requested: Options, **choices: Any) -> Config:
    """Return the requested options, with these values for those that are open."""
    given = {name: value for name, value in vars(requested).items() if value is not None}
    return kind(**(choices | given))


def _batches(options: OptimizationOptions, corpus: PreparedCorpus) -> tuple[Batches, list[str]]:
    """Return batches of a size that the corpus can fill, and a message if it is not the requested size."""
    batch_size, sequence_length = options.batch_size or BATCH_SIZE, options.sequence_length or SEQUENCE_LENGTH
    num_chunks = Batches(corpus.train, 1, sequence_length, 0).num_chunks
    if num_chunks >= batch_size:
        return Batches(corpus.train, batch_size, sequence_length, 0), []
    reason = (
        f"the training set fills only {counted(num_chunks, 'stream')} of {sequence_length:,} tokens: using "
        f"--batch-size {num_chunks:,} instead of {batch_size:,}"
    )
    return Batches(corpus.train, num_chunks, sequence_length, 0), [reason]


def _with_cutoff(options: ModelOptions, corpus: PreparedCorpus) -> ModelOptions:
    """Return the options with the cutoff of the adaptive softmax.

    Raises:
        UsageError: the cutoff is not below the size of the vocabulary.
    """
    cutoff, size = options.softmax_cutoff, corpus.level.vocabulary_size
    cutoff = _softmax_cutoff(corpus.train.counts) if cutoff is None else cutoff
    if cutoff >= size:
        raise UsageError(f"--softmax-cutoff must be below the vocabulary size of {size:,}, got {cutoff:,}")
    return replace(options, softmax_cutoff=cutoff)


def _sized(
    options: ModelOptions,
    batches: Batches,
    budget: BudgetConfig,
    machine: MachineConfig,
    corpus: PreparedCorpus,
    world: World,
) -> tuple[ModelConfig, float]:
    """Return the model options with all sizes, and the approximate number of steps that the budget allows.

    The largest network is chosen for which the budget has enough steps; without `--time` the clock has no influence.
    """
    steps = float(budget.num_steps(batches.steps_per_epoch))
    num_streams, sequence_length = world.local.size * world.largest_share(batches.batch_size), batches.sequence_length
    for size in SIZES:
        model = _with_size(options, size, corpus.level.vocabulary_size)
        check_memory(model, num_streams, sequence_length, machine, corpus.level.vocabulary_size)
        if budget.time is not None:
            with shortage_reported(model, batches.batch_size, sequence_length):
                steps = parse_time(budget.time) / step_seconds(model, batches, machine, corpus, world)
        is_given = options.num_layers is not None and options.hidden_size is not None
        if steps <= size.max_steps * _slowness(corpus.level.vocabulary_size) or is_given:
            break
    return model, steps


def _slowness(vocabulary_size: int) -> float:
    """Return the number of steps after which a larger network is better, as a multiple of that for an alphabet.

    1 x 256 and 1 x 512 are equal after 900 steps of the smaller network with 70 to 100 tokens (plays: 1.495 and 1.494
    nats after 40 s), not yet after 1,200 steps with 440 tokens (chorales: 1.248 and 1.313 after 40 s, 1.204 and 1.212
    after 80 s; tunes: 1.076 and 1.123 after 40 s), and after about 2,500 steps with 8,400 tokens (words: 3.426 and
    3.643 after 80 s, 3.335 and 3.471 after 160 s). The same holds for 1 x 512 and 2 x 512: 5,000 and 1,950 steps on the
    chorales end at 1.018 and 1.068.
    """
    return max(1.0, math.log10(vocabulary_size) - 0.8)


def _with_size(options: ModelOptions, size: Size, vocabulary_size: int) -> ModelConfig:
    """Return the model options with all that depend on the size."""
    tie_weights = options.tie_weights
    if tie_weights is None:
        tie_weights = vocabulary_size >= TIED_VOCABULARY and options.embedding_size is None
    tied_size = options.embedding_size if tie_weights and options.projection_size is None else None
    num_layers = options.num_layers or size.num_layers
    hidden_size = options.hidden_size or tied_size or size.hidden_size
    return _resolved(
        ModelConfig,
        options,
        num_layers=num_layers,
        hidden_size=hidden_size,
        embedding_size=options.projection_size or hidden_size if tie_weights else EMBEDDING_SIZE,
        tie_weights=tie_weights,
        residual=num_layers > 1,
        layer_norm=num_layers > 1,
    )


def _with_dropout(model: ModelConfig, options: ModelOptions, epochs: float, parameters_per_token: float) -> ModelConfig:
    """Return the model options with all dropout rates."""
    dropout, recurrent = _dropouts(epochs, parameters_per_token)
    if options.dropout is None:
        model = replace(model, dropout=dropout)
    if options.recurrent_dropout is None:
        model = replace(model, recurrent_dropout=recurrent)
    if options.embedding_dropout is None:
        model = replace(model, embedding_dropout=_embedding_dropout(model))
    return model


def _softmax_cutoff(counts: NDArray[np.int64]) -> int:
    """Return the cutoff with which the fewest logits are computed per token; 0 for small vocabularies."""
    size = len(counts)
    if size < ADAPTIVE_VOCABULARY:
        return 0
    cutoffs = np.arange(1, size)
    rare_share = 1 - np.cumsum(counts)[:-1] / counts.sum()
    return int(cutoffs[np.argmin(cutoffs + rare_share * (size - cutoffs))])


def _learning_rate(model: ModelConfig, steps_per_epoch: int) -> float:
    """Return the learning rate of the nearest size by units, reduced for small corpora and for fine-tuning."""
    units = model.num_layers * model.hidden_size
    nearest = min(SIZES, key=lambda size: abs(math.log(size.num_layers * size.hidden_size / units)))
    gentleness = math.sqrt(min(1.0, steps_per_epoch / GENTLE_STEPS))
    tuning = 1.0 if model.from_ is None else FINE_TUNING
    return float(f"{nearest.learning_rate * gentleness * tuning:.2g}")


def _dropouts(epochs: float, parameters_per_token: float) -> tuple[float, float]:
    """Return the dropout of units and of recurrent weights, which increase with the risk of overfitting."""
    ratios = (epochs / HARMLESS_EPOCHS, parameters_per_token / FEW_PARAMETERS)
    unlimited = DROPOUT_PER_DOUBLING * sum(math.log2(max(1.0, ratio)) for ratio in ratios)
    recurrent = RECURRENT_SHARE * max(0.0, unlimited - RECURRENT_FROM)
    return round(min(MAX_DROPOUT, unlimited), 2), round(min(MAX_DROPOUT, recurrent), 2)


def _embedding_dropout(model: ModelConfig) -> float:
    """Return the dropout of embeddings for the dropout between layers."""
    if model.tie_weights:
        return round(TIED_EMBEDDING_DROPOUT * model.dropout, 2)
    return round(max(0.0, model.dropout - EMBEDDING_DROPOUT_FROM) / 2, 2)
