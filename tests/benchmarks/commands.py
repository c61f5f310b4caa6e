"""Whole commands, from start to end, in processes of their own."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import in_pairs, row


def command(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def python() -> None:
            command(folder, "-c", "pass")

        mine, theirs, _ = in_pairs(lambda: command(folder, "-m", "seqgen", "--help"), python)
        row("seqgen --help", f"{mine:.2f} s", f"python -c pass: {theirs:.2f} s")
        command(folder, "-m", "seqgen", "train", "--corpus", "builtin:python-docs", "--steps", "3",
                "--hidden-size", "512")  # fmt: skip
        mine, theirs, _ = in_pairs(
            lambda: command(folder, "-m", "seqgen", "sample", "--length", "200"),
            lambda: command(folder, "-c", "import torch"),
        )
        row("seqgen sample --length 200, 1x512", f"{mine:.2f} s", f"import torch: {theirs:.2f} s")
