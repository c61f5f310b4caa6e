"""How low a loss all defaults reach in a time: `make bench-learning`, or with CORPUS=FILE on a text of your own.

Every point is the median of three seeds, scored by `seqgen evaluate` on the part that was held back; beside it stand
n-grams and xz, which have learned from the same part. It takes hours, and is for a machine that does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from seqgen.options import parse_time

SOURCES = ["builtin:python-docs", "builtin:python-source", "builtin:folk-tunes", "builtin:bach-chorales"]
TIMES = ["4s", "7s", "20s", "80s", "2m", "10m"]
SEEDS = [1, 2, 3]
UNITS = {"bits_per_character": "bits per character", "nats_per_note": "nats per note"}
OTHERS = {"ngram": "n-grams", "xz": "xz"}
PICTURE, RESULTS = (Path(__file__).with_name(f"learning.{kind}") for kind in ("png", "json"))


def seqgen(folder: str, *arguments: str) -> str:
    """Run a command in a folder and return its output."""
    command = [sys.executable, "-m", "seqgen", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def measure(source: str, time: str, seed: int, *options: str) -> dict[str, Any]:
    """Train once and return what `seqgen evaluate --json` says."""
    with tempfile.TemporaryDirectory() as folder:
        given = ["--corpus", source, "--time", time, "--seed", str(seed), "--name", "run", "--quiet", *options]
        seqgen(folder, "train", *given)
        return json.loads(seqgen(folder, "evaluate", "--checkpoint", "run", "--json"))


def in_unit(loss: dict[str, Any]) -> tuple[str, float]:
    """Return the unit in which this loss is drawn, and the loss."""
    unit = next(unit for unit in UNITS if unit in loss)
    return unit, loss[unit]


def draw(curves: dict[str, dict[str, list[dict[str, Any]]]]) -> None:
    """Draw a picture for each source, beside one another."""
    figure = Figure(figsize=(4 * len(curves), 4), layout="constrained")
    for axes, (source, curve) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        seconds = [parse_time(time) for time in curve]
        losses = [[in_unit(result)[1] for result in results] for results in curve.values()]
        middle = [median(each) for each in losses]
        spread = [[m - min(e) for m, e in zip(middle, losses, strict=True)],
                  [max(e) - m for m, e in zip(middle, losses, strict=True)]]  # fmt: skip
        axes.errorbar(seconds, middle, spread, marker="o", capsize=3, label="seqgen")
        last = next(reversed(curve.values()))[0]
        for (name, label), style in zip(OTHERS.items(), ("--", ":"), strict=True):
            unit = in_unit(last)[0]
            if unit in last.get(name, {}):
                axes.axhline(last[name][unit], color="gray", linestyle=style, label=label)
        axes.set(xscale="log", title=source.removeprefix("builtin:"), xlabel="--time in seconds",
                 ylabel=UNITS[in_unit(last)[0]])  # fmt: skip
        axes.set_xticks(seconds, list(curve))
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", help="what to learn from; without any, what is built in")
    parser.add_argument("--times", nargs="+", default=TIMES)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    options = parser.parse_args()
    sources = [s if s.startswith("builtin:") else str(Path(s).resolve()) for s in options.sources or SOURCES]
    curves: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for source in sources:
        name = Path(source).name  # without its folder, which says nothing elsewhere
        curves[name] = {}
        for time in options.times:
            results = [measure(source, time, seed) for seed in options.seeds]
            curves[name][time] = results
            nats = [result["nats_per_token"] for result in results]
            unit, _ = in_unit(results[0])
            others = ", ".join(f"{label} {results[0][name][unit]:.4f}" for name, label in OTHERS.items()
                               if unit in results[0].get(name, {}))  # fmt: skip
            print(
                f"{name}  {time:>4}  {median(nats):.4f} nats a token ({min(nats):.4f} to {max(nats):.4f})  "
                f"{median(in_unit(result)[1] for result in results):.4f} {UNITS[unit]}  beside: {others}",
                flush=True,
            )
            RESULTS.write_text(json.dumps(curves, indent=1), encoding="utf-8")
    draw(curves)


if __name__ == "__main__":
    main()
