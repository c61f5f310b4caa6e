"""Progress of long computations; these classes show nothing, subclasses display it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Task:
    """A task, which counts what is done.

    Args:
        total: total amount of work; 0 if unknown.
        interval: minimum number of seconds between calls of `show`.
    """

    def __init__(self, total: int = 0, interval: float = 0.0) -> None:
        self.total = total
        self.done = 0
        self.begun_at = self._shown_at = time.monotonic()
        self._interval = interval

    def expect(self, amount: int) -> None:
        """Add to the total amount of work."""
        self.total += amount

    def advance(self, amount: int = 1) -> None:
        """Add to the amount of work done."""
        self.done += amount
        if time.monotonic() - self._shown_at >= self._interval:
            self.show()
            self._shown_at = time.monotonic()

    def show(self) -> None:
        """Show nothing."""


class Progress:
    """Shows tasks one after the other; this class shows nothing."""

    @contextmanager
    def task(self, name: str, total: int = 0) -> Iterator[Task]:  # noqa: ARG002  # subclasses need the name
        """Provide a task.

        Args:
            name: name of the task, such as "sampling".
            total: see `Task`.
        """
        yield Task(total)

    def track(self, name: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yield items, each of which is one unit of work of a task."""
        with self.task(name, total) as task:
            for item in items:
                yield item
                task.advance()


SILENT = Progress()
