"""The defaults that fit: sizes, rates and dropout, chosen from the corpus, the budget and the speed of the machine.

What the figures rest on is written beside each; `make bench-recipe` measures the curves again.
"""

import math
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, TypeVar

import numpy as np
import torch
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
from seqgen.corpus.reading import counted
from seqgen.errors import UsageError
from seqgen.model.hardware import PRECISIONS, resolve_device, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import refuse_too_large, shortage_reported
from seqgen.options import Options, parse_time
from seqgen.training.batch import Batch
from seqgen.training.batches import Batches
from seqgen.training.distributed import ALONE, World

Config = TypeVar("Config", bound=Options)

DEFAULT_TIME = "10m"
BATCH_SIZE = 32  # 64 does fewer steps in the same time: 0.02 nats worse after 80 s
SEQUENCE_LENGTH = 128
EMBEDDING_SIZE = 64  # enough for an alphabet; sizes that are no multiple of 16 halve the speed
# From so many tokens on, one matrix is both: after 500 steps on the words of Python's documentation 3.23 nats
# a word, with two 3.30; after 600 on those of its source 2.65 and 2.68.
TIED_VOCABULARY = 2000
# From so many on, rare ones are chosen among apart: words of a vocabulary of 8,500 are learned 1.8 times as fast, and
# after 60 s cost 3.28 nats a token instead of 3.47; of 4,000 1.15 times, of 2,000 no faster.
ADAPTIVE_VOCABULARY = 4000
WEIGHT_DECAY = 0.01
# For every doubling of the passes over the corpus beyond two, and of the weights beyond a few. Between half of it and
# twice as much the loss changes by 0.01 nats; with too little a model is best after a part of the time: 1 x 768 on
# 1.1 MB of plays for 10 min with 0.32 ends at 1.467 nats, 2 x 512 with 0.5 at 1.397.
DROPOUT_PER_DOUBLING = 0.15
HARMLESS_PASSES = 2.0
FEW_WEIGHTS = 3.0  # for each token; words have 24 on 465 kB of text: 1.70 bits a character without this, 1.68 with it
MAX_DROPOUT = 0.5
# Where the rule would have more than this, so much of what exceeds it is dropped of the recurrent weights. The words of
# the documentation for 5 min (1.2 by the rule) are best with none at 3.212 nats after half the time, with 0.3 at 3.183,
# with 0.5 at 3.173; its characters for 4 min (0.75) get worse, 1.108 instead of 1.067.
RECURRENT_FROM = 0.85
RECURRENT_SHARE = 1.5
# Of what exceeds this, half is the dropout of embeddings: a short run is 0.01 nats worse with some, a long one better.
EMBEDDING_DROPOUT_FROM = 0.3
# Share of the dropout where one matrix is both. Most weights are there then: on the words of the documentation with
# none and 0.2 the loss is lowest after three quarters of 500 steps, 3.224 and 3.226 nats; with 0.4 it ends at 3.210.
TIED_EMBEDDING_DROPOUT = 0.8
GENTLE_STEPS = 50  # where fewer pass over the corpus, slower learning: 40 names end at 2.7 instead of 4.1 nats
FINE_TUNING = 0.5  # of the learning rate, where the weights are good already
_CALIBRATION_STEPS = 5  # after a first that warms up


@dataclass(frozen=True)
class Size:
    """A network, its learning rate, and up to how many of its steps it is better than the next larger one on text."""

    num_layers: int
    hidden_size: int
    learning_rate: float
    max_steps: float


SIZES = (
    Size(num_layers=1, hidden_size=256, learning_rate=6e-3, max_steps=800),
    Size(num_layers=1, hidden_size=512, learning_rate=5e-3, max_steps=3000),
    Size(num_layers=2, hidden_size=512, learning_rate=3e-3, max_steps=math.inf),
)


