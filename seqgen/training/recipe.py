"""The defaults that fit: sizes, rates and dropout, chosen from the corpus, the budget and the speed of the machine.

What the figures rest on is written beside each; a larger search over more corpora may change them.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from seqgen.config import MachineConfig, ModelConfig, OptimizationConfig, Options, TrainConfig, parse_time
from seqgen.corpus.batches import Batches
from seqgen.corpus.store import Store
from seqgen.model.hardware import PRECISIONS, resolve_device, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.model.memory import refuse_too_large

Group = TypeVar("Group", bound=Options)

DEFAULT_TIME = "10m"
BATCH_SIZE = 32  # 64 does fewer steps in the same time: 0.02 nats worse after 80 s
SEQUENCE_LENGTH = 128
EMBEDDING_SIZE = 64  # enough for an alphabet; sizes that are no multiple of 16 halve the speed
WEIGHT_DECAY = 0.01
DROPOUT_PER_DOUBLING = 0.08  # for every doubling of the passes over the corpus, and of the weights beyond a few
FEW_WEIGHTS = 3.0  # for each token; words have 24 on 465 kB of text: 1.70 bits a character without this, 1.68 with it
MAX_DROPOUT = 0.5
GENTLE_STEPS = 50  # where fewer pass over the corpus, slower learning: 40 names end at 2.7 instead of 4.1 nats


@dataclass(frozen=True)
class Size:
    """A hidden size with the learning rate that suits it, for budgets up to a number of seconds."""

    seconds: float
    hidden_size: int
    learning_rate: float


SIZES = (
    Size(seconds=20, hidden_size=256, learning_rate=6e-3),
    Size(seconds=150, hidden_size=512, learning_rate=5e-3),
    Size(seconds=math.inf, hidden_size=768, learning_rate=3e-3),
)


def resolve(requested: TrainConfig, store: Store) -> tuple[TrainConfig, list[str]]:
    """Return the config with every hole filled, and what the user should hear about the choice."""
    budget = requested.budget
    if budget.time is None and budget.epochs is None and budget.steps is None:
        budget = replace(budget, time=DEFAULT_TIME)
    device = resolve_device(requested.machine.device)
    machine = replace(
        requested.machine, device=device, precision=resolve_precision(requested.machine.precision, device)
    )
    seconds = parse_time(budget.time or DEFAULT_TIME)
    size = next(size for size in SIZES if seconds <= size.seconds)
    is_tied_to_hidden = requested.model.tie_weights and requested.model.projection_size is None
    tied_size = requested.model.embedding_size if is_tied_to_hidden else None
    hidden_size = requested.model.hidden_size or tied_size or size.hidden_size
    model = _filled(
        requested.model,
        num_layers=1,
        hidden_size=hidden_size,
        embedding_size=(requested.model.projection_size or hidden_size)
        if requested.model.tie_weights
        else EMBEDDING_SIZE,
    )
    optimization, reasons = _fitting(
        _filled(
            requested.optimization,
            weight_decay=WEIGHT_DECAY,
            batch_size=BATCH_SIZE,
            sequence_length=SEQUENCE_LENGTH,
        ),
        store,
    )
    batches = Batches(store.train, optimization.batch_size, optimization.sequence_length, 0)
    if optimization.is_open("learning_rate"):
        share = min(1.0, batches.steps_per_epoch / GENTLE_STEPS)
        optimization = replace(optimization, learning_rate=float(f"{size.learning_rate * math.sqrt(share):.2g}"))
    refuse_too_large(model, optimization, machine, store.level.vocabulary_size)
    if model.is_open("dropout"):
        if budget.time is not None:
            steps = seconds / _step_seconds(model, batches, machine, store)
        else:
            steps = budget.num_steps(batches.steps_per_epoch)
        weights = LanguageModel(replace(model, dropout=0.0), store.level.vocabulary_size).num_parameters
        # Music that is read in twelve keys is worth more than in one, but not twelve times as much: taken for so much,
        # 10 min on the chorales got dropout 0.25 and were best after half the time, at 1.59 nats a note.
        variants = store.level.variants(requested.corpus)
        variety = 1.0 if variants is None else math.sqrt(len(variants))
        passes, num_tokens = steps / batches.steps_per_epoch / variety, store.train.num_targets * variety
        model = replace(model, dropout=_dropout(passes, weights / num_tokens))
    corpus = replace(requested.corpus, level=store.level.name, vocabulary_size=store.level.vocabulary_size)
    return TrainConfig(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine), reasons


def _fitting(options: OptimizationConfig, store: Store) -> tuple[OptimizationConfig, list[str]]:
    """Return the options with a batch that the corpus can fill."""
    num_chunks = Batches(store.train, 1, options.sequence_length, 0).num_chunks
    if num_chunks >= options.batch_size:
        return options, []
    reason = (
        f"the training part fills only {num_chunks} streams of {options.sequence_length} tokens: "
        f"--batch-size {num_chunks} instead of {options.batch_size}"
    )
    return replace(options, batch_size=num_chunks), [reason]


def _dropout(epochs: float, weights_per_token: float) -> float:
    """Return the dropout: what is seen often, or by many weights, is learned by heart."""
    doublings = math.log2(max(1.0, epochs)) + math.log2(max(1.0, weights_per_token / FEW_WEIGHTS))
    return round(min(MAX_DROPOUT, DROPOUT_PER_DOUBLING * doublings), 2)


def _step_seconds(config: ModelConfig, batches: Batches, machine: MachineConfig, store: Store) -> float:
    """Return how long a step takes, from two batches through a throw-away model after a first that warms up."""
    model = LanguageModel(replace(config, dropout=0.0), store.level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(0), torch.from_numpy(store.train.counts))
    model.to(machine.device)
    begun = 0.0
    for step, batch in zip(range(3), batches.from_step(0), strict=False):
        if step == 1:
            begun = time.perf_counter()
        inputs, targets = (torch.from_numpy(array).to(machine.device) for array in batch[:2])
        dtype = PRECISIONS[machine.precision]
        hidden, _ = model.hidden(inputs, model.initial_state(inputs.shape[1]), dtype)
        loss = model.loss(hidden, targets, dtype)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss.item()  # waits for a GPU
    return (time.perf_counter() - begun) / 2


def _filled(options: Group, **choices: Any) -> Group:
    return replace(options, **{name: value for name, value in choices.items() if options.is_open(name)})
