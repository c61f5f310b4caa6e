"""Who prepares a corpus: one process, or several on one machine that divide the files among them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Crew:
    """Processes that do one thing together, seen from one of them; without arguments one alone.

    Attributes:
        rank: which this is, from 0.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all have come so far."""

    def told(self, content: Callable[[], bytes], by: int = 0) -> bytes:  # noqa: ARG002  # it can be by none else
        """Return the bytes that one of them has, which alone is asked for them; all wait until it has."""
        return content()


ALONE = Crew()
