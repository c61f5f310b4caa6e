"""The processes that prepare a corpus: one, or several on one machine that divide the files among themselves."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Crew:
    """A group of processes that work together, as seen from one of them; by default that one alone.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes have called this method."""

    def broadcast(self, content: Callable[[], bytes], source: int = 0) -> bytes:  # noqa: ARG002  # there is no other
        """Return the content that one process has in all of them.

        Args:
            content: called in the source process only, while the others wait.
            source: the rank of that process.
        """
        return content()


ALONE = Crew()
