"""Display of a training run: a live panel on a terminal, plain lines elsewhere."""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seqgen.cli.display import console, duration, note, visible
from seqgen.cli.notebook import NotebookView
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.corpus.dataset import Dataset
    from seqgen.training.example import Example
    from seqgen.training.loop import Trainer
    from seqgen.training.report import Report

PLAIN_SECONDS = 10.0  # between lines if there is no terminal
SAMPLE_LINES = 6
MAX_SHOWN = 80  # characters of each text of an example
PANEL_WIDTH = 100  # at most; it leaves room for the ^C of an interruption


def loss(nats: float, dataset: "Dataset") -> str:
    """Return a loss in nats per token and, for the set it was measured on, per character or note."""
    if "characters" in dataset.extent:
        bits = nats / math.log(2) * dataset.total_targets / dataset.extent["characters"]
        return f"{nats:.4f} nats ({bits:.3f} bits per character)"
    return f"{nats:.4f} nats ({nats * dataset.total_targets / dataset.extent['notes']:.3f} per note)"


def described(trainer: "Trainer") -> str:
    """Return the model, the hyperparameters and the budget in one line."""
    config, model = trainer.config, trainer.config.model
    budget = config.budget
    length = budget.time or (counted(budget.epochs, "epoch") if budget.epochs else counted(budget.steps or 0, "step"))
    attention = f"attention to {counted(model.attention, 'token')}, " if model.attention else ""
    recurrent = f"recurrent dropout {model.recurrent_dropout:g}, " if model.recurrent_dropout else ""
    return (
        f"{model.cell} {model.depth}x{model.hidden_size}, {attention}"
        f"{counted(trainer.model.num_parameters, 'parameter')}, "
        f"{counted(trainer.corpus.level.vocabulary_size, f'{trainer.corpus.level.name} token')}, batch "
        f"{config.optimization.batch_size:,} x {config.optimization.sequence_length:,}, dropout {model.dropout:g}, "
        f"{recurrent}learning rate {config.optimization.learning_rate:g}, {config.machine.precision} on "
        f"{config.machine.device}, for {length}"
    )


def _gradient(report: "Report") -> str:
    """Return the norm of the gradient and how often it was clipped."""
    if report.gradient_norm is None or report.clipped_share is None:
        return ""
    return f"norm {report.gradient_norm:.2f}, clipped in {report.clipped_share:.0%} of steps"


def _compared(example: "Example") -> str:
    """Return a pair and what the model writes for it, one line each."""
    return (
        f"given      {_in_one_line(example.given)}\nreference  {_in_one_line(example.reference)}\n"
        f"output     {_in_one_line(example.output)}"
    )


def _in_one_line(text: str) -> str:
    text = " ".join(text.split("\n"))
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def is_live(*, is_quiet: bool) -> bool:
    """Return whether training is displayed as a panel with samples instead of lines."""
    return not is_quiet and (console.is_jupyter or (console.is_terminal and not console.is_dumb_terminal))


