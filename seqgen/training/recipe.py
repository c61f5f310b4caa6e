"""The recipe: chooses the options that are open for the corpus, the budget and the speed of the machine.

The measurements behind each constant are given next to it; `make bench-recipe` repeats them.
"""

import math
from dataclasses import replace

from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    MachineConfig,
    ModelConfig,
    OptimizationConfig,
    OptimizationOptions,
    TrainConfig,
    TrainOptions,
)
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.model.hardware import resolve_device, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import check_memory, shortage_reported
from seqgen.options import parse_time
from seqgen.training.batches import Batches
from seqgen.training.calibration import step_seconds
from seqgen.training.distributed import ALONE, World
from seqgen.training.dropout import choose_dropout
from seqgen.training.sizes import choose_learning_rate, choose_size
from seqgen.training.softmax_cutoff import choose_softmax_cutoff
from seqgen.wording import counted

DEFAULT_TIME = "10m"
BATCH_SIZE = 32  # with 64 there are fewer steps in the same time: 0.02 nats worse after 80 s
SEQUENCE_LENGTH = 128
WEIGHT_DECAY = 0.01


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
    budget, machine = _budget(requested.budget), _machine(requested.machine)
    world.check_alike(machine)
    batches, messages = _batches(requested.optimization, corpus)
    world.check_streams(batches.batch_size)
    options = choose_softmax_cutoff(requested.model, corpus.train.counts)
    model, steps = choose_size(
        options,
        corpus.level.vocabulary_size,
        lambda model: _num_steps(model, batches, budget, machine, corpus, world),
    )
    num_parameters = LanguageModel(model, corpus.level.vocabulary_size).num_parameters
    epochs, variety = steps / batches.steps_per_epoch, _variety(corpus, requested.corpus)
    model = choose_dropout(model, options, epochs / variety, num_parameters / (corpus.train.num_targets * variety))
    chosen = f", dropout {model.dropout:g}" if options.is_open("dropout") else ""
    messages.append(
        f"{model.num_layers} x {model.hidden_size:,} units, {_counted_steps(steps, budget)}{chosen} ({epochs:.1f} "
        f"epochs over {counted(corpus.train.num_targets, 'token')}, {counted(num_parameters, 'parameter')})"
    )
    config = TrainConfig(
        corpus=replace(requested.corpus, level=corpus.level.name, vocabulary_size=corpus.level.vocabulary_size),
        model=model,
        optimization=_optimization(requested.optimization, model, batches),
        budget=budget,
        machine=machine,
    )
    return config, messages


def _budget(budget: BudgetConfig) -> BudgetConfig:
    """Return the budget, or the default if there is none."""
    if budget.time is None and budget.epochs is None and budget.steps is None:
        return replace(budget, time=DEFAULT_TIME)
    return budget


def _machine(machine: MachineConfig) -> MachineConfig:
    """Return the machine options with a device and a precision that this machine has."""
    device = resolve_device(machine.device)
    return replace(machine, device=device, precision=resolve_precision(machine.precision, device))


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


def _num_steps(
    model: ModelConfig,
    batches: Batches,
    budget: BudgetConfig,
    machine: MachineConfig,
    corpus: PreparedCorpus,
    world: World,
) -> float:
    """Return the approximate number of steps that the budget allows; without `--time` the clock has no influence.

    Raises:
        ShortageError: the network does not fit into memory.
    """
    num_streams = world.local.size * world.largest_share(batches.batch_size)
    check_memory(model, num_streams, batches.sequence_length, machine, corpus.level.vocabulary_size)
    if budget.time is None:
        return float(budget.num_steps(batches.steps_per_epoch))
    with shortage_reported(model, batches.batch_size, batches.sequence_length):
        return parse_time(budget.time) / step_seconds(model, batches, machine, corpus, world)


def _variety(corpus: PreparedCorpus, config: CorpusConfig) -> float:
    """Return how much information transposition adds to the training set, as a factor.

    It is less than the number of keys: with twelve, 10 min on the chorales had dropout 0.25, and the loss was lowest
    after half of the time, at 1.59 nats per note.
    """
    variants = corpus.level.variants(config)
    return 1.0 if variants is None else math.sqrt(len(variants))


def _optimization(options: OptimizationOptions, model: ModelConfig, batches: Batches) -> OptimizationConfig:
    """Return the optimization options for a model and batches."""
    sized = replace(options, batch_size=batches.batch_size, sequence_length=batches.sequence_length)
    learning_rate = choose_learning_rate(model, batches.steps_per_epoch)
    return sized.completed(OptimizationConfig, learning_rate=learning_rate, weight_decay=WEIGHT_DECAY)


def _counted_steps(steps: float, budget: BudgetConfig) -> str:
    """Return the number of steps in words; with `--time` it is rounded to one or two digits fewer."""
    if budget.time is None:
        return counted(round(steps), "step")
    return f"about {counted(max(1, int(round(steps, -1 - int(steps > 999)))), 'step')}"
