"""The defaults that fit: sizes, rates and dropout chosen from the corpus and the budget.

Where the figures come from: see `SIZES`.
"""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

from seqgen.config import Options, TrainConfig, parse_time
from seqgen.corpus.batches import Batches
from seqgen.corpus.store import Store
from seqgen.model.hardware import resolve_device, resolve_precision

Group = TypeVar("Group", bound=Options)

DEFAULT_TIME = "10m"
SEQUENCE_LENGTH = 128
EMBEDDING_SIZE = 64  # as much as a small alphabet can use; sizes that are no multiple of 16 halve the speed


@dataclass(frozen=True)
class Size:
    """A model with the training that suits it, for budgets up to a number of seconds."""

    seconds: float
    hidden_size: int
    batch_size: int
    learning_rate: float


SIZES = (
    Size(seconds=20, hidden_size=256, batch_size=32, learning_rate=6e-3),
    Size(seconds=150, hidden_size=384, batch_size=64, learning_rate=5e-3),
    Size(seconds=400, hidden_size=640, batch_size=64, learning_rate=4e-3),
    Size(seconds=float("inf"), hidden_size=768, batch_size=64, learning_rate=3e-3),
)


def resolve(requested: TrainConfig, store: Store) -> tuple[TrainConfig, list[str]]:
    """Return the config with every hole filled, and what the user should hear about the choice."""
    budget = requested.budget
    if budget.time is None and budget.epochs is None and budget.steps is None:
        budget = replace(budget, time=DEFAULT_TIME)
    seconds = parse_time(budget.time or DEFAULT_TIME)
    size = next(size for size in SIZES if seconds <= size.seconds)
    hidden_size = requested.model.hidden_size or size.hidden_size
    model = _filled(
        requested.model,
        num_layers=1,
        hidden_size=hidden_size,
        embedding_size=hidden_size if requested.model.tie_weights else EMBEDDING_SIZE,
        dropout=0.1,
    )
    optimization = _filled(
        requested.optimization,
        learning_rate=size.learning_rate,
        weight_decay=0.01,
        batch_size=size.batch_size,
        sequence_length=SEQUENCE_LENGTH,
    )
    reasons = []
    num_chunks = Batches(store.train, 1, optimization.sequence_length, 0).num_chunks
    if num_chunks < optimization.batch_size:
        reasons.append(
            f"the training part fills only {num_chunks} streams of {optimization.sequence_length} tokens: "
            f"--batch-size {num_chunks} instead of {optimization.batch_size}"
        )
        optimization = replace(optimization, batch_size=num_chunks)
    device = resolve_device(requested.machine.device)
    machine = replace(
        requested.machine, device=device, precision=resolve_precision(requested.machine.precision, device)
    )
    corpus = replace(requested.corpus, level=store.level.name)
    return TrainConfig(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine), reasons


def _filled(options: Group, **choices: Any) -> Group:
    return replace(options, **{name: value for name, value in choices.items() if getattr(options, name) is None})
