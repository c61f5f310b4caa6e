"""Simulates machines that have a share of a corpus each, as threads of one process."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

from seqgen.corpus.crew import Crew
from seqgen.errors import SeqgenError

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Simulated(Crew):
    """The only process of one of several machines.

    Attributes:
        values: those that are exchanged, by machine.
        barrier: of all machines.
    """

    values: Any = ()
    barrier: Any = None

    @property
    def machine(self) -> int:
        return self.rank

    @property
    def machines(self) -> int:
        return self.size

    @property
    def num_processes(self) -> list[int]:
        return [1] * self.size

    def exchange(self, own: Any) -> list[Any]:
        self.values[self.rank] = own
        self.barrier.wait(TIMEOUT_SECONDS)
        values = list(self.values)
        self.barrier.wait(TIMEOUT_SECONDS)
        return values


def on_machines(number: int, action: Callable[[Simulated], Any]) -> list[Any]:
    """Return the result, or the error, of an action on each of several machines."""
    values, barrier = [None] * number, Barrier(number)

    def attempt(rank: int) -> Any:
        try:
            return action(Simulated(rank, number, values, barrier))
        except SeqgenError as error:
            return error

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(attempt, range(number)))


def messages(results: Sequence[Any]) -> list[str]:
    """Return the error messages of all machines, each of which has failed."""
    assert all(isinstance(result, SeqgenError) for result in results), results
    return list(map(str, results))
