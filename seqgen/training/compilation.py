"""Compiles the kernels of a run before its clock starts, so that the first step is as fast as the others."""

from typing import Any

import numpy as np
import torch

from seqgen.config import MachineConfig, ModelConfig, ModelOptions
from seqgen.levels.base import Level
from seqgen.model.hardware import PRECISIONS, resolve_device, resolve_precision
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.preview import preview


def compile_kernels(requested: ModelOptions, level: Level[Any], machine: MachineConfig, *, is_sampled: bool) -> None:
    """Run each operation of training once with a tiny network; kernels depend on the kind of network, not on its size.

    Args:
        requested: the options of the network.
        level: its vocabulary, whose grammar is compiled.
        machine: the device and the precision of training; validation also uses float32.
        is_sampled: whether samples are displayed during training.
    """
    level.compile()
    device = resolve_device(machine.device)
    dtype = PRECISIONS[resolve_precision(machine.precision, device)]
    tiny = ModelConfig(
        cell=requested.cell,
        num_layers=1,
        hidden_size=16,
        projection_size=None if requested.projection_size is None else 8,
        embedding_size=16,
    )
    model = LanguageModel(tiny, level.vocabulary_size, num_factors=level.num_factors)
    model.initialise(torch.Generator().manual_seed(0), torch.zeros(level.vocabulary_size))
    model.to(device)
    ids = torch.full((2, 2), level.START, device=device)
    row = torch.from_numpy(level.inputs(np.array([level.START])).astype(np.int64))
    inputs = row[0].expand(2, 2, *row.shape[1:]).contiguous().to(device)
    hidden, _ = model.hidden(inputs, model.initial_state(2), dtype)
    model.loss(hidden, ids, dtype).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    with torch.inference_mode():
        model(inputs, model.initial_state(2))
    if is_sampled:
        preview(model.eval(), level, 0, [])
