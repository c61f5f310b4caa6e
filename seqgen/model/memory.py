"""How much memory training takes, before any of it is taken."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import torch

from seqgen.config import MachineConfig, ModelConfig
from seqgen.errors import ShortageError, is_out_of_memory
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.model.softmax import is_compiled

_NUMBERS_PER_WEIGHT = 5  # the weight, its gradient, two moments and its average, in float32
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def training_bytes(model: ModelConfig, num_tokens: int, machine: MachineConfig, vocabulary_size: int) -> int:
    """Return a lower bound of what training needs: for the parameters, and for the activations of the backward pass.

    Args:
        model: the resolved sizes.
        num_tokens: how many are read at once.
        machine: device and precision.
        vocabulary_size: how many token ids there are.
    """
    with torch.device("meta"):  # shapes alone
        network = LanguageModel(replace(model, dropout=0.0), vocabulary_size)
    stored = PRECISIONS[machine.precision].itemsize
    by_layer = [len(cell.recurrent_weight) * stored + cell.hidden_size * (stored + 4) for cell in network.stack.cells]
    is_in_place = is_compiled(vocabulary_size, torch.device(machine.device))
    logits = (model.softmax_cutoff or vocabulary_size) * (stored if is_in_place else 2 * 4)  # and their gradient
    return network.num_parameters * _NUMBERS_PER_WEIGHT * 4 + num_tokens * (sum(by_layer) + logits)


def refuse_too_large(
    model: ModelConfig, num_streams: int, sequence_length: int, machine: MachineConfig, vocabulary_size: int
) -> None:
    """Refuse sizes that cannot fit.

    Args:
        model: the resolved sizes.
        num_streams: the streams of a batch that this machine reads. A GPU with too little memory for all of them reads
            them in parts, down to one at a time; other devices read them at once.
        sequence_length: how many tokens of each.
        machine: device and precision.
        vocabulary_size: how many token ids there are.

    Raises:
        ShortageError: training needs more memory than the machine, or its GPU, has in all.
    """
    is_divided = machine.device == "cuda"
    num_tokens = sequence_length * (1 if is_divided else num_streams)
    needed, there = training_bytes(model, num_tokens, machine, vocabulary_size), total_memory(machine.device)
    if there is not None and needed > there:
        streams = "" if is_divided else f"--batch-size (here {num_streams:,}), "
        raise ShortageError(
            f"training this network takes at least {needed / 1e9:,.1f} GB of memory, and there are {there / 1e9:,.1f} "
            f"GB: lower --hidden-size ({model.hidden_size:,}), --num-layers ({model.num_layers:,}), {streams}or "
            f"--sequence-length ({sequence_length:,})"
        )


@contextmanager
def shortage_reported(model: ModelConfig, batch_size: int, sequence_length: int) -> Iterator[None]:
    """Report too little memory for a step, with the sizes that it depends on.

    Raises:
        ShortageError: there is too little.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise ShortageError(
            f"there is not enough memory for a step: lower --batch-size ({batch_size:,}), "
            f"--sequence-length ({sequence_length:,}) or --hidden-size ({model.hidden_size:,}); "
            "the last saved state is kept"
        ) from error


def total_memory(device: str) -> int | None:
    """Return the bytes of memory that a device has, or that this process may use of it; None if that cannot be told."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[1]
    limits = []
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CGROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(Path(path).read_text(encoding="ascii")))
    return min(limits, default=None)
