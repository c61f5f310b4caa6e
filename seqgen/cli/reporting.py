"""Turns what can go wrong into one sentence and an exit status."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from seqgen.cli import display
from seqgen.compiled import announced
from seqgen.errors import SeqgenError, ShortageError, UsageError, is_out_of_memory
from seqgen.training.launch import INTERRUPTED


@contextmanager
def reporting() -> Iterator[None]:
    """End the program with its sentence where an error is the user's to mend; usable as a decorator."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # what is half done is cleared away as after Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with announced(lambda: display.note("compiling kernels (once per installation)")):
            yield
        sys.stdout.flush()
    except typer.TyperException as error:  # of the command line itself
        display.error(error.format_message())
        raise typer.Exit(error.exit_code) from error
    except SeqgenError as error:
        display.error(str(error), is_everyones=not isinstance(error, ShortageError))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        display.error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        for number in (signal.SIGINT, signal.SIGTERM):  # a second one must not break into the end
            signal.signal(number, signal.SIG_IGN)
        display.note("interrupted")
        raise typer.Exit(INTERRUPTED) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        display.error("there is not enough memory: use a smaller model, batch or sample, or free some memory")
        raise typer.Exit(1) from error
