"""All that the user sees beside the results themselves: plain lines, or a live panel on a terminal."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seqgen.training.launch import is_first_here, is_speaker

if TYPE_CHECKING:
    from seqgen.corpus.part import Part
    from seqgen.evaluation.report import Evaluation
    from seqgen.training.figures import Report
    from seqgen.training.loop import Trainer

PLAIN_SECONDS = 10.0  # between two lines where there is no terminal
SAMPLE_LINES = 6
COPY_SHOWN = 60  # characters
PANEL_WIDTH = 100  # and never so wide that the ^C of an interruption would break its last line

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True, quiet=not is_speaker())
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def visible(text: str) -> str:
    """Return the text with control characters replaced by their symbols, so that none can reach a terminal raw."""
    return text.translate(_CONTROLS)


def set_quiet(is_quiet: bool) -> bool:  # as Typer calls it
    """Let nothing but errors and results be shown, or everything again; returns the value, as Typer wants it."""
    console.quiet = is_quiet or not is_speaker()
    return is_quiet


def note(text: str) -> None:
    """Tell the user something on standard error."""
    console.print(visible(text))


def error(text: str, *, is_everyones: bool = False) -> None:
    """Tell the user why it could not be done.

    Args:
        text: a sentence.
        is_everyones: whether all processes of a training have come to it, so that one on each machine tells.
    """
    if is_first_here() or not is_everyones:
        _errors.print(Text("Error: ", style="bold red") + Text(visible(text)))


@contextmanager
def waiting(text: str, *, is_quiet: bool) -> Iterator[None]:
    """Show on a terminal that something is under way."""
    if is_quiet or not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


def write_result(text: str) -> None:
    """Write a result to standard output as it is, or made visible if that is a terminal."""
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


_PREDICTORS = {
    "model": "the model",
    "dynamic": "learning on (--dynamic)",
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
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(Text(visible(evaluation.part), style="bold"))
    out.print(", ".join(amounts))
    show_table(["", *(unit.replace("_", " ") for unit in units)], rows)
    if (interval := content.get("confidence_interval")) is not None:
        low, high = _number(interval["low"]), _number(interval["high"])
        out.print(f"{interval['level']:.0%} confidence (over {interval['over']}): {low} to {high} nats per token")
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
    out = Console(highlight=False, markup=False, soft_wrap=True)
    searched = f"{copying['training_characters']:,} characters of training"
    out.print(f"\n{copying['num_samples']} samples, looked for in {searched}")
    for who in ("samples", "held_out"):
        found, run = copying[who], copying[who]["longest"]
        new = (
            ""
            if found["new_share"] is None
            else f"{found['new_share']:.1%} of {found['ngram']} characters in a row are new, "
        )
        text = f"{who.replace('_', ' ')}: {found['characters']:,} characters, {new}the longest copy {run['length']}"
        more = "..." if len(run["text"]) > COPY_SHOWN else ""
        out.print(visible(f"{text}: {run['text'][:COPY_SHOWN]!r}{more}"))


def _show_music(music: dict[str, Any]) -> None:
    """Print what samples are like beside held-out music."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    valid = f"{music['valid_share_without_rules']:.0%}"
    out.print(f"\n{music['num_samples']} samples; of as many that were drawn without rules, {valid} are music")
    _show_pairs(["", "samples", "held out"], music["samples"], music["held_out"])
    overlaps = music["overlaps"], music["overlaps_of_held_out_with_train"]
    _show_pairs(["overlap of", "samples with held out", "held out with training"], *overlaps)
    for who, copied in music["copying"].items():
        share, run = copied["share_found"] or 0, copied["longest"]
        text = f"{who.replace('_', ' ')}: {share:.1%} of {copied['n']} moves in a row are in training"
        if run:
            places = f"{run['sample']} bar {run['sample_place']}, {run['source']} bar {run['source_place']}"
            text += f", at most {run['length']} ({places})"
        out.print(visible(text))


def _show_pairs(heads: list[str], first: dict[str, Any], second: dict[str, Any]) -> None:
    show_table(heads, [[name.replace("_", " "), _number(first[name]), _number(second[name])] for name in first])
    Console().print()


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"


def show_table(heads: list[str], rows: list[list[str]]) -> None:
    """Print a table as a result, its numbers to the right."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        table.add_column(Text(visible(head)), justify="right" if index and rows[0][index][:1].isdigit() else "left")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


def duration(seconds: float) -> str:
    """Return a duration as 0:38 or 1:02:05."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def loss(nats: float, part: "Part") -> str:
    """Return a loss in nats per token, and as users know it of the part it was measured on."""
    if "characters" in part.extent:
        bits = nats / math.log(2) * part.num_targets / part.extent["characters"]
        return f"{nats:.4f} nats ({bits:.3f} bits per character)"
    return f"{nats:.4f} nats ({nats * part.num_targets / part.extent['notes']:.3f} per note)"


