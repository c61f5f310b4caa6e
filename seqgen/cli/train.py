"""`seqgen train`."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display, panel
from seqgen.cli.completion import run_names
from seqgen.cli.conclusion import conclude
from seqgen.cli.options import EARLIER, QuietOption, defaults_from_file, given_options, options_from
from seqgen.compiled import announced
from seqgen.config import (
    BUDGETS,
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.errors import UsageError
from seqgen.options import flag
from seqgen.process import load_torch
from seqgen.training.launch import INTERRUPTED, count_of, end_with_launcher, is_one_of_many, launch

if TYPE_CHECKING:
    from seqgen.training.loop import Trainer
    from seqgen.training.session import Session

COMPILING = "compiling kernels (once per installation, not counted as training time)"
SOURCES = ("corpus", "valid")  # may have moved since the run was started
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
    model=ModelOptions,
    optimization=OptimizationOptions,
    budget=BudgetConfig,
    machine=MachineConfig,
    folders=FoldersConfig,
)
def train(
    context: typer.Context,
    corpus: CorpusConfig,
    model: ModelOptions,
    optimization: OptimizationOptions,
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
    config: Annotated[  # noqa: ARG001  # its callback does the work
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

    Options marked [auto] are chosen for the corpus, the budget and this machine.

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
    from seqgen.training.distributed import World
    from seqgen.training.session import Session

    requested = TrainOptions(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine)
    with World.join() as world:
        quiet = quiet or not world.is_first
        session = Session(folders, say, world, is_sampled=panel.is_live(is_quiet=quiet))
        with display.waiting("reading the corpus", is_quiet=quiet), announced(lambda: say(COMPILING)):
            if resume is None and world.is_restarted and (resume := session.unfinished_run()):
                given -= set(BUDGETS)  # the run has this budget already
            if resume is None:
                trainer = _started(session, name, requested, context, overwrite=overwrite)
            elif (resumed := _resumed(session, resume, requested, given)) is not None:
                trainer = resumed
            else:
                return
        _train(trainer, folders, quiet=quiet, verbose=verbose)
    if not quiet:
        conclude(trainer)


def _started(
    session: "Session", name: str | None, options: TrainOptions, context: typer.Context, *, overwrite: bool
) -> "Trainer":
    """Return the trainer of a new run with the options of the command line and of `--config`."""
    given, from_file = given_options(context), context.default_map or {}
    if (valid := from_file.get("valid")) and "corpus" in given and "valid" not in given:
        session.say(f"validating on {valid}, the --valid of --config; give --valid to validate on another text")
    given |= set(from_file)
    return session.start(options, name, overwrite=overwrite, given=given, earlier=context.meta.get(EARLIER))


def _resumed(session: "Session", name: str, options: TrainOptions, given: set[str]) -> "Trainer | None":
    """Return the trainer of an existing run with the options given on the command line; None if it is finished."""
    trainer = session.resume(
        name,
        budget=options.budget if given & set(BUDGETS) else None,
        device=options.machine.device if "device" in given else None,
        moved={option: getattr(options.corpus, option) for option in SOURCES if option in given},
    )
    if trainer is None:
        session.say(f"{name} is finished; to train it further, resume it with a larger --time, --epochs or --steps")
    return trainer


def _refuse_misuse(given: set[str], corpus: CorpusConfig, resume: str | None, misplaced: list[str] | None) -> None:
    """Reject options that cannot be combined."""
    if misplaced:
        raise UsageError(
            f"unexpected argument {misplaced[0]!r}: give --corpus before every source, and quote patterns, as in "
            "--corpus 'poems/*.txt'"
        )
    if resume is None and not corpus.corpus:
        raise UsageError("a corpus is required: use --corpus FILE, or try --corpus builtin:python-docs")
    if unfit := sorted(given - WITH_RESUME) if resume else []:
        raise UsageError(f"--resume takes its options from the run: {', '.join(map(flag, unfit))} cannot be given")


def _train(trainer: "Trainer", folders: FoldersConfig, *, quiet: bool, verbose: bool) -> None:
    """Train until the end or an interruption."""
    from seqgen.training.curve import draw_curve
    from seqgen.training.report import Notice

    has_warned = False
    with _interruption() as is_interrupted:
        with panel.TrainingDisplay(trainer, is_quiet=quiet, is_verbose=verbose) as shown:
            for report in trainer.train(is_interrupted):
                if isinstance(report, Notice):
                    shown.note(report.text)
                    continue
                shown.show(report)
                if trainer.is_overfitting and not has_warned and not quiet:
                    has_warned = True
                    display.note(_warning(trainer))
                if shown.is_live and report.valid_nats is not None and report.example is None:
                    shown.show_sample(_preview(trainer))
        if not trainer.figures.is_finished and not quiet:
            display.note(f"interrupted and saved at step {trainer.figures.step:,}")
            display.propose("resume with", f"seqgen train --resume {trainer.run.name}{_elsewhere(folders)}")
        if trainer.world.is_first:
            draw_curve(trainer.run)
    if not trainer.figures.is_finished:
        raise typer.Exit(INTERRUPTED)


def _warning(trainer: "Trainer") -> str:
    """Return the warning that the model is starting to overfit."""
    model, is_conditional = trainer.config.model, trainer.corpus.given_coding is not None
    best = "the fewest validation tokens were wrong" if is_conditional else "the validation loss was lowest"
    return (
        f"the model is starting to overfit: the training loss is falling, but {best} at step "
        f"{trainer.figures.best_step:,}. That model is kept; more text, a --dropout above {model.dropout:g} or a "
        f"--hidden-size below {model.hidden_size:,} may give a better one"
    )


def _elsewhere(folders: FoldersConfig) -> str:
    """Return the options for folders other than the default ones."""
    default = FoldersConfig()
    given = {item.name: getattr(folders, item.name) for item in fields(folders)}
    moved = {name: folder for name, folder in given.items() if folder != getattr(default, name)}
    return "".join(f" {flag(name)} {shlex.quote(folder)}" for name, folder in moved.items())


def _preview(trainer: "Trainer") -> str:
    """Return a few lines or bars from the current model, without using random numbers of the training."""
    from seqgen.sampling.preview import preview

    num_documents = panel.SAMPLE_LINES if trainer.config.corpus.document == "line" else 1
    return preview(
        trainer.averaged,
        trainer.corpus.level,
        trainer.figures.step,
        trainer.unseen,
        num_documents,
        panel.PANEL_WIDTH - 8,
        knows_beginnings=trainer.knows_beginnings,
    )


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Provide a function that returns whether Ctrl-C or SIGTERM has been received."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