def resolve(requested: TrainOptions, store: PreparedCorpus, world: World = ALONE) -> tuple[TrainConfig, list[str]]:
    """Return the config with everything chosen, and sentences for the user about the choice."""
    budget = requested.budget
    if budget.time is None and budget.epochs is None and budget.steps is None:
        budget = replace(budget, time=DEFAULT_TIME)
    device = resolve_device(requested.machine.device)
    machine = replace(
        requested.machine, device=device, precision=resolve_precision(requested.machine.precision, device)
    )
    world.check_alike(machine)
    batches, reasons = _batches(requested.optimization, store)
    world.check_streams(batches.batch_size)
    options = _with_cutoff(requested.model, store)
    model, steps = _sized(options, batches, budget, machine, store, world)
    num_weights, passes = (
        LanguageModel(model, store.level.vocabulary_size).num_parameters,
        steps / batches.steps_per_epoch,
    )
    # Music in twelve keys is worth more than in one, but not twelve times as much: with that factor, 10 min on the
    # chorales had dropout 0.25 and were best after half the time, at 1.59 nats per note.
    variants = store.level.variants(requested.corpus)
    variety = 1.0 if variants is None else math.sqrt(len(variants))
    model = _with_dropout(model, options, passes / variety, num_weights / (store.train.num_targets * variety))
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
        f"{model.num_layers} x {model.hidden_size:,} units, {about}{count}{chosen} ({passes:.1f} epochs over "
        f"{counted(store.train.num_targets, 'token')}, {counted(num_weights, 'parameter')})"
    )
    corpus = replace(requested.corpus, level=store.level.name, vocabulary_size=store.level.vocabulary_size)
    config = TrainConfig(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine)
    return config, reasons


def _resolved(kind: type[Config], requested: Options, **choices: Any) -> Config:
    """Return the requested options, with these choices for those that are open."""
    given = {name: value for name, value in vars(requested).items() if value is not None}
    return kind(**(choices | given))


def _batches(options: OptimizationOptions, store: PreparedCorpus) -> tuple[Batches, list[str]]:
    """Return batches of a size that the corpus can fill, and why it is not the requested one, if so."""
    batch_size, sequence_length = options.batch_size or BATCH_SIZE, options.sequence_length or SEQUENCE_LENGTH
    num_chunks = Batches(store.train, 1, sequence_length, 0).num_chunks
    if num_chunks >= batch_size:
        return Batches(store.train, batch_size, sequence_length, 0), []
    reason = (
        f"the training set fills only {counted(num_chunks, 'stream')} of {sequence_length:,} tokens: using "
        f"--batch-size {num_chunks:,} instead of {batch_size:,}"
    )
    return Batches(store.train, num_chunks, sequence_length, 0), [reason]


def _with_cutoff(options: ModelOptions, store: PreparedCorpus) -> ModelOptions:
    """Return the options with the cutoff of the adaptive softmax.

    Raises:
        UsageError: it is not below the size of the vocabulary.
    """
    cutoff, size = options.softmax_cutoff, store.level.vocabulary_size
    cutoff = _softmax_cutoff(store.train.counts) if cutoff is None else cutoff
    if cutoff >= size:
        raise UsageError(f"--softmax-cutoff must be below the {size:,} tokens of the vocabulary, got {cutoff:,}")
    return replace(options, softmax_cutoff=cutoff)


def _sized(
    options: ModelOptions,
    batches: Batches,
    budget: BudgetConfig,
    machine: MachineConfig,
    store: PreparedCorpus,
    world: World,
) -> tuple[ModelConfig, float]:
    """Return the model with its sizes, and about how many steps of it the budget allows.

    The largest network is chosen for which there are enough steps; without `--time` the clock has no influence.
    """
    steps = float(budget.num_steps(batches.steps_per_epoch))
    num_streams, sequence_length = world.local.size * world.largest_share(batches.batch_size), batches.sequence_length
    for size in SIZES:
        model = _with_size(options, size, store.level.vocabulary_size)
        refuse_too_large(model, num_streams, sequence_length, machine, store.level.vocabulary_size)
        if budget.time is not None:
            with shortage_reported(model, batches.batch_size, sequence_length):
                steps = parse_time(budget.time) / _step_seconds(model, batches, machine, store, world)
        is_given = options.num_layers is not None and options.hidden_size is not None
        if steps <= size.max_steps * _slowness(store.level.vocabulary_size) or is_given:
            break
    return model, steps


def _slowness(vocabulary_size: int) -> float:
    """Return how many times the steps a larger network needs, before it is better, than with an alphabet of text.

    1 x 256 and 1 x 512 are equal after 900 steps of the smaller where there are 70 to 100 tokens (plays: 1.495 and
    1.494 nats after 40 s), not yet after 1,200 where there are 440 (chorales: 1.248 and 1.313 after 40 s, 1.204 and
    1.212 after 80 s; tunes: 1.076 and 1.123 after 40 s), and after some 2,500 where there are 8,400 (words: 3.426 and
    3.643 after 80 s, 3.335 and 3.471 after 160 s). So it is with 1 x 512 and 2 x 512: 5,000 and 1,950 steps on the
    chorales end at 1.018 and 1.068.
    """
    return max(1.0, math.log10(vocabulary_size) - 0.8)


