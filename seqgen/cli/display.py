"""What the user sees: notes and errors on standard error, results and tables on standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from seqgen.training.launch import is_first_here, is_speaker

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)

console = Console(stderr=True, highlight=False, markup=False, quiet=not is_speaker())
_errors = Console(stderr=True, highlight=False, markup=False)
_BETWEEN = "  "  # two columns of a table


def visible(text: str) -> str:
    """Return the text with control characters replaced by their symbols, so that none can reach a terminal raw."""
    return text.translate(_CONTROLS)


def set_quiet(is_quiet: bool) -> bool:  # as Typer calls it
    """Let nothing but errors and results be shown, or everything again; returns the value, as Typer wants it."""
    console.quiet = is_quiet or not is_speaker()
    return is_quiet


def note(text: str) -> None:
    """Tell the user something on standard error, in whole words on a terminal and in one line elsewhere."""
    console.print(visible(text), soft_wrap=not console.is_terminal)


def propose(text: str, command: str) -> None:
    """Tell the user a command to go on with, which stays one line so that it can be copied."""
    line = visible(f"{text}: {command}")
    if console.is_terminal and cell_len(line) > console.width:
        line = visible(f"{text}:\n{command}")
    console.print(line, soft_wrap=True)


def error(text: str, *, is_everyones: bool = False) -> None:
    """Tell the user why it could not be done.

    Args:
        text: a sentence.
        is_everyones: whether all processes of a training have come to it, so that one on each machine tells.
    """
    if is_first_here() or not is_everyones:
        _errors.print(Text("Error: ", style="bold red") + Text(visible(text)), soft_wrap=not _errors.is_terminal)


@contextmanager
def waiting(text: str, *, is_quiet: bool) -> Iterator[None]:
    """Show on a terminal that something is under way."""
    if is_quiet or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def results() -> Console:
    """Return the console for results on standard output; it wraps lines on a terminal only."""
    return Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def write_result(text: str) -> None:
    """Write a result to standard output as it is, or made visible if that is a terminal."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def number(value: float | None) -> str:
    """Return a number with thousands separators, with four decimals if it is not an integer; - for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def show_table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table as a result, its numbers to the right; row by row if it is too wide for the terminal."""
    lines = [[" ".join(visible(cell).split()) for cell in row] for row in (heads, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    out = results()
    if out.is_terminal and sum(widths) + len(_BETWEEN) * (len(widths) - 1) > out.width:
        _show_records(lines, out)
        return
    numeric = [all(cell[:1] in "-0123456789" for cell in column[1:] if cell) for column in columns]
    numeric[0] = False
    for place, line in enumerate(lines):
        cells = [
            " " * (width - cell_len(cell)) * is_number + cell + " " * (width - cell_len(cell)) * (not is_number)
            for cell, width, is_number in zip(line, widths, numeric, strict=True)
        ]
        out.print(Text(_BETWEEN.join(cells).rstrip(), style="" if place else "bold"))


def _show_records(lines: list[list[str]], out: Console) -> None:
    """Print the rows of a table one below the other."""
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
