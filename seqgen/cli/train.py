"""`seqgen train`."""

import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display, panel
from seqgen.cli.completion import run_names
from seqgen.cli.options import EARLIER, QuietOption, defaults_from_file, given_options, options_from
from seqgen.compiled import announced
from seqgen.config import (
    BUDGETS,
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelConfig,
    OptimizationConfig,
    TrainConfig,
)
from seqgen.corpus.reading import counted
from seqgen.errors import UsageError
from seqgen.options import flag
from seqgen.process import load_torch
from seqgen.training.launch import INTERRUPTED, count_of, end_with_launcher, is_one_of_many, launch

if TYPE_CHECKING:
    from seqgen.training.loop import Trainer

COMPILING = "compiling kernels: once per installation, before the time of training starts"
SOURCES = ("corpus", "valid")  # may have moved
WITH_RESUME = {
    "resume",
    *SOURCES,
    "device",
    "processes",
    "quiet",
    "verbose",
    *BUDGETS,
    *(item.name for item in fields(FoldersConfig)),
}


@options_from(
    corpus=CorpusConfig,
    model=ModelConfig,
    optimization=OptimizationConfig,
    budget=BudgetConfig,
    machine=MachineConfig,
    folders=FoldersConfig,
)
def train(
    context: typer.Context,
    corpus: CorpusConfig,
    model: ModelConfig,
    optimization: OptimizationConfig,
    budget: BudgetConfig,
    machine: MachineConfig,
    folders: FoldersConfig,
    misplaced: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run.", metavar="NAME", show_default="from the corpus")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing run of the same name.")] = False,
    resume: Annotated[
        str | None, typer.Option(help="Resume the named run.", metavar="NAME", autocompletion=run_names)
    ] = None,
    config: Annotated[  # noqa: ARG001  # its callback has done the work
        Path | None,
        typer.Option(
            help="Read options from a TOML file; options on the command line take precedence.",
            metavar="FILE.toml",
            is_eager=True,
            callback=defaults_from_file,
        ),
    ] = None,
    processes: Annotated[
        str | None,
        typer.Option(help="Number of processes on this machine.", metavar="N", show_default="1"),
    ] = None,
    quiet: QuietOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print more details.")] = False,
) -> None:
    """Train a model on a corpus, or resume training one.

    Options marked [auto] are chosen to fit the corpus, the budget and this machine unless they are given.

        seqgen train --corpus poems.txt
        seqgen train --resume poems
    """
    given = given_options(context)

    def say(text: str, *, is_detail: bool = False) -> None:
        if not quiet and (verbose or not is_detail):
            display.note(text)

    _refuse_misuse(given, corpus, resume, misplaced)
    if processes is not None and (count := count_of(processes)) > 1 and not is_one_of_many():
        raise typer.Exit(launch(sys.argv[1:], count, say))
    end_with_launcher()
    load_torch()
    from seqgen.training import session
    from seqgen.training.distributed import World

    requested = TrainConfig(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine)
    with World.join() as world:
        quiet = quiet or not world.is_first
        is_sampled = panel.is_live(is_quiet=quiet)
        with display.waiting("reading the corpus", is_quiet=quiet), announced(lambda: say(COMPILING)):
            larger = budget if resume is not None and given & set(BUDGETS) else None
            if resume is None and world.is_restarted:
                resume = session.begun_before(folders, world)
            if resume is None:
                own = given | set(context.default_map or ())
                trainer: Trainer | None = session.start(
                    requested,
                    name,
                    folders,
                    say,
                    overwrite=overwrite,
                    given=own,
                    earlier=context.meta.get(EARLIER),
                    world=world,
                    is_sampled=is_sampled,
                )
            else:
                device = machine.device if "device" in given else None
                moved = {option: getattr(corpus, option) for option in SOURCES if option in given}
                trainer = session.resume(
                    resume, larger, device, folders, say, world, is_sampled=is_sampled, moved=moved
                )
        if trainer is None:
            say(f"{resume} is finished; to train it further, resume it with a larger --time, --epochs or --steps")
            return
        _train(trainer, folders, quiet=quiet, verbose=verbose)
    if not quiet:
        _conclude(trainer)


def _refuse_misuse(given: set[str], corpus: CorpusConfig, resume: str | None, misplaced: list[str] | None) -> None:
    """Refuse what does not go together."""
    if misplaced:
        raise UsageError(
            f"{misplaced[0]!r} is not an option: every source needs its own --corpus, and a pattern needs quotes, such "
            "as --corpus 'poems/*.txt'"
        )
    if resume is None and not corpus.corpus:
        raise UsageError("a corpus is required: give --corpus FILE, or try --corpus builtin:python-docs")
    if unfit := sorted(given - WITH_RESUME) if resume else []:
        raise UsageError(
            f"--resume takes all options from the run: {', '.join(map(flag, unfit))} cannot be given with it"
        )


