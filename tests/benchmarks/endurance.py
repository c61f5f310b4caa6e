"""The cost of saving, of several processes and of a restart after a kill; and a long run.

Measured on whole commands from outside.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from unittest.mock import patch

from seqgen.config import BudgetConfig, CorpusConfig, FoldersConfig, TrainOptions
from seqgen.process import num_cores
from seqgen.training.loop import Trainer
from seqgen.training.run_folder import RunFolder
from seqgen.training.session import Session
from tests.benchmarks.measure import row, seconds

TIME = "10m"  # the default
ROUNDS = 3
STEPS = 60  # of a run whose speed is measured
SIZES = {
    "1x256, batch 32 x 128": ["--hidden-size", "256", "--batch-size", "32", "--sequence-length", "128"],
    "2x512, batch 64 x 64": ["--num-layers", "2", "--hidden-size", "512", "--batch-size", "64", "--sequence-length",
                             "64"],
}  # fmt: skip
TINY = ["--hidden-size", "8", "--batch-size", "2", "--sequence-length", "8", "--patience", "1000000"]
MANY_STEPS = 1_000_000
POLL_SECONDS = 0.005
STDERR = "stderr.txt"


def start(folder: Path, *arguments: str, threads: int | None = None) -> "subprocess.Popen[bytes]":
    """Start training in a folder; standard error is written to a file there."""
    environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-m", "seqgen", "train", *arguments]
    with (folder / STDERR).open("w") as stderr:
        return subprocess.Popen(command, cwd=folder, env=environment, stderr=stderr)


def log_of(run: Path) -> list[dict[str, float | None]]:
    """Return the log of a run."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def saving() -> None:
    """Measure the share of saving in a training time of ten minutes with default options."""
    with tempfile.TemporaryDirectory() as name:
        requested = TrainOptions(corpus=CorpusConfig(corpus=("builtin:python-docs",)), budget=BudgetConfig(time=TIME))
        folders = FoldersConfig(checkpoints_dir=name, data_dir=name)
        trainer = Session(folders, lambda *_, **__: None).start(requested, None)
        taken: list[float] = []

        def timed(owner: type, method: str) -> AbstractContextManager[object]:
            action = getattr(owner, method)
            return patch.object(owner, method, lambda *given: taken.append(seconds(lambda: action(*given))))

        with timed(Trainer, "_save_last"), timed(RunFolder, "save_best"):
            whole = seconds(lambda: list(trainer.train(lambda: False)))
    row(f"{len(taken)} saves in --time {TIME}", f"{100 * sum(taken) / whole:.2f} % of the time", "")


def speed(folder: Path, size: list[str], processes: int, threads: int) -> float:
    """Return the tokens per second that a run reports."""
    steps = ["--steps", str(STEPS), "--name", "speed", "--overwrite"]
    training = start(folder, "--corpus", "builtin:python-docs", *steps, *size, "--processes", str(processes),
                     threads=threads)  # fmt: skip
    if training.wait():
        sys.exit((folder / STDERR).read_text())
    log = log_of(folder / "checkpoints" / "speed")
    return median(speed for record in log if (speed := record["tokens_per_second"]) is not None)


def processes() -> None:
    """Compare several processes with one thread each with one process of as many threads, and of one thread."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, size in SIZES.items():
            for count in (count for count in (2, 4, 8) if count <= num_cores()):
                rounds = [
                    (speed(folder, size, count, 1), speed(folder, size, 1, count), speed(folder, size, 1, 1))
                    for _ in range(ROUNDS)
                ]
                many, threads, single = (median(speeds) for speeds in zip(*rounds, strict=True))
                row(
                    f"{count} processes, {title}",
                    f"{many:,.0f} tokens/s",
                    f"1 process, {count} threads: {threads:,.0f} tokens/s",
                    median(many / threads for many, threads, _ in rounds),
                )
                row(
                    f"{count} processes, {title}, per core",
                    f"{many / count:,.0f} tokens/s",
                    f"1 process, 1 thread: {single:,.0f} tokens/s",
                    median(many / count / single for many, _, single in rounds),
                )


class Watched:
    """A training process in a folder, which can be killed and restarted.

    Args:
        folder: the working folder.
        arguments: besides the corpus.
    """

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.last = folder / "checkpoints" / "killed" / "last.safetensors"
        self.folder = folder
        self.begun = time.time_ns()
        steps = ["--steps", str(MANY_STEPS), "--name", "killed", "--overwrite"]
        self.training = start(folder, "--corpus", "builtin:python-docs", *steps, *arguments)
        self.seconds_to_save()

    def seconds_to_save(self) -> float:
        """Wait for a save, the first of which is right before the first step; return the seconds until it."""
        while not self.last.exists() or self.last.stat().st_mtime_ns <= self.begun:
            time.sleep(POLL_SECONDS)
        return (self.last.stat().st_mtime_ns - self.begun) / 1e9

    def resumed(self) -> float:
        """Kill the process and resume the run; return the seconds until the next step."""
        self.training.kill()
        self.training.wait()
        self.begun = time.time_ns()
        self.training = start(self.folder, "--resume", "killed")
        return self.seconds_to_save()

    def restarted(self) -> float:
        """Kill one of its processes; return the seconds until all of them take the next step."""
        children = Path(f"/proc/{self.training.pid}/task/{self.training.pid}/children").read_text().split()
        killed_at = time.time_ns()
        os.kill(int(children[-1]), signal.SIGKILL)
        while "was killed" not in (self.folder / STDERR).read_text():
            time.sleep(POLL_SECONDS)
        self.begun = time.time_ns()
        return (self.begun - killed_at) / 1e9 + self.seconds_to_save()

    def end(self) -> None:
        self.training.terminate()
        self.training.wait()


def kills() -> None:
    """Measure the time from a kill to the next step."""
    with tempfile.TemporaryDirectory() as name:
        watched = Watched(Path(name))
        times = [watched.resumed() for _ in range(ROUNDS)]
        watched.end()
        row("killed, --resume: to the next step", f"{median(times):.1f} s", "")
        times = []
        for _ in range(ROUNDS):
            several = Watched(Path(name), "--processes", "2")
            times.append(several.restarted())
            several.end()
        row("one of 2 processes killed: to the next step", f"{median(times):.1f} s", "")


def memory(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1e3  # type: ignore[index]


def long_run() -> None:
    """Compare the memory and files of a run of a million steps after a tenth of them and at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder, run = Path(name), Path(name, "checkpoints", "text")
        (folder / "text.txt").write_text("".join(f"{number} bottles of beer\n" for number in range(2000)))
        training = start(folder, "--corpus", "text.txt", "--steps", str(MANY_STEPS), *TINY, threads=1)
        while not (run / "metrics.jsonl").exists():
            time.sleep(POLL_SECONDS)

        def held() -> tuple[float, int, int]:
            files = len(list(Path(f"/proc/{training.pid}/fd").iterdir()))
            return memory(training.pid), files, (run / "last.safetensors").stat().st_size

        def step() -> float:
            log = log_of(run)
            return (log[-1]["step"] if log else None) or 0

        while step() < MANY_STEPS // 10:
            time.sleep(1)
        early = held()
        while step() < 0.99 * MANY_STEPS:
            time.sleep(1)
        late = held()
        training.wait()
        for number, what in enumerate(("MB of memory", "open files", "bytes of last.safetensors")):
            row(
                f"{MANY_STEPS:,} steps of a tiny network",
                f"{late[number]:,.0f} {what}",
                f"after a tenth of them: {early[number]:,.0f}",
            )


def main() -> None:
    saving()
    processes()
    kills()
    long_run()
