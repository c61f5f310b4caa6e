"""Training and sampling on a GPU: `make bench-gpu` prints the table with the card and the date."""

import datetime
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from seqgen import registry
from seqgen.config import ModelConfig, SamplingConfig
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from tests.benchmarks.measure import row, seconds
from tests.benchmarks.training import BATCH_SIZE, SEQUENCE_LENGTH, VOCABULARY, speeds, trainer

SIZES = ((1, 512), (2, 512), (2, 1024))
SAMPLING = ((1, 400), (256, 100))  # streams, steps
STEPS = 20
WINDOWS = 3  # each of about a second


def main(device: str = "cuda") -> None:
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("make bench-gpu needs a GPU that the installed torch can use: torch.cuda.is_available() is False")
    card = torch.cuda.get_device_name() if device == "cuda" else device
    print(f"{card}, torch {torch.__version__}, {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}")
    row("what", "seqgen", "reference", None)
    with tempfile.TemporaryDirectory() as folder:
        _training(Path(folder), device)
    _sampling(device)


def _training(folder: Path, device: str) -> None:
    for num_layers, hidden_size in SIZES:
        theirs = {
            dtype: _reference(num_layers, hidden_size, device, dtype) for dtype in (torch.bfloat16, torch.float16)
        }
        for attention in (0, 256):
            mine = _speed(folder, device, hidden_size, num_layers=num_layers, attention=attention)
            for dtype, speed in theirs.items():
                row(
                    f"train lstm {num_layers}x{hidden_size}{f', attention {attention}' if attention else ''}",
                    f"{mine:,.0f} tokens/s",
                    f"nn.LSTM {str(dtype).removeprefix('torch.')}: {speed:,.0f}",
                    mine / speed,
                )
    lstm = _speed(folder, device, 512)
    for cell in registry.names("cells"):
        mine = _speed(folder, device, 512, cell=cell)
        row(f"train {cell} 1x512", f"{mine:,.0f} tokens/s", f"our lstm: {lstm:,.0f} tokens/s", mine / lstm)


def _speed(folder: Path, device: str, hidden_size: int, **options: object) -> float:
    """Return the tokens per second that a training reports, the first second left out."""
    pace: Iterator[float] = speeds(trainer(folder, hidden_size, device=device, **options))
    next(pace)
    return median(next(pace) for _ in range(WINDOWS))


def _reference(num_layers: int, hidden_size: int, device: str, dtype: torch.dtype) -> float:
    """Return the tokens per second of `nn.LSTM` in a plain loop under autocast, with loss scaling for float16."""
    parts = nn.ModuleList(
        (nn.Embedding(VOCABULARY, hidden_size), nn.LSTM(hidden_size, hidden_size, num_layers),
         nn.Linear(hidden_size, VOCABULARY))
    ).to(device)  # fmt: skip
    embedding, lstm, output = parts
    optimizer = torch.optim.AdamW(parts.parameters())
    scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16 and device == "cuda")
    tokens = torch.randint(VOCABULARY, (SEQUENCE_LENGTH + 1, BATCH_SIZE), device=device)

    def step() -> None:
        with torch.autocast(device, dtype) if device == "cuda" else nullcontext():
            hidden, _ = lstm(embedding(tokens[:-1]))
            loss = F.cross_entropy(output(hidden).flatten(0, 1), tokens[1:].flatten())
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    return STEPS * BATCH_SIZE * SEQUENCE_LENGTH / _repeated(step, STEPS, device)


def _repeated(action: Callable[[], None], count: int, device: str) -> float:
    """Return the median seconds of this number of actions, computed to the end, after a warm-up."""

    def actions() -> None:
        for _ in range(count):
            action()
        if device == "cuda":
            torch.cuda.synchronize()

    actions()
    return median(seconds(actions) for _ in range(WINDOWS))


def _sampling(device: str) -> None:
    for num_layers, hidden_size in SIZES[:2]:
        for attention in (0, 256):
            config = ModelConfig(num_layers=num_layers, hidden_size=hidden_size, embedding_size=64, attention=attention)
            model = LanguageModel(config, VOCABULARY).eval()
            model.initialise(torch.Generator().manual_seed(1), torch.ones(VOCABULARY))
            model.to(device)
            for num_streams, steps in SAMPLING:
                reading = prefill(model, [0]).repeat(num_streams)
                draws = decode(
                    model, reading, uniform_numbers(range(num_streams)), SamplingConfig(), Never(VOCABULARY, []), "auto"
                )
                speed = num_streams * steps / _repeated(lambda draws=draws: next(draws), steps, device)  # type: ignore[misc]
                what = f"sample {num_streams} from lstm {num_layers}x{hidden_size}"
                row(f"{what}{f', attention {attention}' if attention else ''}", f"{speed:,.0f} tokens/s", "")


if __name__ == "__main__":
    main()
