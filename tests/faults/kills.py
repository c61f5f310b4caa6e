"""Runs that are killed at random moments and resumed are bit for bit identical to an uninterrupted run.

    python -m tests.faults.kills --kills 100

A third of the kills occur at any moment, a third while a checkpoint is written, a third during a validation or while
the log is written. Signals are SIGKILL and sometimes SIGTERM or SIGINT, once or twice in a row, which are not counted.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

import torch

from seqgen.checkpoint import Checkpoint

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--num-layers", "1", "--hidden-size", "32", "--batch-size", "4", "--sequence-length", "32", "--seed", "1"]
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
ENDS = (0, 130, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT)
LONGEST_SECONDS = 300  # of one attempt; if it takes longer, it hangs
RHYME = "Baa, baa, black sheep, have you any wool? Yes, sir, yes, sir, three bags full! "
TUNE = "X:{0}\nT:tune {0}\nM:4/4\nL:1/8\nK:{1}\nCDEF GABc|cBAG FEDC|{2}2{2}2 G4|C8|]\n\n"


def corpora(folder: Path) -> dict[str, list[str]]:
    """Write a small corpus for every level, and return the options of each."""
    text, tunes = folder / "rhyme.txt", folder / "tunes.abc"
    text.write_text("".join(f"{number} {RHYME}\n" for number in range(300)), encoding="utf-8")
    tunes.write_text(
        "".join(TUNE.format(number, "CDFGA"[number % 5], "cdefgab"[number % 7]) for number in range(40)),
        encoding="utf-8",
    )
    return {
        "character": ["--corpus", str(text)],
        "word": ["--corpus", str(text), "--level", "word"],
        "subword": ["--corpus", str(text), "--level", "subword", "--vocabulary-size", "300"],
        "note": ["--corpus", str(tunes)],
    }


def start(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    """Start a training process."""
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "seqgen", "train", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE)


def finish(training: "subprocess.Popen[bytes]", ends: Collection[int] = (0,)) -> None:
    """Wait until a training process exits, and check its exit status."""
    _, stderr = training.communicate(timeout=LONGEST_SECONDS)
    if training.returncode not in ends or b"Traceback" in stderr:
        sys.exit(stderr.decode())


def tensors(run: Path, file: str) -> dict[str, torch.Tensor]:
    """Return all tensors of a checkpoint."""
    checkpoint = Checkpoint.read(run / file)
    return {**checkpoint.weights, **{f"training.{name}": part for name, part in checkpoint.training.items()}}


def assert_alike(run: Path, other: Path) -> None:
    """Compare two runs bit for bit."""
    for file in ("last.safetensors", "best.safetensors"):
        mine, theirs = tensors(run, file), tensors(other, file)
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            assert torch.equal(tensor, theirs[name]), f"{run} and {other} differ in {name} of {file}"
    assert {path.name for path in run.iterdir()} <= {path.name for path in other.iterdir()}  # no unfinished files


class Killer:
    """Kills training processes at random moments.

    Args:
        folder: its `checkpoints/` contains the runs.
        seed: of the random moments and signals.

    Attributes:
        count: number of times that SIGKILL was sent.
        moments: number of signals by moment and signal.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.count = 0
        self.moments: dict[str, int] = {}

    def kill(self, training: "subprocess.Popen[bytes]", run: Path, longest: float) -> bool:
        """Send a signal at a random moment within `longest` seconds after the first save, if training still runs.

        Returns:
            Whether a signal was sent.
        """
        moment = self.random.choice(("any moment", "in a save", "in a validation"))
        self._wait_for(training, lambda: (run / "last.safetensors").exists())
        time.sleep(self.random.uniform(0, longest))
        if moment == "in a save":
            self._wait_for(training, lambda: any(run.glob(".last.*")))
        elif moment == "in a validation":
            self._wait_for(training, lambda: any(run.glob(".best.*")))
        if training.poll() is not None:
            return False
        number = self.random.choice(SIGNALS)
        training.send_signal(number)
        if number != signal.SIGKILL and self.random.random() < 0.5:
            time.sleep(self.random.uniform(0, 0.05))
            training.send_signal(number)
        self.count += number == signal.SIGKILL
        key = f"{signal.Signals(number).name} {moment}"
        self.moments[key] = self.moments.get(key, 0) + 1
        return True

    def _wait_for(self, training: "subprocess.Popen[bytes]", is_true: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while training.poll() is None and not is_true() and time.monotonic() - begun < 5:
            time.sleep(0.0002)


def run_level(folder: Path, level: str, options: list[str], kills: int, steps: int, seed: int) -> Killer:
    """Train an uninterrupted run and runs that are killed this number of times in total, and compare them."""
    budget = ["--steps", str(steps), "--patience", "1000", *SMALL, *options]
    begun = time.monotonic()
    finish(start(folder, *budget, "--name", f"{level}-whole", "--quiet"))
    whole_seconds = time.monotonic() - begun
    runs, killer = folder / "checkpoints", Killer(folder, seed)
    for number in range(1, 1_000_000):
        name, before = f"{level}-{number}", killer.count
        training = start(folder, *budget, "--name", name)
        while True:
            is_hit = killer.count < kills and killer.kill(training, runs / name, whole_seconds / 4)
            finish(training, ENDS if is_hit else (0,))
            if training.returncode == 0:
                break
            if (runs / name / "last.safetensors").exists():
                training = start(folder, "--resume", name)
            else:
                training = start(folder, *budget, "--name", name)
        assert_alike(runs / name, runs / f"{level}-whole")
        print(
            f"{level}: run {number} was killed {killer.count - before} times and is bit for bit identical", flush=True
        )
        if killer.count >= kills:
            return killer
    raise AssertionError


def main() -> None:
    """Kill runs of every level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        levels = corpora(Path(folder))
        for number, (level, options) in enumerate(levels.items(), chosen.seed):
            killer = run_level(Path(folder), level, options, -(-chosen.kills // len(levels)), chosen.steps, number)
            print(f"{level}: {killer.count} kills; all signals: {killer.moments}", flush=True)


if __name__ == "__main__":
    main()
