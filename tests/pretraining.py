"""Train the built-in models again: `make pretrained`, or `python -m tests.pretraining NAME`; all take an hour.

Each model is the result of one `seqgen train` command, stored in half precision: best.safetensors of the run, with
float16 instead of float32 weights.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from seqgen import pretrained
from seqgen.checkpoint import Checkpoint
from seqgen.runs import BEST

# Sizes are limited by the size of the file, 3 MB; steps instead of a time, so that the result is reproducible.
OPTIONS = {
    "shakespeare": "--num-layers 1 --hidden-size 512 --steps 3600",
    "names": "--document line --num-layers 1 --hidden-size 256 --steps 4000",
    "bach-chorales": "--num-layers 1 --hidden-size 512 --projection-size 144 --embedding-size 32 --steps 2400",
    "folk-tunes": "--num-layers 1 --hidden-size 512 --projection-size 144 --embedding-size 32 --steps 2800",
}


def command(name: str) -> list[str]:
    """Return the arguments of `seqgen` that train a model."""
    return ["train", "--corpus", f"{pretrained.PREFIX}{name}", *OPTIONS[name].split(), "--seed", "1", "--name", name]


def pack(run: Path, path: Path) -> None:
    """Write the best model of a run in half precision."""
    best = Checkpoint.read(run / BEST)
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in best.weights.items()}
    replace(best, weights=half, training={}).write(path)


def main(names: list[str]) -> None:
    """Train and store models, all if none is named."""
    for name in names or list(OPTIONS):
        subprocess.run([sys.executable, "-m", "seqgen", *command(name), "--overwrite"], check=True)  # ourselves
        pack(Path("checkpoints") / name, Path(pretrained.__file__).with_name(f"{name}.safetensors"))


if __name__ == "__main__":
    main(sys.argv[1:])