def _train(trainer: "Trainer", folders: FoldersConfig, *, quiet: bool, verbose: bool) -> None:
    """Train to the end or to an interruption, and say what came of it."""
    from seqgen.training.curve import draw_curve
    from seqgen.training.figures import Notice

    has_warned = False
    with _interruption() as is_interrupted:
        with panel.TrainingDisplay(trainer, is_quiet=quiet, is_verbose=verbose) as shown:
            for report in trainer.train(is_interrupted):
                if isinstance(report, Notice):
                    shown.tell(report.text)
                    continue
                shown.show(report)
                if trainer.is_overfitting and not has_warned and not quiet:
                    has_warned = True
                    display.note(_warning(trainer))
                if shown.is_live and report.valid_nats is not None:
                    shown.show_sample(_preview(trainer))
        if not trainer.figures.is_finished and not quiet:
            display.note(f"interrupted and saved at step {trainer.figures.step:,}")
            display.propose("resume with", f"seqgen train --resume {trainer.run.name}{_elsewhere(folders)}")
        if trainer.world.is_first:
            draw_curve(trainer.run)
    if not trainer.figures.is_finished:
        raise typer.Exit(INTERRUPTED)


def _warning(trainer: "Trainer") -> str:
    """Return what to say when the model begins to overfit."""
    model = trainer.config.model
    return (
        f"the model is starting to overfit: the training loss still falls, but the validation loss was lowest at step "
        f"{trainer.figures.best_step:,}. That model is kept; more text, a --dropout above {model.dropout:g} or a "
        f"--hidden-size below {model.hidden_size:,} may give a better one"
    )


def _conclude(trainer: "Trainer") -> None:
    """Say how good the best model is, where it is, and what to do next."""
    from seqgen.levels.base import TextLevel
    from seqgen.training.run import CURVE

    figures, patience = trainer.figures, trainer.config.budget.patience
    if figures.validations_since_best >= patience:
        display.note(f"stopped early: no better validation loss in {counted(patience, 'validation')} (--patience)")
    with display.waiting("scoring the best model", is_quiet=False):
        loss = _best_loss(trainer)
    display.note(
        f"{counted(figures.step, 'step')} in {display.duration(figures.seconds)}; the best model (step "
        f"{figures.best_step:,}) has a validation loss of {loss}"
    )
    folder = trainer.run.folder
    is_found = folder.parent == Path(FoldersConfig().checkpoints_dir)
    name = folder.name if is_found else shlex.quote(str(folder))
    try_out = "--length 300" if isinstance(trainer.store.level, TextLevel) else "--output tune.mid"
    curve = folder / CURVE
    drawn = f"; loss curve: {curve}" if curve.is_file() else ""
    display.note(f"saved as {trainer.run.best}{drawn}")
    display.propose("now try", f"seqgen sample --checkpoint {name} {try_out}")


def _best_loss(trainer: "Trainer") -> str:
    """Return what `seqgen evaluate` will say of the best model; an estimate where that takes too long."""
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.report import Evaluation

    valid, read = trainer.store.valid, trainer.figures.validation_tokens
    if trainer.exact_seconds:
        deadline = time.perf_counter() + trainer.exact_seconds
        best = Checkpoint.read(trainer.run.best).model(trainer.config.machine.device)
        with suppress(TimeoutError):
            return Evaluation.of(best, valid, "validation", deadline).loss.summary
    share = f" from about {read:,} of {valid.num_targets:,} tokens" if read and read < valid.num_targets else ""
    return (
        f"{trainer.figures.best_valid_nats:.4f} nats per token, estimated{share}; seqgen evaluate gives the exact one"
    )


def _elsewhere(folders: FoldersConfig) -> str:
    """Return the options that name the folders, where they are not the usual ones."""
    usual = FoldersConfig()
    named = {item.name: getattr(folders, item.name) for item in fields(folders)}
    moved = {name: folder for name, folder in named.items() if folder != getattr(usual, name)}
    return "".join(f" {flag(name)} {shlex.quote(folder)}" for name, folder in moved.items())


def _preview(trainer: "Trainer") -> str:
    """Return a few lines or bars from the model as it is now; its random numbers are its own."""
    from seqgen.sampling.preview import preview

    num_documents = panel.SAMPLE_LINES if trainer.config.corpus.document == "line" else 1
    return preview(
        trainer.averaged,
        trainer.store.level,
        trainer.figures.step,
        trainer.unseen,
        num_documents,
        panel.PANEL_WIDTH - 8,
        knows_beginnings=trainer.knows_beginnings,
    )


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Lend a function that tells whether Ctrl-C or SIGTERM has come since."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
