"""Output: messages and errors on standard error, results and tables on standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from seqgen.training.launch import is_first_on_machine, is_first_process

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)

console = Console(stderr=True, highlight=False, markup=False, quiet=not is_first_process())
_errors = Console(stderr=True, highlight=False, markup=False)
_SEPARATOR = "  "  # between columns of a table


def visible(text: str) -> str:
    """Replace control characters by visible symbols, so that a text cannot control the terminal."""
    return text.translate(_CONTROLS)


def set_quiet(is_quiet: bool) -> bool:  # as Typer calls it
    """Show only errors and results, or everything again; returns its argument, as Typer requires of a callback."""
    console.quiet = is_quiet or not is_first_process()
    return is_quiet


def note(text: str) -> None:
    """Print a message on standard error, wrapped between words if it is a terminal or a notebook."""
    console.print(visible(text), soft_wrap=not (console.is_terminal or console.is_jupyter))


def propose(text: str, command: str) -> None:
    """Suggest a command, which is printed on one line so that it can be copied."""
    line = visible(f"{text}: {command}")
    if console.is_terminal and cell_len(line) > console.width:
        line = visible(f"{text}:\n{command}")
    console.print(line, soft_wrap=True)


def error(text: str, *, is_shared: bool = False) -> None:
    """Print an error.

    Args:
        text: the message.
        is_shared: whether all processes have the same error, so that only the first one on each machine prints it.
    """
    if is_first_on_machine() or not is_shared:
        _errors.print(Text("Error: ", style="bold red") + Text(visible(text)), soft_wrap=not _errors.is_terminal)


@contextmanager
def waiting(text: str, *, is_quiet: bool) -> Iterator[None]:
    """Show a spinner on a terminal."""
    if is_quiet or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def results() -> Console:
    """Return the console for results on standard output; it wraps lines on a terminal only."""
    return Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def write_result(text: str) -> None:
    """Write a result to standard output; on a terminal, control characters are made visible."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def number(value: float | None) -> str:
    """Return a number with thousands separators, with four decimals if it is not an integer; - for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def show_table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table with numbers aligned right; row by row if it is too wide for the terminal."""
    lines = [[" ".join(visible(cell).split()) for cell in row] for row in (heads, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    out = results()
    if out.is_terminal and sum(widths) + len(_SEPARATOR) * (len(widths) - 1) > out.width:
        _show_records(lines, out)
        return
    numeric = [all(cell[:1] in "-0123456789" for cell in column[1:] if cell) for column in columns]
    numeric[0] = False
    for place, line in enumerate(lines):
        cells = [
            " " * (width - cell_len(cell)) * is_number + cell + " " * (width - cell_len(cell)) * (not is_number)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        out.print(Text(_SEPARATOR.join(cells).rstrip(), style="" if place else "bold"))


def _show_records(lines: list[list[str]], out: Console) -> None:
    """Print each row of a table as a list of its cells."""
    heads = lines[0]
    for line in lines[1:]:
        out.print(Text(": ".join(filter(None, (heads[0], line[0]))), style="bold"))
        for head, cell in zip(heads[1:], line[1:], strict=True):
            if cell:
                out.print(Text(f"  {head}: {cell}"))


def duration(seconds: float) -> str:
    """Return a duration as 0:38 or 1:02:05."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
