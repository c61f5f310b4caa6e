"""What the user sees: notes and errors on standard error, results and tables on standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from seqgen.corpus.reading import counted
from seqgen.training.launch import is_first_here, is_speaker

if TYPE_CHECKING:
    from seqgen.evaluation.report import Evaluation

COPY_SHOWN = 60  # characters

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


def _results() -> Console:
    """Return what prints results on standard output: in whole words on a terminal, in lines as they are elsewhere."""
    return Console(highlight=False, markup=False, soft_wrap=not sys.stdout.isatty())


def write_result(text: str) -> None:
    """Write a result to standard output as it is, or made visible if that is a terminal."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


_PREDICTORS = {
    "model": "the model",
    "dynamic": "dynamic evaluation (--dynamic)",
    "cache": "with a cache (--cache)",
    "ngram": "n-grams",
    "xz": "xz",
    "bz2": "bz2",
}


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print the model's loss and those of others side by side, and what samples are like."""
    content = evaluation.to_json()
    units = [key for key in content if "_per_" in key or key == "perplexity"]
    losses = {"model": content} | {name: content[name] for name in _PREDICTORS if name in content}
    rows = [
        [_PREDICTORS[name], *(_number(loss[unit]) if unit in loss else "" for unit in units)]
        for name, loss in losses.items()
    ]
    amounts = [f"{_number(content[unit])} {unit}" for unit in ("tokens", *evaluation.loss.extent)]
    out = _results()
    out.print(Text(visible(evaluation.part), style="bold"))
    out.print(", ".join(amounts))
    show_table(["", *(unit.replace("_", " ") for unit in units)], rows)
    if (interval := content.get("confidence_interval")) is not None:
        low, high = _number(interval["low"]), _number(interval["high"])
        out.print(f"{interval['level']:.0%} confidence (over {interval['over']}): {low} to {high} nats per token")
    if (overlap := content.get("overlap")) is not None:
        shares = (f"{overlap[name]:.1%} in the {name} set" for name in ("training", "validation"))
        out.print(f"of this text {' and '.join(shares)}")
    for name in ("cache", "ngram"):
        settings = [f"{key} {value}" for key, value in content.get(name, {}).items() if key not in units]
        if settings:
            out.print(f"{_PREDICTORS[name]}: {', '.join(settings)}")
    if "music" in content:
        _show_music(content["music"])
    if "copying" in content:
        _show_copying(content["copying"])


def _show_copying(copying: dict[str, Any]) -> None:
    """Print what samples of text share with training, beside held-out text."""
    out = _results()
    searched = f"{copying['training_characters']:,} characters of the training set"
    out.print(f"\n{counted(copying['num_samples'], 'sample')}, searched for in {searched}")
    for who in ("samples", "held_out"):
        found, run = copying[who], copying[who]["longest"]
        new = "" if found["new_share"] is None else f"{found['new_share']:.1%} of {found['ngram']}-grams are new, "
        amount, copy = counted(found["characters"], "character"), counted(run["length"], "character")
        text = f"{who.replace('_', ' ')}: {amount}, {new}the longest copy is {copy}"
        more = "..." if len(run["text"]) > COPY_SHOWN else ""
        out.print(visible(f"{text}: {run['text'][:COPY_SHOWN]!r}{more}"))


def _show_music(music: dict[str, Any]) -> None:
    """Print what samples are like beside held-out music."""
    out = _results()
    valid = f"{music['valid_share_without_rules']:.0%}"
    out.print(f"\n{counted(music['num_samples'], 'sample')}; without the grammar, {valid} of samples are valid")
    _show_pairs(["", "samples", "held out"], music["samples"], music["held_out"])
    overlaps = music["overlaps"], music["overlaps_of_held_out_with_train"]
    _show_pairs(["overlap of", "samples with held out", "held out with training"], *overlaps)
    for who, copied in music["copying"].items():
        share, run = copied["share_found"] or 0, copied["longest"]
        text = f"{who.replace('_', ' ')}: {share:.1%} of melodic {copied['n']}-grams occur in the training set"
        if run:
            places = f"{run['sample']} bar {run['sample_place']}, {run['source']} bar {run['source_place']}"
            text += f", the longest match is {counted(run['length'], 'interval')} ({places})"
        out.print(visible(text))


def _show_pairs(heads: list[str], first: dict[str, Any], second: dict[str, Any]) -> None:
    show_table(heads, [[name.replace("_", " "), _number(first[name]), _number(second[name])] for name in first])
    Console().print()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def show_table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table as a result, its numbers to the right; row by row if it is too wide for the terminal."""
    lines = [[" ".join(visible(cell).split()) for cell in row] for row in (heads, *rows)]
    columns = list(zip(*lines, strict=True))
    widths = [max(map(cell_len, column)) for column in columns]
    out = _results()
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
