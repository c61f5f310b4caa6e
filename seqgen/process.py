"""How the process uses threads and memory: to be settled before torch is loaded."""

import ctypes
import os
import platform
import signal

# mallopt(3): the numbers of its parameters.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def settle(*, is_sampling: bool) -> None:
    """Let threads that wait give way soon, and keep freed memory for the next training step.

    Args:
        is_sampling: whether many short products come one by one, for which threads must be awake.
    """
    # Threads that spin while they wait for each other stand still as soon as another program wants one of the cores.
    # With one of two cores busy, a 1x512 LSTM did 1 step in 8 s with libgomp's own count (300,000), 22 with 5,000 and
    # 47 with 1,000; on an idle machine the same counts gave 88,000, 84,000 and 61,000 tokens/s. Sampling one stream
    # from it, 20,000 and 5,000 gave 7,600 and 3,800 tokens/s.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000" if is_sampling else "5000")
    if (num_threads := os.environ.get("OMP_NUM_THREADS", "")).isdigit():  # torch's; the kernels have their own
        os.environ.setdefault("NUMBA_NUM_THREADS", num_threads)
    _keep_freed_memory()


def load_torch() -> None:
    """Load torch, and numpy with it, in one go: Ctrl-C and SIGTERM wait until they are there.

    Torch passes over whatever breaks into its loading of numpy, which would stay half loaded.
    """
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda came, _: received.append(came)) for number in numbers}
    try:
        import torch  # noqa: F401
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


def num_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_freed_memory() -> None:
    """Tell glibc's malloc not to hand large blocks back to the system only to ask for them again at the next step.

    Each such block costs a page fault for every 4 KiB of it, more time than the arithmetic on it. With another C
    library nothing is done.
    """
    if not _has_glibc():
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_M_ARENA_MAX, 1)


def release_memory() -> None:
    """Hand back what was freed, once: what prepared a corpus is of no use to training."""
    if _has_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
