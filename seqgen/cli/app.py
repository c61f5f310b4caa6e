"""The program `seqgen` with its commands `train`, `sample`, `write`, `evaluate` and `inspect`."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from seqgen import __version__, process
from seqgen.cli.command import Command, Group
from seqgen.cli.evaluate import evaluate
from seqgen.cli.inspect import inspect
from seqgen.cli.sample import sample
from seqgen.cli.train import train
from seqgen.cli.write import write

app = typer.Typer(
    cls=Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (train, sample, write, evaluate, inspect):
    app.command(cls=Command)(command)


def run() -> None:
    """Run the command line."""
    process.settle(is_sampling=sys.argv[1:2] in (["sample"], ["write"]))
    if sys.stdout is None:  # closed before the start
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # open until the program ends
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # characters that the encoding lacks must not raise an error
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    app()


def _print_version(is_given: bool) -> None:
    if is_given:
        typer.echo(f"seqgen {__version__}")
        raise typer.Exit


@app.callback()
def seqgen(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Train recurrent language models of text and music, sample, write with them, evaluate and inspect them."""
