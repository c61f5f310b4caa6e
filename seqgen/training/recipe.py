"""The recipe: chooses the options that are open for the corpus, the budget and the speed of the machine.

The measurements behind each constant are given next to it; `make bench-recipe` repeats them.
"""

from dataclasses import replace

from seqgen.config import BudgetConfig, MachineConfig, ModelConfig, TrainConfig, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.errors import UsageError
from seqgen.model.hardware import resolve_device, resolve_precision
from seqgen.model.memory import check_memory, shortage_reported
from seqgen.options import flag, parse_time
from seqgen.training.batches import Batches
from seqgen.training.calibration import step_seconds
from seqgen.training.distributed import ALONE, World
from seqgen.training.initial_model import initial_model
from seqgen.training.pair_batches import PairBatches
from seqgen.training.pair_recipe import PairRecipe
from seqgen.training.stream_recipe import StreamRecipe
from seqgen.training.transposition import choose_transposition, variety
from seqgen.wording import counted

DEFAULT_TIME = "10m"


def check_given_options(requested: TrainOptions) -> None:
    """Reject options that need `--given`, or that it excludes.

    Raises:
        UsageError: an option contradicts the presence or absence of `--given`.
    """
    model, optimization = requested.model, requested.optimization
    if requested.corpus.given is None:
        alignment = None if model.alignment == "auto" else model.alignment
        values = {
            "encoder_layers": model.encoder_layers, "alignment": alignment, "subsampling": model.subsampling,
            "max_length": optimization.max_length,
        }  # fmt: skip
        for name, value in values.items():
            if value:
                raise UsageError(f"{flag(name)} {value} needs --given, which names what texts are given: omit it")
        return
    if model.encoder_layers == 0:
        raise UsageError("--encoder-layers must be at least 1 with --given, got 0")
    if (length := optimization.sequence_length) is not None:
        raise UsageError(
            f"--sequence-length {length} cuts texts, but pairs (--given) are never cut: omit it, or leave out long "
            "pairs with --max-length"
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
    budget, machine = _budget(requested.budget), _machine(requested.machine)
    world.check_alike(machine)
    recipe = StreamRecipe(corpus) if corpus.given_coding is None else PairRecipe(corpus, requested.model)
    batches, messages = recipe.batches(requested.optimization)
    world.check_streams(batches.batch_size)
    options = requested.model
    model, steps = recipe.model(options, lambda model: _num_steps(model, batches, budget, machine, corpus, world))
    network = initial_model(model, corpus, seed=0)
    epochs = steps / batches.steps_per_epoch
    corpus_options = choose_transposition(requested.corpus, corpus.level, epochs)
    added = variety(corpus_options, corpus.level)
    # Embeddings of factors are many, but a step uses few of them. With dropout 0.5 instead of 0.25 because of them,
    # chorales have 1.672 instead of 1.635 nats per note after 5.2 epochs in one key.
    num_overfitting = network.num_parameters - network.parameters_by_layer.get("factors", 0)
    model = recipe.with_dropout(model, options, epochs / added, num_overfitting / added)
    chosen = f", dropout {model.dropout:g}" if options.is_open("dropout") else ""
    messages.append(
        f"{model.depth} x {model.hidden_size:,} units, {_counted_steps(steps, budget)}{chosen} ({epochs:.1f} "
        f"epochs over {counted(corpus.train.total_targets, 'token')}, {counted(network.num_parameters, 'parameter')})"
    )
    sized = replace(requested.optimization, batch_size=batches.batch_size, sequence_length=batches.sequence_length)
    config = TrainConfig(
        corpus=replace(corpus_options, level=corpus.level.name, vocabulary_size=corpus.level.vocabulary_size),
        model=model,
        optimization=recipe.optimization(sized, model, batches),
        budget=budget,
        machine=machine,
    )
    return config, messages


def _budget(budget: BudgetConfig) -> BudgetConfig:
    """Return the budget; by default a training time of `DEFAULT_TIME`."""
    if budget.time is None and budget.epochs is None and budget.steps is None:
        return replace(budget, time=DEFAULT_TIME)
    return budget


def _machine(machine: MachineConfig) -> MachineConfig:
    """Return the machine options with a device and a precision that this machine has."""
    device = resolve_device(machine.device)
    return replace(machine, device=device, precision=resolve_precision(machine.precision, device))


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
    num_streams = world.local.size * world.readers.largest_share(batches.own.stop - batches.own.start)
    length = batches.sequence_length
    if isinstance(batches, PairBatches):
        length = batches.vectors_per_pair(model.subsampling)
    check_memory(model, num_streams, length, machine, corpus.level.vocabulary_size, corpus.level.num_factors)
    if budget.time is None:
        return float(budget.num_steps(batches.steps_per_epoch))
    with shortage_reported(model, batches.batch_size, batches.sequence_length):
        return parse_time(budget.time) / step_seconds(model, batches, machine, corpus, world)


def _counted_steps(steps: float, budget: BudgetConfig) -> str:
    """Return the number of steps in words; with `--time` it is rounded to one or two digits fewer."""
    if budget.time is None:
        return counted(round(steps), "step")
    return f"about {counted(max(1, int(round(steps, -1 - int(steps > 999)))), 'step')}"
