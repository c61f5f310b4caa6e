"""Measures how long a training step takes on this machine."""

import time
from statistics import median

import torch

from seqgen.config import MachineConfig, ModelConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.model.hardware import PRECISIONS
from seqgen.model.language_model import LanguageModel
from seqgen.noise import Noise
from seqgen.training.batch import Batch
from seqgen.training.batches import Batches
from seqgen.training.distributed import World
from seqgen.training.initial_model import initial_model

_NUM_STEPS = 5  # after a first step, which warms up


def step_seconds(
    config: ModelConfig, batches: Batches, machine: MachineConfig, corpus: PreparedCorpus, world: World
) -> float:
    """Return the time of a step in seconds, measured on a few batches with a temporary model.

    Batches differ in length, and other processes may disturb a measurement, so the median time per token is used.

    Args:
        config: the resolved model options.
        batches: the batches of the run.
        machine: device and precision.
        corpus: the prepared corpus.
        world: the processes that train together; all return the time of the first.
    """
    model = initial_model(config, corpus, seed=0).to(machine.device)
    dtype, paces = PRECISIONS[machine.precision], []
    for _, batch in zip(range(1 + _NUM_STEPS), batches.from_step(0), strict=False):
        own = batch.streams(world.share(batch.num_streams)).to(machine.device)
        paces.append(_pass_seconds(model, own, dtype) / batch.num_targets)
    (pace,) = world.agreed(median(paces[1:]))
    return pace * batches.tokens_per_step


def _pass_seconds(model: LanguageModel, batch: Batch, dtype: torch.dtype) -> float:
    """Return the seconds of a forward and backward pass, estimated from half of the streams if a GPU lacks memory."""
    begun, count = time.perf_counter(), batch.num_streams
    try:
        loss, _ = batch.loss(model, model.initial_state(count), dtype, Noise(0, count, device=model.device))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        loss.item()  # waits for a GPU
        return time.perf_counter() - begun
    except torch.OutOfMemoryError:
        if count == 1:
            raise
    torch.cuda.empty_cache()
    half = batch.streams(slice(count // 2))
    return _pass_seconds(model, half, dtype) * count / half.num_streams
