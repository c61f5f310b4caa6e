"""How far slow work has come: what shows it to the user derives from these, which show nothing."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


class Task:
    """One part of the work, which counts what is done.

    Args:
        total: how much there is to do; 0 while that is not known.
        interval: seconds between two calls of `show` at least.
    """

    def __init__(self, total: int = 0, interval: float = 0.0) -> None:
        self.total = total
        self.done = 0
        self.begun_at = self._shown_at = time.monotonic()
        self._interval = interval

    def expect(self, amount: int) -> None:
        """Count what there is to do in addition."""
        self.total += amount

    def advance(self, amount: int = 1) -> None:
        """Count what has been done."""
        self.done += amount
        if time.monotonic() - self._shown_at >= self._interval:
            self.show()
            self._shown_at = time.monotonic()

    def show(self) -> None:
        """Show nothing."""


class Progress:
    """Shows the parts of the work one after the other; this one shows nothing."""

    @contextmanager
    def task(self, name: str, total: int = 0) -> Iterator[Task]:  # noqa: ARG002  # what shows it needs the name
        """Lend a part of the work.

        Args:
            name: what is done, as "sampling".
            total: see `Task`.
        """
        yield Task(total)

    def track(self, name: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yield items, each of which is a step of a part of the work."""
        with self.task(name, total) as task:
            for item in items:
                yield item
                task.advance()


SILENT = Progress()
