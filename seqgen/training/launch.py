"""Starts the processes of `--processes N`, and restarts them when one is killed."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from seqgen.errors import ProcessLostError, UsageError
from seqgen.process import num_cores

INTERRUPTED = 130  # the exit status after Ctrl-C or SIGTERM
MAX_PROCESSES = 512  # on one machine
MAX_RESTARTS = 3
_LAUNCHER = "SEQGEN_LAUNCHER"  # the variable with the process id of the launcher
_LAUNCH = "SEQGEN_LAUNCH"  # the variable with the name of this launch
_PR_SET_PDEATHSIG = 1  # prctl(2)
_KILLING_SIGNAL = 3  # the third signal kills the processes
_POLL_SECONDS = 0.1
_ENDING_SECONDS = 10  # time for the other processes to end after one has ended, which they notice at their next step
# The variables that torchrun sets.
_RUN_ID = "TORCHELASTIC_RUN_ID"
_RESTARTS = "TORCHELASTIC_RESTART_COUNT"


def is_one_of_many() -> bool:
    """Return whether this process is one of several that torchrun or `launch` started."""
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))


def is_first_process() -> bool:
    """Return whether this process is the first, which displays the progress."""
    return os.environ.get("RANK", "0") == "0"


def is_first_on_machine() -> bool:
    """Return whether this process is the first on its machine, which displays the errors of the machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def is_restarted() -> bool:
    """Return whether this process was restarted because it, or another one on this machine, was killed."""
    return is_one_of_many() and int(os.environ.get(_RESTARTS, "0")) > 0


def launch_name() -> str:
    """Return a unique name of the launch of these processes, which restarts keep; empty for a single process."""
    if not is_one_of_many():
        return ""
    return os.environ.get(_LAUNCH) or f"{os.environ.get(_RUN_ID)} of {os.getppid()}"


def end_with_launcher() -> None:
    """Let Linux send SIGTERM to this process when the process that called `launch` ends in any way."""
    if _LAUNCHER in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if str(os.getppid()) != os.environ[_LAUNCHER]:  # the launcher has already ended
            signal.raise_signal(signal.SIGTERM)


def count_of(processes: str) -> int:
    """Return the number of processes of `--processes`.

    Raises:
        UsageError: it is not a number in range, or torchrun has already started the processes.
    """
    if _RUN_ID in os.environ:
        raise UsageError("torchrun determines the number of processes: omit --processes")
    if not re.fullmatch("[0-9]{1,4}", processes) or not 0 < int(processes) <= MAX_PROCESSES:
        raise UsageError(f"--processes must be a whole number in [1, {MAX_PROCESSES}], got {processes!r}")
    return int(processes)


def launch(arguments: Sequence[str], count: int, say: Callable[[str], None]) -> int:
    """Run `seqgen` with these arguments in several processes, and return the exit status.

    If one is killed from outside, all are restarted and continue from the last saved state.

    Args:
        arguments: the arguments of the command line.
        count: the number of processes.
        say: displays a message to the user.

    Raises:
        ProcessLostError: processes were killed more than `MAX_RESTARTS` times.
    """
    name = uuid.uuid4().hex
    for restarts in range(MAX_RESTARTS + 1):
        shared: dict[str, Any] = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, _RESTARTS: restarts, _LAUNCH: name}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port(), _LAUNCHER: os.getpid()}
        workers = [_start(arguments, rank, shared) for rank in range(count)]
        with _forwarding(workers) as received:
            status = _end(workers, received)
        if received and status < 0:
            return INTERRUPTED
        if status >= 0:
            return status
        if restarts < MAX_RESTARTS:
            say(
                f"a process was killed: all {count} continue from the last saved state (restart {restarts + 1} of "
                f"{MAX_RESTARTS})"
            )
    raise ProcessLostError(
        f"a process was killed for the {MAX_RESTARTS + 1}th time; the last saved state is kept: continue with --resume"
    )


def _start(arguments: Sequence[str], rank: int, shared: Mapping[str, Any]) -> "subprocess.Popen[bytes]":
    """Start one of several processes, with the environment variables that all share."""
    threads = {"OMP_NUM_THREADS": str(max(1, num_cores() // shared["WORLD_SIZE"]))}
    own = {"RANK": str(rank), "LOCAL_RANK": str(rank), **{name: str(value) for name, value in shared.items()}}
    environment = {**threads, **os.environ, **own}
    stdin = None if rank == 0 else subprocess.DEVNULL
    has_folder = not {"", str(Path.cwd())}.isdisjoint(sys.path)  # otherwise no modules are imported from there
    command = [sys.executable, *([] if has_folder else ["-P"]), "-m", "seqgen", *arguments]
    return subprocess.Popen(command, env=environment, stdin=stdin)  # noqa: S603  # ourselves


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def _forwarding(workers: Sequence["subprocess.Popen[bytes]"]) -> Iterator[list[int]]:
    """Forward Ctrl-C and SIGTERM to the workers, which save and end; the third signal kills them.

    Yields:
        The signals received so far.
    """
    received: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        received.append(number)
        for worker in workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM if len(received) < _KILLING_SIGNAL else signal.SIGKILL)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(workers: Sequence["subprocess.Popen[bytes]"], received: Sequence[int]) -> int:
    """Wait until all processes have ended; kill those that do not end soon after another has failed.

    Args:
        workers: the processes.
        received: the signals received so far; after a signal the user decides when to kill, with further signals.

    Returns:
        The exit status of the first that failed, which is negative if it was killed; 0 if none did.
    """
    first, failed_at = 0, 0.0
    while True:
        statuses = [worker.poll() for worker in workers]
        if not first and (failed := [status for status in statuses if status]):
            first, failed_at = min(failed), time.monotonic()
        if None not in statuses:
            return first
        if first and not received and time.monotonic() - failed_at > _ENDING_SECONDS:
            for worker in workers:
                worker.kill()
        time.sleep(_POLL_SECONDS)
