"""Settings of the process, which must be made before torch and numba are loaded."""

import ctypes
import os
import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Numbers of the parameters of mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def settle(*, is_sampling: bool) -> None:
    """Make all settings; see `limit_spinning`."""
    limit_spinning(is_sampling=is_sampling)
    # Otherwise numba loads colorama, which writes an escape sequence to a terminal at exit, even to a dumb one.
    os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
    keep_freed_memory()


def limit_spinning(*, is_sampling: bool) -> None:
    """Limit the time that waiting threads spin.

    Args:
        is_sampling: whether the program computes many short products, for which threads must spin for longer.
    """
    # Threads that spin while they wait for each other stall as soon as another program uses one of the cores.
    # With one of two cores busy, a 1x512 LSTM did 1 step in 8 s with libgomp's own count (300,000), 22 with 5,000 and
    # 47 with 1,000; on an idle machine the same counts gave 88,000, 84,000 and 61,000 tokens/s. Sampling one stream
    # from it, 20,000 and 5,000 gave 7,600 and 3,800 tokens/s.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000" if is_sampling else "5000")
    if (num_threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():  # torch uses this variable, numba the other
        os.environ.setdefault("NUMBA_NUM_THREADS", num_threads)


def load_torch() -> None:
    """Load torch and numpy, and delay Ctrl-C and SIGTERM until they are loaded.

    Torch ignores exceptions while it loads numpy, which would then stay partly loaded.
    """
    with signals_delayed():
        import torch  # noqa: F401


@contextmanager
def signals_delayed() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM, for code that calls back from C, where the exceptions of their handlers are ignored.

    In other threads than the main one, which receives the signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda came, _: received.append(came)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


def num_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Keep glibc's malloc from returning large blocks to the system, which every training step would request again.

    Each requested block costs one page fault per 4 KiB, which takes longer than the arithmetic on it. Other C
    libraries are left unchanged.
    """
    if not _has_glibc():
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_M_ARENA_MAX, 1)


def release_memory() -> None:
    """Return freed memory to the system once, after a corpus has been prepared."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
