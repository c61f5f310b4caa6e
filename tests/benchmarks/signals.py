"""Lines of writing per second of training, against a plain `nn.LSTM` network with the same convolutions in float32.

The reference has the same convolutions and cells, and reads batches of 32 lines in random order. Ours has residual
connections and layer norms as well, ignores padding, and changes the lines by augmentation. The reference runs in a
process of its own, as in `training.py`.
"""

import random
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.training.loop import Trainer
from seqgen.training.session import Session
from tests.benchmarks.measure import in_own_process, row
from tests.benchmarks.training import speeds

HIDDEN_SIZE, BATCH_SIZE, NUM_LINES, HEIGHT = 256, 32, 400, 48
STEPS = 40
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def lines() -> list[tuple[str, np.ndarray]]:
    """Return texts of 10 to 50 letters, each with an image of 12 columns per letter, of bytes."""
    source, pixels = random.Random(1), np.random.default_rng(1)  # reproducible
    texts = ["".join(source.choices(ALPHABET, k=source.randint(10, 50))) for _ in range(NUM_LINES)]
    return [(text, pixels.integers(256, size=(HEIGHT, 12 * len(text)), dtype=np.uint8)) for text in texts]


class Reference(nn.Module):
    """What every tutorial does."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, columns in ((1, 16, 2), (16, 32, 2), (32, 64, 1), (64, 64, 1)):
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            layers += [convolution, nn.MaxPool2d((2, columns)), nn.InstanceNorm2d(after, affine=True), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.lstm = nn.LSTM(64 * HEIGHT // 16, HIDDEN_SIZE, num_layers=2, bidirectional=True, dropout=0.3)
        self.output = nn.Linear(2 * HIDDEN_SIZE, len(ALPHABET) + 1)

    def forward(self, images: Tensor) -> Tensor:
        columns = self.convolutions(images / 128).flatten(1, 2).permute(2, 0, 1)
        return F.log_softmax(self.output(self.lstm(columns)[0]), -1)


def reference() -> float:
    """Return lines per second of training."""
    model, data = Reference(), lines()
    optimizer = torch.optim.AdamW(model.parameters())
    source = random.Random(2)  # reproducible
    for step in range(STEPS + 3):
        if step == 3:
            begun = time.perf_counter()
        chosen = source.sample(data, BATCH_SIZE)
        widths = torch.tensor([pixels.shape[1] for _, pixels in chosen])
        images = torch.zeros(BATCH_SIZE, 1, HEIGHT, int(widths.max()))
        for image, (_, pixels) in zip(images, chosen, strict=True):
            image[0, :, : pixels.shape[1]] = torch.from_numpy(pixels)
        texts = torch.tensor([1 + ALPHABET.index(character) for text, _ in chosen for character in text])
        lengths = torch.tensor([len(text) for text, _ in chosen])
        F.ctc_loss(model(images), texts, widths // 4, lengths).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return STEPS * BATCH_SIZE / (time.perf_counter() - begun)


def trainer(folder: Path) -> Trainer:
    """Return a training on the lines with the sizes of the reference."""
    for number, (text, pixels) in enumerate(lines()):
        Image.fromarray(pixels).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(folder),), given=".png"),
        model=ModelOptions(hidden_size=HIDDEN_SIZE, dropout=0.3),
        optimization=OptimizationOptions(batch_size=BATCH_SIZE),
        budget=BudgetConfig(steps=STEPS, patience=100),
        machine=MachineConfig(device="cpu"),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder / "runs"), data_dir=str(folder / "data"))
    return Session(folders, lambda *_, **__: None).start(requested, None)


def ours() -> float:
    """Return lines per second of training."""
    with tempfile.TemporaryDirectory() as folder:
        run = trainer(Path(folder))
        per_line = run.corpus.train.num_targets / run.corpus.train.num_documents
        return median([speed / per_line for speed in speeds(run)][1:])


def main() -> None:
    own = ours()
    (other,) = in_own_process("tests.benchmarks.signals")
    name = f"train on lines of writing, ctc, 2x{HIDDEN_SIZE}"
    row(name, f"{own:,.1f} lines/s", f"nn.LSTM, float32 {other:,.1f} lines/s", own / other)


if __name__ == "__main__":
    print(reference())
