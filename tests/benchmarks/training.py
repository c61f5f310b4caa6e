"""A training step with all that `seqgen train` does, against `nn.LSTM` in float32 in a plain loop, and cell by cell.

The reference runs in a process of its own, which nothing of ours has settled: what is done for allocation and threads
would make it faster, too.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from seqgen import process, registry
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.model.language_model import LanguageModel
from seqgen.training.loop import Trainer
from seqgen.training.report import Report
from seqgen.training.session import Session
from tests.benchmarks.measure import in_own_process, row, seconds

BATCH_SIZE, SEQUENCE_LENGTH, STEPS, VOCABULARY = 64, 128, 10, 121
PAIRS = 5
MODULE = "tests.benchmarks.training"  # prints tokens per second, and the largest memory in bytes
PRODUCT = 2048  # the side of the square matrices whose product bounds the speed
SIZES = [(1, 128), (1, 256), (1, 512), (2, 512)]  # layers, units
KINDS = [*((name, None) for name in registry.names("cells")), ("lstm", 256), ("peephole-lstm", 256)]


class Reference:
    """What every tutorial does."""

    def __init__(self, hidden_size: int, num_layers: int) -> None:
        self.embedding = nn.Embedding(VOCABULARY, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.output = nn.Linear(hidden_size, VOCABULARY)
        self.parameters = [p for m in (self.embedding, self.lstm, self.output) for p in m.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters)
        self.tokens = torch.randint(VOCABULARY, (SEQUENCE_LENGTH + 1, BATCH_SIZE))

    def steps(self) -> None:
        state = None
        for _ in range(STEPS):
            hidden, state = self.lstm(self.embedding(self.tokens[:-1]), state)
            state = tuple(part.detach() for part in state)
            F.cross_entropy(self.output(hidden).flatten(0, 1), self.tokens[1:].flatten()).backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


def trainer(
    folder: Path, hidden_size: int, batch_size: int = BATCH_SIZE, device: str = "cpu", **options: object
) -> Trainer:
    """Return a training of the built-in corpus, with an embedding as large as the hidden state."""
    model = {"num_layers": 1, "hidden_size": hidden_size, "embedding_size": hidden_size, "dropout": 0.0} | options
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=("builtin:python-docs",)),
        model=ModelOptions(**model),
        optimization=OptimizationOptions(batch_size=batch_size, sequence_length=SEQUENCE_LENGTH),
        budget=BudgetConfig(steps=10**6),
        machine=MachineConfig(device=device),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder), data_dir=str(folder))
    return Session(folders, lambda *_, **__: None).start(requested, None)


def speeds(trainer: Trainer) -> Iterator[float]:
    """Yield the tokens per second that the training itself reports."""
    for report in trainer.train(lambda: False):
        if isinstance(report, Report) and report.tokens_per_second is not None:
            yield report.tokens_per_second


def bound(model: LanguageModel, peak: float) -> float:
    """Return the tokens per second at which matrix products alone would go, forward and backward.

    Embeddings and the lowest layer's input weight are multiplied once per token of the vocabulary, which costs little.
    """
    cheap = ("embedding", "stack.layers.0.input_weight")
    weights = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and name not in cheap)
    return peak / (6 * weights)


def peak_speed() -> float:
    """Return the operations per second of a square matrix product in bfloat16."""
    a, b = torch.randn(2, PRODUCT, PRODUCT).bfloat16()
    torch.mm(a, b)
    return 2 * PRODUCT**3 / min(seconds(lambda: torch.mm(a, b)) for _ in range(20))


def main() -> None:
    peak = peak_speed()
    row(f"product of two {PRODUCT} x {PRODUCT} in bfloat16", f"{peak / 1e9:,.0f} GFLOP/s", "")
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            num_layers, hidden_size = size
            pairs = [
                (in_own_process(MODULE, "ours", *size), in_own_process(MODULE, "reference", *size)) for _ in range(3)
            ]
            ours, memory = (median(mine[index] for mine, _ in pairs) for index in (0, 1))
            theirs, their_memory = (median(reference[index] for _, reference in pairs) for index in (0, 1))
            row(
                f"train lstm {num_layers}x{hidden_size}, batch {BATCH_SIZE} x {SEQUENCE_LENGTH}",
                f"{ours:,.0f} tokens/s",
                f"nn.LSTM float32: {theirs:,.0f} tokens/s",
                median(mine[0] / reference[0] for mine, reference in pairs),
            )
            model = trainer(Path(name), hidden_size, num_layers=num_layers).model
            row("  of the bound by its matrix products", f"{ours / bound(model, peak):.0%}", "")
            row("  memory of the process", f"{memory / 1e6:,.0f} MB", f"{their_memory / 1e6:,.0f} MB")
        plain = speeds(trainer(Path(name), 512))
        next(plain)
        for cell, projection_size in KINDS:
            other = trainer(Path(name), 512, cell=cell, projection_size=projection_size)
            pace = speeds(other)
            next(pace)
            pairs = [(next(pace), next(plain)) for _ in range(PAIRS)]
            mine = median(ours for ours, _ in pairs)
            kind = cell if projection_size is None else f"{cell}, projection {projection_size}"
            row(
                f"train {kind} 1x512",
                f"{mine:,.0f} tokens/s",
                f"our lstm: {median(theirs for _, theirs in pairs):,.0f} tokens/s",
                median(ours / theirs for ours, theirs in pairs),
            )
            row("  of the bound by its matrix products", f"{mine / bound(other.model, peak):.0%}", "")


def measure_ours(num_layers: int, hidden_size: int) -> float:
    """Return the median speed of some seconds of training, the first left out."""
    with tempfile.TemporaryDirectory() as name:
        pace = speeds(trainer(Path(name), hidden_size, num_layers=num_layers))
        next(pace)
        return median(next(pace) for _ in range(5))


def measure_reference(num_layers: int, hidden_size: int) -> float:
    """Return the median speed of a plain loop, the first steps left out."""
    reference = Reference(hidden_size, num_layers)
    reference.steps()
    return STEPS * BATCH_SIZE * SEQUENCE_LENGTH / median(seconds(reference.steps) for _ in range(3))


if __name__ == "__main__":
    if sys.argv[1] == "ours":  # with what `seqgen train` settles for its process
        process.settle(is_sampling=False)
        print(measure_ours(*map(int, sys.argv[2:])))
    else:
        print(measure_reference(*map(int, sys.argv[2:])))
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would tell the parent's, too
    print(1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]))
