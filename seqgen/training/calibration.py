"""Measures how long a training step takes on this machine."""

import math
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
from seqgen.training.threads import thread_counts, threads_restored, use_threads

_NUM_STEPS = 5  # after a first step, which warms up
_NUM_BUSY_STEPS = 2  # the same, if fewer threads are measured next because the machine is busy
_BUSY_SHARE = 0.7  # threads that compute for a smaller share of the time share their cores with other programs


def step_seconds(
    config: ModelConfig, batches: Batches, machine: MachineConfig, corpus: PreparedCorpus, world: World
) -> float:
    """Return the time of a step in seconds, measured on a few batches with a temporary model.

    Batches differ in length, and other processes may disturb a measurement, so the median time per token is used. On a
    busy machine, fewer threads are measured too, as in training.

    Args:
        config: the resolved model options.
        batches: the batches of the run.
        machine: device and precision.
        corpus: the prepared corpus.
        world: the processes that train together; all return the time of the first.
    """
    model = initial_model(config, corpus, seed=0).to(machine.device)
    dtype, best = PRECISIONS[machine.precision], math.inf
    with threads_restored():
        counts = thread_counts(machine.device, world)
        for count in counts:
            use_threads(count)
            pace, is_busy = _pace(model, batches, dtype, world, is_last=count == counts[-1])
            is_faster, best = pace < best, min(pace, best)
            if not (is_faster and is_busy):
                break
    (seconds,) = world.agreed(best * batches.own_tokens_per_step)
    return seconds


def _pace(
    model: LanguageModel, batches: Batches, dtype: torch.dtype, world: World, *, is_last: bool
) -> tuple[float, bool]:
    """Return the seconds per token with the present number of threads, and whether these have to share their cores.

    Unless it is the last number of threads to measure, the measurement ends early if they have to.
    """
    seconds, paces, begun, is_busy = 0.0, [], time.process_time(), False
    filled = (batch for batch in batches.from_step(0) if batch.num_targets)  # others have text of other machines only
    for step, batch in zip(range(1 + _NUM_STEPS), filled, strict=False):
        own = batch.streams(world.readers.share(batch.num_streams)).to(model.device)
        passed = _pass_seconds(model, own, dtype)
        seconds += passed
        paces.append(passed / batch.num_targets)
        is_busy = time.process_time() - begun < _BUSY_SHARE * torch.get_num_threads() * seconds
        if is_busy and step == _NUM_BUSY_STEPS and not is_last:
            break
    return median(paces[1:]), is_busy


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
