"""Milliseconds per key of `seqgen write` with an lstm 1x512, median and 95th percentile, in a process of its own."""

import random
import sys
from collections.abc import Callable
from string import ascii_letters, punctuation
from types import SimpleNamespace
from typing import cast

import numpy as np
import torch

from seqgen import process
from seqgen.checkpoint import Checkpoint
from seqgen.config import ModelConfig, SamplingConfig
from seqgen.levels.character import CharacterLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.generator import prefill
from seqgen.writing.suggester import Suggester
from tests.benchmarks.measure import in_own_process, row, seconds

MODULE = "tests.benchmarks.writing"  # prints medians and percentiles
NUM_KEYS = 60
WHAT = ("type a character", "delete a character", "change a character 100 before the end", "offer three words")
ALPHABET = " \n" + ascii_letters + punctuation


def measure(num_characters: int) -> list[float]:
    """Return median and 95th percentile in ms of each of `WHAT`, and the median ms of reading the whole text."""
    config = ModelConfig(num_layers=1, hidden_size=512, embedding_size=512, dropout=0.0)
    level = CharacterLevel(ALPHABET)
    model = LanguageModel(config, level.vocabulary_size).eval()
    model.initialise(torch.Generator().manual_seed(1), torch.ones(level.vocabulary_size))
    model.output_bias.data[level.END] -= 20
    known = SimpleNamespace(
        level=level,
        given_coding=None,
        unseen=[0],
        knows_beginnings=True,
        config=SimpleNamespace(corpus=SimpleNamespace(document="file")),
    )
    writer, rng = Suggester(cast(Checkpoint, known), model), random.Random(1)
    text = "".join(rng.choices(ALPHABET, k=num_characters))
    sampling = SamplingConfig(seed=1)

    def suggest() -> None:
        writer.continuation(text, sampling)

    def words() -> None:
        writer.next_words(text, 3)

    suggest()
    words()
    changes: list[tuple[Callable[[str], str], Callable[[], None]]] = [
        (lambda text: text + rng.choice(ALPHABET), suggest),
        (lambda text: text[:-1], suggest),
        (lambda text: text[:-101] + rng.choice(ALPHABET) + text[-100:], suggest),
        (lambda text: text + rng.choice(ALPHABET), words),
    ]
    found = []
    for change, action in changes:
        times = []
        for _ in range(NUM_KEYS):
            text = change(text)
            times.append(1000 * seconds(action))
        found += np.percentile(times, [50, 95]).tolist()
    ids = [level.START, *level.encode(text).tolist()]
    return [*found, float(np.median([1000 * seconds(lambda: prefill(model, ids)) for _ in range(5)]))]


def main() -> None:
    for num_characters in (2_000, 50_000):
        *figures, whole = in_own_process(MODULE, num_characters)
        for name, median, late in zip(WHAT, figures[::2], figures[1::2], strict=True):
            row(
                f"{name}, {num_characters:,} characters",
                f"{median:.1f} ms, 95%: {late:.1f} ms",
                f"read the whole text: {whole:,.0f} ms",
                whole / median,
            )


if __name__ == "__main__":
    process.settle(is_sampling=True)
    print(*measure(int(sys.argv[1])))
