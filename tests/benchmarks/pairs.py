"""Pairs per second of training, and texts per second of writing, against a plain `nn.LSTM` encoder-decoder in float32.

The reference has the same layers and sizes, reads batches of 64 pairs in random order, and writes greedily, one text
after the other; it runs in a process of its own, as in `training.py`.
"""

import random
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
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
from seqgen.sampling.transcriber import Transcriber
from seqgen.training.loop import Trainer
from seqgen.training.session import Session
from tests.benchmarks.measure import in_own_process, row, seconds
from tests.benchmarks.training import speeds

HIDDEN_SIZE, BATCH_SIZE, NUM_PAIRS, NUM_WRITTEN = 256, 64, 4000, 1000
STEPS, OWN_STEPS = 60, 600  # ours learns to write
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def pairs() -> list[tuple[str, str]]:
    """Return words of 3 to 14 letters, each with its reverse."""
    source = random.Random(1)  # reproducible
    words = ["".join(source.choices(ALPHABET, k=source.randint(3, 14))) for _ in range(NUM_PAIRS)]
    return [(word, word[::-1]) for word in words]


class Reference(nn.Module):
    """What every tutorial does."""

    def __init__(self) -> None:
        super().__init__()
        size, vocabulary = HIDDEN_SIZE, len(ALPHABET) + 3
        self.given_embedding = nn.Embedding(vocabulary, size)
        self.embedding = nn.Embedding(vocabulary, size)
        self.encoder = nn.LSTM(size, size, bidirectional=True)
        self.bridge = nn.Linear(2 * size, 4 * size)
        self.lower, self.upper = nn.LSTM(size, size), nn.LSTM(size, size)
        self.query, self.mix = nn.Linear(size, 2 * size), nn.Linear(3 * size, size)
        self.output = nn.Linear(size, vocabulary)
        self.dropout = nn.Dropout(0.3)

    def encode(self, given: Tensor) -> tuple[Tensor, list[Tensor]]:
        memory, _ = self.encoder(self.dropout(self.given_embedding(given)))
        state = torch.tanh(self.bridge(torch.cat([memory[-1, :, :HIDDEN_SIZE], memory[0, :, HIDDEN_SIZE:]], -1)))
        return memory, [part[None].contiguous() for part in state.chunk(4, -1)]

    def decode(self, ids: Tensor, memory: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        hidden, (h1, c1) = self.lower(self.dropout(self.embedding(ids)), (state[0], state[1]))
        scores = torch.einsum("tbe,sbe->tbs", self.query(hidden), memory).softmax(-1)
        context = torch.einsum("tbs,sbe->tbe", scores, memory)
        hidden = torch.tanh(self.mix(torch.cat([hidden, context], -1)))
        hidden, (h2, c2) = self.upper(self.dropout(hidden), (state[2], state[3]))
        return self.output(self.dropout(hidden)), [h1, c1, h2, c2]


def _ids(texts: list[str]) -> Tensor:
    return nn.utils.rnn.pad_sequence(
        [torch.tensor([1, *(3 + ALPHABET.index(character) for character in text), 2]) for text in texts]
    )


def reference() -> tuple[float, float]:
    """Return pairs per second of training, and texts per second of greedy writing."""
    model, data = Reference(), pairs()
    optimizer = torch.optim.AdamW(model.parameters())
    source = random.Random(2)  # reproducible
    for step in range(STEPS + 5):
        if step == 5:
            begun = time.perf_counter()
        chosen = source.sample(data, BATCH_SIZE)
        given, text = _ids([each for each, _ in chosen]), _ids([each for _, each in chosen])
        logits, _ = model.decode(text[:-1], *model.encode(given))
        F.cross_entropy(logits.flatten(0, 1), text[1:].flatten(), ignore_index=0, label_smoothing=0.1).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    trained = STEPS * BATCH_SIZE / (time.perf_counter() - begun)
    model.eval()
    begun = time.perf_counter()
    with torch.inference_mode():
        for given, _ in data[:NUM_WRITTEN]:
            memory, state = model.encode(_ids([given]))
            ids = torch.ones(1, 1, dtype=torch.long)
            for _ in range(len(given) + 1):  # an untrained model does not end by itself
                logits, state = model.decode(ids, memory, state)
                ids = logits[:, :, 1:].argmax(-1) + 1
    return trained, NUM_WRITTEN / (time.perf_counter() - begun)


def trainer(folder: Path) -> Trainer:
    """Return a training on the pairs with the sizes of the reference."""
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{given}\t{text}\n" for given, text in pairs()), encoding="utf-8")
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(path),), given="1", field="2"),
        model=ModelOptions(hidden_size=HIDDEN_SIZE, dropout=0.3),
        optimization=OptimizationOptions(batch_size=BATCH_SIZE),
        budget=BudgetConfig(steps=OWN_STEPS, patience=100),
        machine=MachineConfig(device="cpu"),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder), data_dir=str(folder))
    return Session(folders, lambda *_, **__: None).start(requested, None)


def ours() -> tuple[float, float]:
    """Return pairs per second of training, and texts per second of writing with a beam of 5."""
    with tempfile.TemporaryDirectory() as folder:
        run = trainer(Path(folder))
        per_pair = run.corpus.train.num_targets / run.corpus.train.num_documents
        measured = [speed / per_pair for speed in speeds(run)]
        writer = Transcriber(run.averaged, run.corpus.level, run.corpus.given_coding, run.unseen)
        givens = [given for given, _ in pairs()[:NUM_WRITTEN]]
        return median(measured[1:]), NUM_WRITTEN / seconds(lambda: writer.best(givens))


def main() -> None:
    mine = ours()
    theirs = in_own_process("tests.benchmarks.pairs")
    rows = (
        ("train on pairs of words, 2x256", "pairs/s"),
        (f"write {NUM_WRITTEN:,} words, beam 5 (theirs greedy)", "texts/s"),
    )
    for (name, unit), own, other in zip(rows, mine, theirs, strict=True):
        row(name, f"{own:,.0f} {unit}", f"nn.LSTM, float32 {other:,.0f} {unit}", own / other)


if __name__ == "__main__":
    print(*reference())
