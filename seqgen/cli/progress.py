"""How far slow work has come: a bar with the time left on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from seqgen.cli.display import console, duration, note
from seqgen.cli.panel import PLAIN_SECONDS
from seqgen.evaluation.progress import Progress, Task

_BAR_SECONDS = 0.1  # between two movements of a bar


class ShownProgress(Progress):
    """Shows each part of the work while it lasts."""

    @contextmanager
    def task(self, name: str, total: int = 0) -> Iterator[Task]:
        """Lend a part of the work, whose bar is gone at its end."""
        if not console.is_terminal or console.is_dumb_terminal:
            yield _LineTask(name, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        # What goes to standard output meanwhile is left alone: that may be a file.
        with Bars(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
            yield _BarTask(bars, name, total)


class _LineTask(Task):
    def __init__(self, name: str, total: int) -> None:
        super().__init__(total, PLAIN_SECONDS)
        self._name = name

    def show(self) -> None:
        """Say how much is done, and how long the rest will take at this speed."""
        share = min(self.done / max(1, self.total), 1.0)
        left = f", {duration((time.monotonic() - self.begun_at) * (1 / share - 1))} left" if share else ""
        note(f"{self._name}: {share:.0%}{left}")


class _BarTask(Task):
    def __init__(self, bars: Bars, name: str, total: int) -> None:
        super().__init__(total, _BAR_SECONDS)
        self._bars = bars
        self._id = bars.add_task(name, total=total or None)

    def show(self) -> None:
        """Move the bar."""
        self._bars.update(self._id, completed=self.done, total=self.total)
