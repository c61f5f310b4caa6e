"""How the benchmarks measure: in pairs, and the median of the ratios."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes, by the wall clock."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def in_pairs(ours: Callable[[], object], reference: Callable[[], object], pairs: int = 5) -> tuple[float, float, float]:
    """Return median seconds of ours and of the reference, and the median ratio reference / ours, after a warm-up."""
    ours()
    reference()
    times = [(seconds(ours), seconds(reference)) for _ in range(pairs)]
    return (
        median(mine for mine, _ in times),
        median(theirs for _, theirs in times),
        median(theirs / mine for mine, theirs in times),
    )


def in_own_process(module: str, *arguments: str | int) -> list[float]:
    """Return the numbers that `python -m MODULE` prints, in a process without what `process.settle` has set here."""
    without = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=without, capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def row(name: str, ours: str, reference: str, ratio: float | None = None) -> None:
    """Print a line of the table."""
    print(f"{name:<46} {ours:>22} {reference:>34} {'' if ratio is None else f'{ratio:.2f} x':>8}", flush=True)