def _with_size(options: ModelOptions, size: Size, vocabulary_size: int) -> ModelConfig:
    """Return the model with everything that depends on its size."""
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


def _with_dropout(model: ModelConfig, options: ModelOptions, passes: float, weights_per_token: float) -> ModelConfig:
    """Return the model with the dropout that is not given."""
    dropout, recurrent = _dropouts(passes, weights_per_token)
    if options.dropout is None:
        model = replace(model, dropout=dropout)
    if options.recurrent_dropout is None:
        model = replace(model, recurrent_dropout=recurrent)
    if options.embedding_dropout is None:
        model = replace(model, embedding_dropout=_embedding_dropout(model))
    return model


def _softmax_cutoff(counts: NDArray[np.int64]) -> int:
    """Return the cutoff with which the fewest logits are computed for a token."""
    size = len(counts)
    if size < ADAPTIVE_VOCABULARY:
        return 0
    cutoffs = np.arange(1, size)
    rare_share = 1 - np.cumsum(counts)[:-1] / counts.sum()
    return int(cutoffs[np.argmin(cutoffs + rare_share * (size - cutoffs))])


def _learning_rate(model: ModelConfig, steps_per_epoch: int) -> float:
    """Return the learning rate of the size that has about as many units."""
    units = model.num_layers * model.hidden_size
    nearest = min(SIZES, key=lambda size: abs(math.log(size.num_layers * size.hidden_size / units)))
    gentleness = math.sqrt(min(1.0, steps_per_epoch / GENTLE_STEPS))
    tuning = 1.0 if model.from_ is None else FINE_TUNING
    return float(f"{nearest.learning_rate * gentleness * tuning:.2g}")


def _dropouts(passes: float, weights_per_token: float) -> tuple[float, float]:
    """Return the dropout of units, and of recurrent weights.

    What is seen often, or by many weights, is learned by heart.
    """
    doublings = math.log2(max(1.0, passes / HARMLESS_PASSES)) + math.log2(max(1.0, weights_per_token / FEW_WEIGHTS))
    wanted = DROPOUT_PER_DOUBLING * doublings
    recurrent = RECURRENT_SHARE * max(0.0, wanted - RECURRENT_FROM)
    return round(min(MAX_DROPOUT, wanted), 2), round(min(MAX_DROPOUT, recurrent), 2)


def _embedding_dropout(model: ModelConfig) -> float:
    """Return the dropout of embeddings that goes with that between layers."""
    if model.tie_weights:
        return round(TIED_EMBEDDING_DROPOUT * model.dropout, 2)
    return round(max(0.0, model.dropout - EMBEDDING_DROPOUT_FROM) / 2, 2)


def _step_seconds(
    config: ModelConfig, batches: Batches, machine: MachineConfig, store: PreparedCorpus, world: World
) -> float:
    """Return how long a step takes, from a few batches through a throw-away model.

    They differ in length, and any may be disturbed, so that the median time for a token counts.
    """
    model = LanguageModel(config, store.level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(0), torch.from_numpy(store.train.counts))
    model.to(machine.device)
    dtype, paces = PRECISIONS[machine.precision], []
    for _, batch in zip(range(1 + _CALIBRATION_STEPS), batches.from_step(0), strict=False):
        own = batch.streams(world.share(batch.num_streams)).to(machine.device)
        paces.append(_derivation_seconds(model, own, dtype) / batch.num_targets)
    (pace,) = world.agreed(median(paces[1:]))
    return pace * store.train.num_targets / batches.steps_per_epoch


def _derivation_seconds(model: LanguageModel, batch: Batch, dtype: torch.dtype) -> float:
    """Return how long a step takes; where a GPU has too little memory, estimated from half of the streams."""
    begun, count = time.perf_counter(), batch.num_streams
    try:
        hidden, _ = model.hidden(batch.inputs, model.initial_state(count), dtype)
        loss = model.loss(hidden, batch.targets, dtype)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss.item()  # waits for a GPU
        return time.perf_counter() - begun
    except torch.OutOfMemoryError:
        if count == 1:
            raise
    torch.cuda.empty_cache()
    half = batch.streams(slice(count // 2))
    return _derivation_seconds(model, half, dtype) * count / half.num_streams
