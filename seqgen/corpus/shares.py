"""The shares of a corpus that is divided among machines, each of which has other files and reads only these."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

from seqgen.corpus.crew import ALONE, Crew
from seqgen.errors import CorpusError, UsageError
from seqgen.options import flag
from seqgen.wording import counted

Result = TypeVar("Result")


class ShareFile(NamedTuple):
    """A file of a share.

    Attributes:
        name: the name in errors and reports.
        suffix: the suffix that shows the format.
        digest: a hash of the content, in hexadecimal digits.
    """

    name: str
    suffix: str
    digest: str


@dataclass(frozen=True)
class Shares:
    """All shares, in an order that depends on their contents only, not on which machine has which.

    Attributes:
        processes: those of all machines.
        machines: the number of the machine that has each share.
    """

    processes: Crew = ALONE
    machines: tuple[int, ...] = (0,)

    @classmethod
    def of(cls, processes: Crew, files: Sequence[Sequence[ShareFile]]) -> Self:
        """Return the shares with these files, given by machine.

        Raises:
            CorpusError: two machines have the same file.
        """
        _refuse_shared(files)
        digests = [_digest(share) for share in files]
        return cls(processes, tuple(sorted(range(len(files)), key=digests.__getitem__)))

    @property
    def place(self) -> int:
        """The number of the share of this machine."""
        return self.machines.index(self.processes.machine)

    @property
    def num_processes(self) -> list[int]:
        """The number of processes that read each share."""
        return [self.processes.num_processes[machine] for machine in self.machines]

    @property
    def are_divided(self) -> bool:
        """Whether there are several."""
        return len(self.machines) > 1

    def gathered(self, own: Any) -> list[Any]:
        """Return a JSON value of each share; all processes call this together, also those that know it already.

        Args:
            own: the value of the share of this machine, which only the first process of the machine needs to know.
        """
        values = self.processes.exchange(own)
        return [values[machine] for machine in self.machines]


WHOLE = Shares()


def check_options(processes: Crew, options: Mapping[str, Any]) -> None:
    """Check that all machines read their shares with the same options.

    Raises:
        UsageError: they do not.
    """
    first, *others = processes.exchange(options)
    for machine, other in enumerate(others, 1):
        if different := [flag(name) for name, value in first.items() if other[name] != value]:
            raise UsageError(
                f"machine 0 and machine {machine} have different options ({', '.join(different)}): with "
                "--corpus-share, only the paths of --corpus and --valid may differ"
            )


def attempted(processes: Crew, action: Callable[[], Result]) -> Result:
    """Return the result of an action that each machine carries out for its share.

    Raises:
        CorpusError: it has failed on a machine; all processes raise the same error, which names the machine.
    """
    result: list[Result] = []
    failure = None
    try:
        result.append(action())
    except CorpusError as error:
        failure = error
    messages = processes.exchange(failure and str(failure))
    for machine, message in enumerate(messages):
        if message and processes.machines > 1:
            raise CorpusError(f"machine {machine}: {message}") from failure
    if failure is not None:
        raise failure
    return result[0]


def difference(before: Sequence[ShareFile], now: Sequence[ShareFile]) -> str:
    """Return how the files of a share differ from those it had before; empty if they do not."""
    digests, earlier = ({file.name: file.digest for file in files} for files in (now, before))
    found = [
        *(f"{name} is missing" for name in earlier if name not in digests),
        *(f"{name} has changed" for name in earlier if digests.get(name, earlier[name]) != earlier[name]),
        *(f"{name} is new" for name in digests if name not in earlier),
    ]
    return found[0] + _others(found) if found else ""


def _refuse_shared(files: Sequence[Sequence[ShareFile]]) -> None:
    """Raise a CorpusError if two machines have a file with the same name and content."""
    owners: dict[tuple[str, str], int] = {}
    found = []
    for machine, share in enumerate(files):
        for file in share:
            owner = owners.setdefault((file.name, file.digest), machine)
            if owner != machine:
                found.append(f"{file.name} is on machine {owner} and on machine {machine}")
    if found:
        raise CorpusError(
            f"{found[0]}{_others(found)}: with --corpus-share, give each machine other files; without it, all machines "
            "need all files"
        )


def _others(found: Sequence[str]) -> str:
    return f" (and {counted(len(found) - 1, 'other file')})" if len(found) > 1 else ""


def _digest(share: Sequence[ShareFile]) -> str:
    content = [[file.suffix, file.digest] for file in share]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
