"""The processes that prepare a corpus: one, or several on one machine that divide the files among themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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

    @property
    def machine(self) -> int:
        """The number of the machine of this process, from 0."""
        return 0

    @property
    def machines(self) -> int:
        """The number of machines."""
        return 1

    @property
    def num_processes(self) -> list[int]:
        """The number of processes of each machine."""
        return [self.size]

    def wait(self) -> None:
        """Wait until all processes have called this method."""

    def broadcast(self, content: Callable[[], bytes], source: int = 0) -> bytes:  # noqa: ARG002  # there is no other
        """Return the content that one process has in all of them.

        Args:
            content: called in the source process only, while the others wait.
            source: the rank of that process.
        """
        return content()

    def exchange(self, own: Any) -> list[Any]:
        """Return the JSON values that the first process of each machine has, in all processes, by machine."""
        return [own]

    def share(self, count: int) -> slice:
        """Return the streams that this process reads, out of `count`."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def largest_share(self, count: int) -> int:
        """Return the maximum number of streams that a process reads, out of `count`."""
        return -(-count // self.size)


ALONE = Crew()
