"""Turns what can go wrong into one sentence and an exit status."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from seqgen.cli import display
from seqgen.errors import SeqgenError, UsageError

INTERRUPTED = 130


@contextmanager
def reporting() -> Iterator[None]:
    """End the program with its sentence where an error is the user's to mend; usable as a decorator."""
    try:
        yield
    except SeqgenError as error:
        display.error(str(error))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as error:
        display.note("interrupted")
        raise typer.Exit(INTERRUPTED) from error
