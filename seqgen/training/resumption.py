"""Changes of a checkpoint before its run is resumed: other paths of the corpus, a larger budget."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import BUDGETS, BudgetConfig
from seqgen.corpus.pairs import with_given_of
from seqgen.errors import CheckpointError, UsageError
from seqgen.model.ctc import CtcModel
from seqgen.options import flag, parse_time


def check_state(checkpoint: Checkpoint, path: Path) -> None:
    """Raise a CheckpointError if there is no training state, before memory is allocated for it."""
    model = checkpoint.model()
    num_streams = {tuple(part.shape[:1]) for name, part in checkpoint.training.items() if name.startswith("hidden.")}
    is_ctc = isinstance(model, CtcModel)  # has no state
    expected = set() if is_ctc and checkpoint.training else {(checkpoint.config.optimization.batch_size,)}
    if num_streams != expected:
        raise CheckpointError(f"{path} holds a model, but no training state to resume from")


def with_sources(checkpoint: Checkpoint, moved: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint with the new paths of its corpus."""
    requested, config = checkpoint.requested, checkpoint.config
    if "corpus" in moved:
        moved = {**moved, "given": with_given_of(moved["corpus"][0], config.corpus).given}
    return replace(
        checkpoint,
        requested=replace(requested, corpus=replace(requested.corpus, **moved)),
        config=replace(config, corpus=replace(config.corpus, **moved)),
    )


def with_budget(checkpoint: Checkpoint, larger: BudgetConfig) -> Checkpoint:
    """Return the checkpoint with a larger budget.

    Raises:
        UsageError: the budget is of another kind, or not larger.
    """
    before = checkpoint.config.budget
    kind = next(kind for kind in BUDGETS if getattr(before, kind) is not None)
    old, new = getattr(before, kind), getattr(larger, kind)
    if new is None:
        raise UsageError(f"the budget of this run is {flag(kind)} {old}: give a larger {flag(kind)}")
    if (parse_time(new) <= parse_time(old)) if kind == "time" else (new <= old):
        raise UsageError(f"{flag(kind)} must be above the run's {old}, got {new}")
    raised = replace(before, **{kind: new})
    return replace(
        checkpoint,
        requested=replace(checkpoint.requested, budget=replace(checkpoint.requested.budget, **{kind: new})),
        config=replace(checkpoint.config, budget=raised),
        figures=checkpoint.figures | {"validations_since_best": 0},
    )
