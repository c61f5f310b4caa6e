"""Starts processes in tests, waits for them, and ensures that none outlives its test.

Tests wait for events, however busy the machine is. A process that exceeds the timeout is assumed to hang: it is killed,
and the test fails with its output.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 600
EXIT_SECONDS = 30  # for processes that are exiting when their test ends
SIGNALLING = Path(__file__).parent / "faults" / "signalling"
_POLL_SECONDS = 0.01
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def start(command: Sequence[str | bytes], **options: Any) -> "subprocess.Popen[str]":
    """Start a process with text pipes, by default for standard error."""
    return subprocess.Popen(command, **{"stderr": subprocess.PIPE, "encoding": "utf-8"} | options)


def finish(process: "subprocess.Popen[str]", stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Wait for a process, and all others that share its pipes; return its exit status and output."""
    try:
        output, error = process.communicate(stdin, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired as late:
        end_all(0)
        raise AssertionError(f"{process.args} hangs; its output is {late.output!r}, {late.stderr!r}") from late
    return subprocess.CompletedProcess(process.args, process.returncode, output, error)


def run(command: Sequence[str | bytes], stdin: str | None = None, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a process to its end."""
    pipes = {"stdin": None if stdin is None else subprocess.PIPE, "stdout": subprocess.PIPE}
    return finish(start(command, **pipes | options), stdin)


def wait_until(condition: Callable[[], Any], process: "subprocess.Popen[str]") -> None:
    """Wait for a condition that a process fulfils before it ends."""
    latest = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > latest:
            end_all(0)
            raise AssertionError(f"condition not fulfilled by {process.args}, which printed {finish(process).stderr!r}")
        time.sleep(_POLL_SECONDS)


def fault(rank: int, place: str, count: int, number: signal.Signals, whom: str = "self") -> dict[str, str]:
    """Return environment variables that make a process send a signal at a given call, see `faults/signalling`."""
    return {"PYTHONPATH": str(SIGNALLING), "FAULT": f"{rank} {place} {count} {number.name} {whom}"}


def children(parent: int) -> list[int]:
    """Return the running child processes of a process, in ascending order (Linux)."""
    return sorted(pid for pid, (above, state) in _table().items() if above == parent and state not in "ZX")


def is_stopped(pid: int) -> bool:
    """Return whether SIGSTOP has taken effect: until then, a process still handles signals (Linux)."""
    return _table()[pid][1] == "T"


def adopt_orphans() -> None:
    """Become the parent of all orphaned descendants (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_all(patience: float = EXIT_SECONDS) -> list[str]:
    """Kill all descendants that do not exit within this number of seconds; return their command lines (Linux)."""
    latest = time.monotonic() + patience
    killed: dict[int, str] = {}
    while _has_children():
        _reap()
        for pid in _descendants(os.getpid()) if time.monotonic() > latest else ():
            killed.setdefault(pid, _command(pid))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    return list(killed.values())


def _has_children() -> bool:
    if sys.platform != "linux":
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _reap() -> None:
    """Collect the exit statuses of ended child processes."""
    while _has_children() and os.waitpid(-1, os.WNOHANG)[0]:
        pass


def _table() -> dict[int, tuple[int, str]]:
    """Return the parent and the state of every process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has just ended
            continue
        found[int(path.parent.name)] = (int(parent), state)
    return found


def _descendants(parent: int) -> list[int]:
    below = children(parent)
    return [*below, *(pid for child in below for pid in _descendants(child))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return f"process {pid}"
