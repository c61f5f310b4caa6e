"""The output of `seqgen evaluate` for several models."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from seqgen.cli import display
from seqgen.cli.model import load
from seqgen.cli.progress import ShownProgress
from seqgen.cli.writing import show_written
from seqgen.config import DeviceConfig, EvaluationConfig, FoldersConfig
from seqgen.errors import UsageError
from seqgen.options import flag

if TYPE_CHECKING:
    from seqgen.evaluation.comparison import Comparison, Difference
    from seqgen.evaluation.contender import Contender
    from seqgen.evaluation.held_out import HeldOut
    from seqgen.evaluation.passages import ScoredPassage
    from seqgen.evaluation.transcription import Figure

_OF_ONE_MODEL = ("dynamic", "cache", "num_samples", "language_model", "per_document", "per_token")
_SHOWN = 200  # characters of a passage


def refuse_for_several(config: EvaluationConfig) -> None:
    """Reject what is measured on a single model.

    Raises:
        UsageError: such an option is given.
    """
    for name in _OF_ONE_MODEL:
        if getattr(config, name):
            raise UsageError(f"{flag(name)} is for a single model: omit it, or give only one --checkpoint")


def load_contenders(names: Sequence[str], folders: FoldersConfig, machine: DeviceConfig) -> "list[Contender]":
    """Return the models of several checkpoints."""
    from seqgen.evaluation.contender import Contender, check_comparable
    from seqgen.runs import short_names

    loaded = [load(name, folders, machine) for name in names]
    contenders = [
        Contender(name, checkpoint, model, folders)
        for name, (_, checkpoint, model) in zip(short_names(path for path, _, _ in loaded), loaded, strict=True)
    ]
    check_comparable(contenders)
    return contenders


def report_comparison(contenders: "Sequence[Contender]", held_out: "HeldOut", *, as_json: bool) -> None:
    """Compare models on a text and print the result."""
    from seqgen.evaluation.comparison import compare

    comparison, notes = compare(contenders, held_out, ShownProgress())
    for text in notes:
        display.note(text)
    if as_json:
        display.write_result(json.dumps(comparison.to_json(), ensure_ascii=False) + "\n")
    else:
        _show(comparison)
    if held_out.is_validation:
        name = contenders[0].name
        display.note(
            f"the validation set of {name} has selected its checkpoint: --corpus scores text that is new to all models"
        )


def _show(comparison: "Comparison") -> None:
    """Print the losses, the differences, and the passages that differ most."""
    out, first = display.results(), comparison.losses[0][0]
    out.print(Text(display.visible(comparison.name), style="bold"))
    out.print(", ".join(f"{display.number(amount)} {unit}" for unit, amount in comparison.amounts.items()))
    shared = [set(difference.figures) for difference in comparison.differences]
    units = [unit for unit in comparison.differences[0].figures if all(unit in names for names in shared)]
    figures = [None, *(difference.figures[units[0]] for difference in comparison.differences)]
    rows = [
        [name, *(display.number(loss.by_unit[unit]) for unit in units), *_cells(figure)]
        for (name, loss), figure in zip(comparison.losses, figures, strict=True)
    ]
    display.show_table(["", *map(_words, units), "difference", "95% interval"], rows)
    for difference in comparison.differences:
        out.print(display.visible(_conclusion(first, difference, units[0])))
    if comparison.written:
        show_written(comparison)
    for difference in comparison.differences:
        _show_passages(first, difference)


def _cells(figure: "Figure | None") -> list[str]:
    """Return a difference and its interval as text; nothing for the first model."""
    if figure is None:
        return ["", ""]
    interval = figure.confidence_interval
    return [_signed(figure.value), "-" if interval is None else f"{_signed(interval.low)} to {_signed(interval.high)}"]


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+,.4f}"


def _conclusion(first: str, difference: "Difference", unit: str) -> str:
    """Return a sentence on which of two models is better."""
    figure = difference.figures[unit]
    interval, value = figure.confidence_interval, figure.value or 0.0
    if interval is None:
        return f"{difference.name} and {first}: the text is too short for an interval of the difference"
    if interval.low <= 0 <= interval.high:
        return f"{difference.name} and {first}: no difference is shown, since the interval contains 0"
    better, worse = (difference.name, first) if value < 0 else (first, difference.name)
    amount = f"{abs(value):.4f} {_words(unit)}"
    return f"{better} is better than {worse} by {amount} (interval over {interval.over})"


def _show_passages(first: str, difference: "Difference") -> None:
    """Print the passages on which two models differ most, in both directions."""
    extremes, name = difference.extremes, difference.name
    for better, worse, passages in ((name, first, extremes.better), (first, name, extremes.worse)):
        if passages:
            display.results().print(Text(display.visible(f"\n{better} predicts these best, compared with {worse}:")))
        for passage in passages:
            _show_passage(first, name, passage)


def _show_passage(first: str, other: str, passage: "ScoredPassage") -> None:
    costs = f"{first} {passage.nats[0]:,.1f} nats, {other} {passage.nats[1]:,.1f}"
    place = passage.origin["document"]
    place += "".join(f", {name} {passage.origin[name]:,}" for name in ("row", "line") if name in passage.origin)
    text = passage.text if passage.given is None else f"{passage.given} -> {passage.text}"
    shown = " ".join(text.split())
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    out = display.results()
    out.print(Text(display.visible(f"{place}: {costs}"), style="bold"))
    out.print(Text(display.visible(f"  {shown}")))


def _words(name: str) -> str:
    return name.replace("_", " ")
