"""Estimates the memory that training takes, before it is allocated."""

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

import torch

from seqgen.cells.base import Cell
from seqgen.config import MachineConfig, ModelConfig
from seqgen.encoders.text import Embedding
from seqgen.errors import ShortageError, is_out_of_memory
from seqgen.model.ctc import CtcModel, make_model
from seqgen.model.hardware import PRECISIONS
from seqgen.model.softmax import is_compiled

_NUMBERS_PER_WEIGHT = 5  # the weight, its gradient, two moments and its average, in float32
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def training_bytes(
    model: ModelConfig, num_tokens: int, machine: MachineConfig, vocabulary_size: int, num_factors: int = 0
) -> int:
    """Return a lower bound in bytes for the parameters and for the activations that the backward pass needs.

    Args:
        model: the resolved model options.
        num_tokens: the number of tokens that are read at once, both sides of pairs together.
        machine: device and precision.
        vocabulary_size: the number of token ids.
        num_factors: the number of ids of factors.
    """
    with torch.device("meta"):  # shapes only
        reads = Embedding(1, model.embedding_size) if model.encoder_layers else None  # the least that is possible
        network = make_model(replace(model, dropout=0.0), vocabulary_size, reads, num_factors)
    stored = PRECISIONS[machine.precision].itemsize

    def layer_bytes(cells: Iterable[Cell]) -> int:
        return sum(len(cell.recurrent_weight) * stored + cell.hidden_size * (stored + 4) for cell in cells)

    is_in_place = is_compiled(vocabulary_size, torch.device(machine.device))
    logits = (model.softmax_cutoff or vocabulary_size) * (stored if is_in_place else 2 * 4)  # and their gradient
    attended = model.attention * 4  # the weight of each of the previous tokens
    token_bytes = math.inf if isinstance(network, CtcModel) else layer_bytes(network.stack.cells) + logits + attended
    if model.encoder_layers:  # reads some of the tokens, the decoder the others
        token_bytes = min(token_bytes, layer_bytes(chain.from_iterable(network.encoder.cells)))
    return network.num_parameters * _NUMBERS_PER_WEIGHT * 4 + int(num_tokens * token_bytes)


def check_memory(
    model: ModelConfig,
    num_streams: int,
    sequence_length: int,
    machine: MachineConfig,
    vocabulary_size: int,
    num_factors: int = 0,
) -> None:
    """Reject sizes that cannot fit into memory.

    Args:
        model: the resolved model options.
        num_streams: the number of streams of a batch that this machine reads. A GPU with too little memory for all of
            them reads them in parts, down to one at a time; other devices read all at once.
        sequence_length: the number of tokens per stream.
        machine: device and precision.
        vocabulary_size: the number of token ids.
        num_factors: the number of ids of factors.

    Raises:
        ShortageError: training needs more memory than the machine, or its GPU, has in total.
    """
    is_divided = machine.device == "cuda"
    num_tokens = sequence_length * (1 if is_divided else num_streams)
    needed = training_bytes(model, num_tokens, machine, vocabulary_size, num_factors)
    available = total_memory(machine.device)
    if available is not None and needed > available:
        streams = "" if is_divided else f"--batch-size (here {num_streams:,}), "
        raise ShortageError(
            f"training this network takes at least {needed / 1e9:,.1f} GB of memory, but only {available / 1e9:,.1f} "
            f"GB are available: lower --hidden-size ({model.hidden_size:,}), {_depth(model)}, "
            f"{streams}or {_length(model, sequence_length)}"
        )


@contextmanager
def shortage_reported(model: ModelConfig, batch_size: int, sequence_length: int) -> Iterator[None]:
    """Report a lack of memory within the context, with the sizes that the memory of a step depends on.

    Raises:
        ShortageError: memory was exhausted.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ShortageError(
            f"there is not enough memory for a step: lower --batch-size ({batch_size:,}), "
            f"{_length(model, sequence_length)} or --hidden-size ({model.hidden_size:,}); "
            "the last saved state is kept"
        ) from error


def _depth(model: ModelConfig) -> str:
    """Return the option that sets the number of layers, with its value."""
    return f"{'--encoder-layers' if model.alignment == 'ctc' else '--num-layers'} ({model.depth:,})"


def _length(model: ModelConfig, sequence_length: int) -> str:
    """Return the option that limits the number of tokens per stream or pair."""
    return "--max-length" if model.encoder_layers else f"--sequence-length ({sequence_length:,})"


def total_memory(device: str) -> int | None:
    """Return the bytes of memory of a device that this process may use; None if unknown."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[1]
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" is not a number
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits, default=None)
