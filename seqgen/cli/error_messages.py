"""Turns errors into one-line messages and exit statuses."""

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
def errors_reported() -> Iterator[None]:
    """Exit with a one-line message after an error that the user can correct; usable as a decorator."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # clean up as after Ctrl-C
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with announced(lambda: display.note("compiling kernels (once per installation)")):
            yield
        sys.stdout.flush()
    except typer.TyperException as error:  # from parsing the command line
        display.error(error.format_message())
        raise typer.Exit(error.exit_code) from error
    except SeqgenError as error:
        display.error(str(error), is_shared=not isinstance(error, ShortageError))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error
    except BrokenPipeError:  # the reader of a pipe has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        display.error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        for number in (signal.SIGINT, signal.SIGTERM):  # ignore further signals while exiting
            signal.signal(number, signal.SIG_IGN)
        display.note("interrupted")
        raise typer.Exit(INTERRUPTED) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        display.error("not enough memory: use a smaller model, batch or sample, or free some memory")
        raise typer.Exit(1) from error
