"""A training step with all that `seqgen train` does, against `nn.LSTM` in float32 in a plain loop."""

import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from seqgen.config import BudgetConfig, CorpusConfig, FoldersConfig, ModelConfig, OptimizationConfig, TrainConfig
from seqgen.training import session
from tests.benchmarks.measure import in_pairs, row

BATCH_SIZE, SEQUENCE_LENGTH, STEPS = 64, 128, 8


def reference_steps(hidden_size: int, num_layers: int, vocabulary_size: int) -> None:
    embedding, output = nn.Embedding(vocabulary_size, hidden_size), nn.Linear(hidden_size, vocabulary_size)
    lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
    parameters = [*embedding.parameters(), *lstm.parameters(), *output.parameters()]
    optimizer, state = torch.optim.AdamW(parameters), None
    tokens = torch.from_numpy(
        np.random.default_rng(0).integers(vocabulary_size, size=(SEQUENCE_LENGTH + 1, BATCH_SIZE))
    )
    for _ in range(STEPS):
        hidden, state = lstm(embedding(tokens[:-1]), state)
        state = tuple(part.detach() for part in state)
        F.cross_entropy(output(hidden).flatten(0, 1), tokens[1:].flatten()).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()


def our_steps(hidden_size: int, num_layers: int, folder: Path) -> None:
    requested = TrainConfig(
        corpus=CorpusConfig(corpus=("builtin:python-docs",)),
        model=ModelConfig(num_layers=num_layers, hidden_size=hidden_size, embedding_size=hidden_size),
        optimization=OptimizationConfig(batch_size=BATCH_SIZE, sequence_length=SEQUENCE_LENGTH),
        budget=BudgetConfig(steps=10**6),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder / f"{time.monotonic_ns()}"), data_dir=str(folder))
    trainer = session.start(requested, None, folders, lambda _: None, overwrite=False)
    for _ in trainer.train(lambda: trainer.figures.step == STEPS):
        pass


def main() -> None:
    tokens = STEPS * BATCH_SIZE * SEQUENCE_LENGTH
    with tempfile.TemporaryDirectory() as name:
        for hidden_size, num_layers in ((512, 1), (512, 2)):
            mine, theirs, ratio = in_pairs(
                lambda h=hidden_size, n=num_layers: our_steps(h, n, Path(name)),
                lambda h=hidden_size, n=num_layers: reference_steps(h, n, 121),
                pairs=3,
            )
            row(
                f"train lstm {num_layers}x{hidden_size}, batch {BATCH_SIZE} x {SEQUENCE_LENGTH}",
                f"{tokens / mine:,.0f} tokens/s",
                f"nn.LSTM float32: {tokens / theirs:,.0f} tokens/s",
                ratio,
            )