def described(trainer: "Trainer") -> str:
    """Return one line on what is trained with what."""
    config, model = trainer.config, trainer.config.model
    budget = config.budget
    length = budget.time or (f"{budget.epochs} epochs" if budget.epochs else f"{budget.steps} steps")
    recurrent = f"recurrent dropout {model.recurrent_dropout:g}, " if model.recurrent_dropout else ""
    return (
        f"{model.cell} {model.num_layers}x{model.hidden_size}, {trainer.model.num_parameters:,} parameters, "
        f"{trainer.store.level.vocabulary_size} {trainer.store.level.name} tokens, batch "
        f"{config.optimization.batch_size} x {config.optimization.sequence_length}, dropout {model.dropout:g}, "
        f"{recurrent}learning rate {config.optimization.learning_rate:g}, {config.machine.precision} on "
        f"{config.machine.device}, for {length}"
    )


def _gradient(report: "Report") -> str:
    """Return what is to be told of the gradient."""
    if report.gradient_norm is None or report.clipped_share is None:
        return ""
    return f"norm {report.gradient_norm:.2f}, clipped in {report.clipped_share:.0%} of the steps"


def is_live(*, is_quiet: bool) -> bool:
    """Return whether a training is shown as a panel, with samples, instead of as lines."""
    return console.is_terminal and not console.is_dumb_terminal and not is_quiet


class TrainingDisplay:
    """What a training looks like while it goes on; use it as a context manager.

    Args:
        trainer: the training to show.
        is_quiet: show nothing.
        is_verbose: where there is no live panel, a line for every report.
    """

    def __init__(self, trainer: "Trainer", *, is_quiet: bool, is_verbose: bool) -> None:
        self.trainer = trainer
        self.is_live = is_live(is_quiet=is_quiet)
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._sample = self._gradient = ""
        self._speed = self._train_nats = 0.0
        self._shown_at = -math.inf
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "TrainingDisplay":
        if not self._is_quiet:
            note(f"{self.trainer.run.name}: {described(self.trainer)}")
        if self.is_live:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show_sample(self, text: str) -> None:
        """Take a new sample of the model into the panel."""
        self._sample = "\n".join(visible(text.strip()).splitlines()[:SAMPLE_LINES])

    def tell(self, text: str) -> None:
        """Tell a sentence, above the panel if there is one."""
        if not self._is_quiet:
            note(text)

    def show(self, report: "Report") -> None:
        """Show the newest figures."""
        if self.is_live:
            self._live.update(self._panel(report), refresh=True)
            return
        is_late = time.perf_counter() - self._shown_at >= PLAIN_SECONDS
        if (is_late or self._is_verbose or report.valid_nats is not None) and not self._is_quiet:
            self._shown_at = time.perf_counter()
            store = self.trainer.store
            parts = [
                f"step {report.step:,}",
                f"epoch {report.epoch:.2f}",
                report.train_nats is not None and f"train {loss(report.train_nats, store.train)}",
                report.valid_nats is not None and f"valid {loss(report.valid_nats, store.valid)}",
                report.tokens_per_second is not None and f"{report.tokens_per_second:,.0f} tokens/s",
                self._is_verbose and f"gradient {_gradient(report)}",
                f"{duration(self.trainer.timetable.seconds_left(report.step))} left",
            ]
            note("  ".join(part for part in parts if part))

    def _panel(self, report: "Report") -> Panel:
        if report.tokens_per_second is not None and report.train_nats is not None:
            self._speed, self._train_nats = report.tokens_per_second, report.train_nats
        figures, store = self.trainer.figures, self.trainer.store
        head = Table.grid(expand=True)
        head.add_row(ProgressBar(total=1.0, completed=self.trainer.progress))
        head.add_row(
            f"{self.trainer.progress:.0%}  step {report.step:,}  epoch {report.epoch:.2f}  "
            f"{self._speed:,.0f} tokens/s  {duration(self.trainer.timetable.seconds_left(report.step))} left"
        )
        losses = Table.grid(padding=(0, 2))
        losses.add_row("train", loss(self._train_nats, store.train))
        self._gradient = _gradient(report) or self._gradient
        if figures.valid_nats is not None and figures.best_valid_nats is not None:
            losses.add_row("valid", loss(figures.valid_nats, store.valid))
            losses.add_row("best", f"{loss(figures.best_valid_nats, store.valid)} at step {figures.best_step:,}")
        losses.add_row("gradient", self._gradient)
        sample = [Text("a sample:", style="dim"), Text(self._sample)] if self._sample else []
        title, width = Text(self.trainer.run.name), min(console.width - len("^C"), PANEL_WIDTH)
        return Panel(Group(head, losses, *sample), title=title, title_align="left", width=width)
