"""One of the machines of `network.py`: trains, and prints what each step took."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from seqgen import process

process.settle(is_sampling=False)  # as `seqgen train` does, before torch allocates

import torch  # noqa: E402

from seqgen.model.hardware import PRECISIONS  # noqa: E402
from seqgen.training.distributed import World  # noqa: E402
from seqgen.training.learner import Learner  # noqa: E402
from seqgen.training.loop import Trainer  # noqa: E402
from tests.benchmarks.training import trainer  # noqa: E402

STREAMS = 32  # of each machine


@dataclass(frozen=True)
class Step:
    """What one step took: seconds in all, of the exchange and of the agreement, and bytes sent."""

    seconds: float
    exchange: float
    agreement: float
    sent: int


@dataclass(frozen=True)
class TimedWorld(World):
    """The processes that train together; notes how long each exchange takes."""

    exchanges: list[float] = field(default_factory=list)

    def add(self, tensors: Sequence[torch.Tensor], precision: torch.dtype) -> None:
        begun = time.perf_counter()
        super().add(tensors, precision)
        self.exchanges.append(time.perf_counter() - begun)


def steps(training: Trainer, world: TimedWorld, precision: str, compute: float | None) -> Iterator[Step]:
    """Train endlessly; or wait instead of computing, and exchange random gradients."""
    machine = replace(training.config.machine, precision=precision)
    learner = Learner(training.model, replace(training.config, machine=machine), world, training.batches.own)
    gradients = [torch.randn_like(parameter) for parameter in training.model.parameters()]
    for number, batch in enumerate(training.batches.from_step(0)):
        before, begun = sent_bytes(), time.perf_counter()
        if compute is None:
            learner.learn(batch, number, learning_rate=1e-3, parts=1)
        else:
            time.sleep(compute)
            world.add(gradients, PRECISIONS[precision])
        learned = time.perf_counter()
        world.total(0.0, 0.0, 0.0, 0.0)
        ended = time.perf_counter()
        yield Step(ended - begun, world.exchanges[-1], ended - learned, sent_bytes() - before)


def sent_bytes() -> int:
    """Return what this machine has sent through all its interfaces but the loopback."""
    lines = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return sum(int(line.split()[9]) for line in lines if not line.strip().startswith("lo:"))


def main(folder: str, num_layers: str, hidden_size: str, precision: str, compute: str) -> None:
    """Print the number of parameters; then, for each line that is read, as many steps as it says."""
    with TimedWorld.join() as world:
        training = trainer(Path(folder), int(hidden_size), STREAMS * world.size, num_layers=int(num_layers))
        print(training.model.num_parameters, flush=True)
        endless = steps(training, world, precision, float(compute) if compute else None)
        for line in sys.stdin:
            print(json.dumps([asdict(step) for step in islice(endless, int(line))]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
