"""Progress of long computations: a bar on a terminal, a line every few seconds elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from seqgen.cli.display import console, duration, note
from seqgen.cli.panel import PLAIN_SECONDS
from seqgen.evaluation.progress import Progress, Task

_BAR_SECONDS = 0.1  # between updates of a bar


class ShownProgress(Progress):
    """Shows the progress of each task while it runs."""

    @contextmanager
    def task(self, name: str, total: int = 0) -> Iterator[Task]:
        """Provide a task, whose bar disappears at its end."""
        if not console.is_terminal or console.is_dumb_terminal:
            yield _LineTask(name, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        # Results that are written meanwhile must not be redirected: standard output may be a file.
        with Bars(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
            yield _BarTask(bars, name, total)


class _LineTask(Task):
    def __init__(self, name: str, total: int) -> None:
        super().__init__(total, PLAIN_SECONDS)
        self._name = name

    def show(self) -> None:
        """Print the share that is done and an estimate of the time left."""
        share = min(self.done / max(1, self.total), 1.0)
        left = f", {duration((time.monotonic() - self.begun_at) * (1 / share - 1))} left" if share else ""
        note(f"{self._name}: {share:.0%}{left}")


class _BarTask(Task):
    def __init__(self, bars: Bars, name: str, total: int) -> None:
        super().__init__(total, _BAR_SECONDS)
        self._bars = bars
        self._id = bars.add_task(name, total=total or None)

    def show(self) -> None:
        """Update the bar."""
        self._bars.update(self._id, completed=self.done, total=self.total)