class TrainingDisplay:
    """Shows the progress of training; used as a context manager.

    Args:
        trainer: the trainer.
        say: prints messages for the user.
        is_quiet: whether nothing is shown.
        is_verbose: whether every report is shown if there is no panel.
    """

    def __init__(
        self, trainer: "Trainer", say: Callable[[str], None] = note, *, is_quiet: bool, is_verbose: bool
    ) -> None:
        self.trainer = trainer
        self._say = say
        self.is_live = is_live(is_quiet=is_quiet)
        self._is_quiet = is_quiet
        self._is_verbose = is_verbose
        self._sample = self._gradient = ""
        self._speed = self._train_nats = 0.0
        self._shown_at = -math.inf
        self._has_warned = False
        self._report: Report | None = None
        self._live = NotebookView() if console.is_jupyter else Live(console=console, auto_refresh=False)

    def __enter__(self) -> "TrainingDisplay":
        if not self._is_quiet:
            note(f"{self.trainer.run.name}: {described(self.trainer)}")
        if self.is_live:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._report is not None:  # the last panel stays and may be higher than the terminal
            self._live.update(self._panel(self._report, SAMPLE_LINES))
        self._live.stop()

    def show_sample(self, text: str) -> None:
        """Show a new sample in the panel."""
        self._sample = visible(text.strip())
        if self._report is not None:
            self._refresh(self._report)

    def note(self, text: str) -> None:
        """Print a message, above the panel if there is one."""
        if not self._is_quiet:
            self._say(text)

    def show(self, report: "Report") -> None:
        """Show a report."""
        if (example := report.example) is not None and example.warning and not self._has_warned:
            self._has_warned = True
            self.note(example.warning)
        if self.is_live:
            self._report = report
            if example is not None:
                self._sample = visible(_compared(example))
            self._refresh(report)
            return
        is_late = time.perf_counter() - self._shown_at >= PLAIN_SECONDS
        if (is_late or self._is_verbose or report.valid_nats is not None) and not self._is_quiet:
            self._shown_at = time.perf_counter()
            note(self._line(report))
            if example is not None:
                note(_compared(example))

    def _line(self, report: "Report") -> str:
        corpus = self.trainer.corpus
        parts = [
            f"step {report.step:,}",
            f"epoch {report.epoch:.2f}",
            report.train_nats is not None and f"train {loss(report.train_nats, corpus.train)}",
            report.valid_nats is not None and f"valid {loss(report.valid_nats, corpus.valid)}",
            report.valid_errors is not None and f"{report.valid_errors:.1%} of tokens wrong",
            report.tokens_per_second is not None and f"{report.tokens_per_second:,.0f} tokens/s",
            self._is_verbose and f"gradient {_gradient(report)}",
            f"{duration(self.trainer.timetable.seconds_left)} left",
        ]
        return "  ".join(part for part in parts if part)

    def _refresh(self, report: "Report") -> None:
        """Show the panel with as many lines of the sample as fit, or one line if the terminal is very low.

        Anything higher than the terminal would scroll and could not be erased.
        """
        for num_lines in range(SAMPLE_LINES, -1, -1):
            panel = self._panel(report, num_lines)
            if len(console.render_lines(panel)) < console.height:
                self._live.update(panel, refresh=True)
                return
        left = duration(self.trainer.timetable.seconds_left)
        line = (
            f"{self.trainer.timetable.share:.0%}  {left} left  step {report.step:,}  train {self._train_nats:.4f} nats"
        )
        self._live.update(Text(line, no_wrap=True, overflow="ellipsis"), refresh=True)

    def _panel(self, report: "Report", num_sample_lines: int) -> Panel:
        if report.tokens_per_second is not None and report.train_nats is not None:
            self._speed, self._train_nats = report.tokens_per_second, report.train_nats
        figures, corpus = self.trainer.figures, self.trainer.corpus
        head = Table.grid(expand=True)
        head.add_row(ProgressBar(total=1.0, completed=self.trainer.timetable.share))
        head.add_row(
            f"{self.trainer.timetable.share:.0%}  step {report.step:,}  epoch {report.epoch:.2f}  "
            f"{self._speed:,.0f} tokens/s  {duration(self.trainer.timetable.seconds_left)} left"
        )
        losses = Table.grid(padding=(0, 2))
        losses.add_row("train", loss(self._train_nats, corpus.train))
        self._gradient = _gradient(report) or self._gradient
        if figures.valid_nats is not None and figures.best_valid_nats is not None:
            losses.add_row("valid", loss(figures.valid_nats, corpus.valid))
            wrong = f", {figures.best_valid_errors:.1%} of tokens wrong" if corpus.given_coding is not None else ""
            losses.add_row(
                "best", f"{loss(figures.best_valid_nats, corpus.valid)}{wrong} at step {figures.best_step:,}"
            )
        losses.add_row("gradient", self._gradient)
        lines = self._sample.splitlines()[:num_sample_lines]
        heading = Text("example:" if corpus.given_coding is not None else "sample:", style="dim")
        sample = [heading, Text("\n".join(lines))] if lines else []
        title, width = Text(self.trainer.run.name), min(console.width - len("^C"), PANEL_WIDTH)
        return Panel(Group(head, losses, *sample), title=title, title_align="left", width=width)
