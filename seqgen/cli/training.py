"""Trains a run on the command line: with a display, and until an interruption."""

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING

import typer

from seqgen.cli import display
from seqgen.cli.displayed_training import train_displayed
from seqgen.config import FoldersConfig
from seqgen.options import flag
from seqgen.training.launch import INTERRUPTED

if TYPE_CHECKING:
    from seqgen.training.loop import Trainer


def run_training(
    trainer: "Trainer", folders: FoldersConfig, *, quiet: bool, verbose: bool, resumption: str | None = None
) -> None:
    """Train until the end or an interruption, and show the progress.

    Args:
        trainer: trains the run.
        folders: where runs and prepared corpora are stored.
        quiet: whether to print errors only.
        verbose: whether to print more details.
        resumption: the options that continue after an interruption; None for those of this run.

    Raises:
        Exit: training was interrupted.
    """
    train_displayed(trainer, display.note, is_quiet=quiet, is_verbose=verbose)
    if not trainer.figures.is_finished:
        if not quiet:
            options = resumption or f"--resume {trainer.run.name}"
            display.propose("resume with", f"seqgen train {options}{_elsewhere(folders)}")
        raise typer.Exit(INTERRUPTED)


def _elsewhere(folders: FoldersConfig) -> str:
    """Return the options for folders other than the default ones."""
    default = FoldersConfig()
    given = {item.name: getattr(folders, item.name) for item in fields(folders)}
    moved = {name: folder for name, folder in given.items() if folder != getattr(default, name)}
    return "".join(f" {flag(name)} {shlex.quote(folder)}" for name, folder in moved.items())
