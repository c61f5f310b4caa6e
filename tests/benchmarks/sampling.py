"""Tokens a second, against `nn.LSTM` in float32 step by step; each in a process of its own."""

import sys
import time
from statistics import median

import torch
from torch import nn

from seqgen import process
from seqgen.config import ModelConfig, SamplingConfig
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from tests.benchmarks.measure import in_own_process, row

VOCABULARY, PAIRS = 121, 5
MODULE = "tests.benchmarks.sampling"  # prints tokens per second


def ours(model: LanguageModel, num_streams: int, steps: int) -> float:
    """Return tokens per second of the generator."""
    reading, numbers = prefill(model, [0]).repeat(num_streams), uniform_numbers(range(num_streams))
    draws = decode(model, reading, numbers, SamplingConfig(), Never(VOCABULARY, []), "auto")
    for _ in range(20):
        next(draws)
    begun = time.perf_counter()
    for _ in range(steps):
        next(draws)
    return num_streams * steps / (time.perf_counter() - begun)


@torch.inference_mode()
def reference(num_layers: int, num_streams: int, steps: int) -> float:
    """Return tokens per second of what every tutorial does."""
    embedding, lstm, output = nn.Embedding(VOCABULARY, 512), nn.LSTM(512, 512, num_layers), nn.Linear(512, VOCABULARY)
    ids, state, begun = torch.zeros(1, num_streams, dtype=torch.long), None, 0.0
    for step in range(steps + 20):
        if step == 20:
            begun = time.perf_counter()
        hidden, state = lstm(embedding(ids), state)
        ids = torch.multinomial(output(hidden[0]).softmax(-1), 1).t()
    return num_streams * steps / (time.perf_counter() - begun)


def measure_ours(num_layers: int, num_streams: int, steps: int) -> float:
    config = ModelConfig(num_layers=num_layers, hidden_size=512, embedding_size=512, dropout=0.0)
    model = LanguageModel(config, VOCABULARY).eval()
    model.initialise(torch.Generator().manual_seed(1), torch.ones(VOCABULARY))
    return median(ours(model, num_streams, steps) for _ in range(PAIRS))


def main() -> None:
    for num_layers in (1, 2):
        for num_streams, steps in ((1, 400), (256, 40)):
            size = num_layers, num_streams, steps
            pairs = [
                (*in_own_process(MODULE, "ours", *size), *in_own_process(MODULE, "reference", *size)) for _ in range(3)
            ]
            row(
                f"sample {num_streams} from lstm {num_layers}x512",
                f"{median(mine for mine, _ in pairs):,.0f} tokens/s",
                f"nn.LSTM float32: {median(theirs for _, theirs in pairs):,.0f} tokens/s",
                median(mine / theirs for mine, theirs in pairs),
            )


if __name__ == "__main__":
    what, *size = sys.argv[1:]
    if what == "ours":  # with what `seqgen sample` settles for its process
        process.settle(is_sampling=True)
        print(measure_ours(*map(int, size)))
    else:
        print(median(reference(*map(int, size)) for _ in range(PAIRS)))
