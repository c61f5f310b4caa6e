"""`seqgen train`."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display, panel
from seqgen.cli.completion import run_names
from seqgen.cli.conclusion import conclude
from seqgen.cli.options import EARLIER, QuietOption, defaults_from_file, given_options, options_from
from seqgen.cli.series import count_of_seeds, train_series
from seqgen.cli.training import run_training
from seqgen.compiled import announced
from seqgen.config import (
    BUDGETS,
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    LoggingConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.errors import UsageError
from seqgen.options import flag
from seqgen.process import load_torch
from seqgen.training.launch import count_of, end_with_launcher, is_one_of_many, launch

if TYPE_CHECKING:
    from seqgen.config_file import Resolved
    from seqgen.training.loop import Trainer
    from seqgen.training.session import Session

COMPILING = "compiling kernels (once per installation, not counted as training time)"
SOURCES = ("corpus", "valid")  # may have moved since the run was started
WITH_RESUME = {
    "resume",
    *SOURCES,
    "device",
    "processes",
    "seeds",
    "log_to",
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
    logging=LoggingConfig,
)
def train(
    context: typer.Context,
    corpus: CorpusConfig,
    model: ModelOptions,
    optimization: OptimizationOptions,
    budget: BudgetConfig,
    machine: MachineConfig,
    folders: FoldersConfig,
    logging: LoggingConfig,
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
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Train N runs one after the other, with different random seeds from --seed on, and report the mean "
            "and the spread of their best validation losses.",
            metavar="N",
        ),
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
    num_seeds = (
        None
        if seeds is None
        else count_of_seeds(seeds, given, corpus.corpus, machine.seed, is_resumed=resume is not None)
    )
    if processes is not None and (count := count_of(processes)) > 1 and not is_one_of_many():
        raise typer.Exit(launch(sys.argv[1:], count, say))
    end_with_launcher()
    load_torch()
    from seqgen.training.distributed import World
    from seqgen.training.series import Series
    from seqgen.training.session import Session

    requested = TrainOptions(corpus=corpus, model=model, optimization=optimization, budget=budget, machine=machine)
    with World.join() as world:
        quiet = quiet or not world.is_first
        session = Session(folders, say, world, panel.is_live(is_quiet=quiet), logging.log_to)
        if num_seeds is not None:
            runs = Path(folders.checkpoints_dir)
            if resume is None:
                series = Series.new(runs, name, requested, num_seeds, overwrite=overwrite)
            else:
                series = Series.existing(runs, resume, num_seeds)
            train_series(
                series,
                folders,
                lambda run, options, first: _started(session, run, options, context, first, overwrite=overwrite),
                lambda run: resume_run(session, run, requested, given),
                quiet=quiet,
                verbose=verbose,
            )
            return
        with display.waiting("reading the corpus", is_quiet=quiet), announced(lambda: say(COMPILING)):
            if resume is None and world.is_restarted and (resume := session.unfinished_run()):
                given -= set(BUDGETS)  # the run has this budget already
            if resume is None:
                trainer = _started(session, name, requested, context, overwrite=overwrite)
            elif (resumed := resume_run(session, resume, requested, given)) is not None:
                trainer = resumed
            else:
                return
        run_training(trainer, folders, quiet=quiet, verbose=verbose)
    if not quiet:
        conclude(trainer)


def _started(
    session: "Session",
    name: str | None,
    options: TrainOptions,
    context: typer.Context,
    earlier: "Resolved | None" = None,
    *,
    overwrite: bool,
) -> "Trainer":
    """Return the trainer of a new run with the options of the command line and of `--config`, or an earlier run."""
    given, from_file = given_options(context), context.default_map or {}
    if (valid := from_file.get("valid")) and "corpus" in given and "valid" not in given:
        session.say(f"validating on {valid}, the --valid of --config; give --valid to validate on another text")
    given |= set(from_file)
    return session.start(options, name, overwrite=overwrite, given=given, earlier=earlier or context.meta.get(EARLIER))


def resume_run(session: "Session", name: str, options: TrainOptions, given: set[str]) -> "Trainer | None":
    """Return the trainer of an existing run with those of the options that are given; None if it is finished."""
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
