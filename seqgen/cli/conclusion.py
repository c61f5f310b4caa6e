"""What `seqgen train` prints when a run is finished."""

import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from seqgen.cli import display
from seqgen.config import FoldersConfig
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.training.loop import Trainer


def conclude(trainer: "Trainer") -> None:
    """Print the loss of the best model, the files, and a command to continue with."""
    from seqgen.levels.base import TextLevel
    from seqgen.training.example import short_given
    from seqgen.training.run_folder import CURVE

    report_result(trainer, display.note)
    folder = trainer.run.folder
    is_found = folder.parent == Path(FoldersConfig().checkpoints_dir)
    name = folder.name if is_found else shlex.quote(str(folder))
    options = "--length 300" if isinstance(trainer.corpus.level, TextLevel) else "--output tune.mid"
    if trainer.corpus.given_coding is not None:
        options = f"--given {shlex.quote(short_given(trainer.corpus))}"
    curve = folder / CURVE
    drawn = f"; loss curve: {curve}" if curve.is_file() else ""
    display.note(f"saved as {trainer.run.best}{drawn}")
    display.propose("try", f"seqgen sample --checkpoint {name} {options}")


def report_result(trainer: "Trainer", say: Callable[[str], None]) -> None:
    """Say how long training took, and the loss of the best model."""
    figures, patience = trainer.figures, trainer.config.budget.patience
    if figures.validations_since_best >= patience:
        say(f"stopped early: no improvement in {counted(patience, 'validation')} (--patience)")
    with display.waiting("scoring the best model", is_quiet=False):
        loss = _best_loss(trainer)
    what = "best validation loss"
    if trainer.corpus.given_coding is not None:
        what = f"best model: {figures.best_valid_errors:.1%} of validation tokens wrong, loss"
    say(
        f"{counted(figures.step, 'step')} in {display.duration(figures.seconds)}; {what} (step "
        f"{figures.best_step:,}): {loss}"
    )


def _best_loss(trainer: "Trainer") -> str:
    """Return the loss of the best model as `seqgen evaluate` reports it, or an estimate if that takes too long."""
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.likelihood import surprisals
    from seqgen.evaluation.report import Evaluation

    valid, read = trainer.corpus.valid, trainer.figures.validation_tokens
    if trainer.exact_seconds:
        deadline = time.perf_counter() + trainer.exact_seconds
        best = Checkpoint.read(trainer.run.best).model(trainer.config.machine.device)
        with suppress(TimeoutError):
            return Evaluation.of(surprisals(best, valid, deadline=deadline), valid, "validation").loss.summary
    share = f" from about {read:,} of {valid.total_targets:,} tokens" if read and read < valid.total_targets else ""
    if trainer.world.is_divided:
        share += f" on {trainer.world.machines} machines"
    else:
        share += "; seqgen evaluate computes it exactly"
    return f"{trainer.figures.best_valid_nats:.4f} nats per token, estimated{share}"
