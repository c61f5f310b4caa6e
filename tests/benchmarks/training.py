"""A training step with all that `seqgen train` does, against `nn.LSTM` in float32 in a plain loop."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from seqgen.config import BudgetConfig, CorpusConfig, FoldersConfig, ModelConfig, OptimizationConfig, TrainConfig
from seqgen.training import session
from tests.benchmarks.measure import row, seconds

BATCH_SIZE, SEQUENCE_LENGTH, STEPS = 64, 128, 10


class Reference:
    """What every tutorial does."""

    def __init__(self, hidden_size: int, num_layers: int, vocabulary_size: int) -> None:
        self.embedding = nn.Embedding(vocabulary_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.parameters = [p for m in (self.embedding, self.lstm, self.output) for p in m.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters)
        self.tokens = torch.randint(vocabulary_size, (SEQUENCE_LENGTH + 1, BATCH_SIZE))

    def steps(self) -> None:
        state = None
        for _ in range(STEPS):
            hidden, state = self.lstm(self.embedding(self.tokens[:-1]), state)
            state = tuple(part.detach() for part in state)
            F.cross_entropy(self.output(hidden).flatten(0, 1), self.tokens[1:].flatten()).backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


def our_speeds(hidden_size: int, num_layers: int, folder: Path) -> Iterator[float]:
    """Yield the tokens per second that the training itself reports."""
    requested = TrainConfig(
        corpus=CorpusConfig(corpus=("builtin:python-docs",)),
        model=ModelConfig(num_layers=num_layers, hidden_size=hidden_size, embedding_size=hidden_size, dropout=0.0),
        optimization=OptimizationConfig(batch_size=BATCH_SIZE, sequence_length=SEQUENCE_LENGTH),
        budget=BudgetConfig(steps=10**6),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder), data_dir=str(folder))
    trainer = session.start(requested, None, folders, lambda *_, **__: None, overwrite=False)
    for report in trainer.train(lambda: False):
        yield report.tokens_per_second


def main() -> None:
    tokens = STEPS * BATCH_SIZE * SEQUENCE_LENGTH
    with tempfile.TemporaryDirectory() as name:
        for hidden_size, num_layers in ((512, 1), (512, 2)):
            speeds = our_speeds(hidden_size, num_layers, Path(name))
            reference = Reference(hidden_size, num_layers, 121)
            next(speeds)
            reference.steps()
            pairs = [(next(speeds), tokens / seconds(reference.steps)) for _ in range(5)]
            row(
                f"train lstm {num_layers}x{hidden_size}, batch {BATCH_SIZE} x {SEQUENCE_LENGTH}",
                f"{median(ours for ours, _ in pairs):,.0f} tokens/s",
                f"nn.LSTM float32: {median(theirs for _, theirs in pairs):,.0f} tokens/s",
                median(ours / theirs for ours, theirs in pairs),
            )
