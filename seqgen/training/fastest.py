"""`--processes auto`: as many processes as train fastest here, found by a few steps of each number."""

import time
from itertools import islice

from seqgen.config import TrainConfig
from seqgen.corpus.batches import Batches
from seqgen.corpus.store import Store
from seqgen.process import num_cores, use_threads
from seqgen.training.distributed import World
from seqgen.training.learner import Learner
from seqgen.training.loop import initial_model
from seqgen.training.schedule import MAX_PARTS

_STEPS = 3  # of each kind, after as many that warm up


def fastest(config: TrainConfig, store: Store, world: World) -> tuple[World, str]:
    """Return as many of the processes as train fastest, and what the user should hear about it.

    All are tried, half of them, and so on to one alone; the cores are divided among those that are. What remains of
    them is a world that the others are not in; their part is over.
    """
    seconds: dict[int, float] = {}
    worlds = {count: world.first(count) for count in _counts(min(world.size, config.optimization.batch_size))}
    for count, some in worlds.items():
        use_threads(num_cores() // count)
        own = _seconds(config, store, some) if some.is_member else 0.0
        (seconds[count],) = world.agreed(own)
    best = min(seconds, key=seconds.__getitem__)
    use_threads(num_cores() // best)
    others = ", ".join(f"with {count}: {1000 * seconds[count]:.0f} ms" for count in seconds if count != best)
    processes = "1 process" if best == 1 else f"{best} processes"
    return worlds[best], f"using {processes} ({1000 * seconds[best]:.0f} ms per step{f'; {others}' if others else ''})"


def _counts(most: int) -> list[int]:
    return [most] if most == 1 else [most, *_counts(most // 2)]


def _seconds(config: TrainConfig, store: Store, world: World) -> float:
    """Return how long these processes take for a step."""
    options = config.optimization
    batches = Batches(store.train, options.batch_size, options.sequence_length, config.machine.seed)
    learner = Learner(initial_model(config, store).to(config.machine.device), config, world)
    learner.settle(batches.from_step(0))
    begun = 0.0
    for step, batch in enumerate(islice(batches.from_step(0), 2 * MAX_PARTS * _STEPS)):
        if step == MAX_PARTS * _STEPS:
            begun = time.perf_counter()
        learner.learn(batch, step, 0.0, 1 + step % MAX_PARTS)
    return (time.perf_counter() - begun) / (MAX_PARTS * _STEPS)
