"""Several processes that train one model: who they are, and what they tell each other.

Each reads its own streams of every batch. What they must agree on, as the time and the end of a run, is what the first
one says; what they count is added up. One process alone is the same with nobody to talk to.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import _set_pg_timeout
from torch.distributed.rendezvous import rendezvous

from seqgen.config import MachineConfig
from seqgen.corpus.crew import ALONE as ONE_PROCESS
from seqgen.corpus.crew import Crew
from seqgen.errors import ProcessLostError, UsageError
from seqgen.model.hardware import num_devices
from seqgen.training.launch import is_one_of_many, is_restarted
from seqgen.training.meeting import meet

_MEETING = timedelta(minutes=10)  # in which all must come
# That the others may take after that, to prepare a corpus, or to train with fewer; one that dies is noticed at once.
_PATIENCE = timedelta(days=365)
_SIGNS_OF_LOSS = ("gloo", "connection", "nccl", "socket", "process group")


@dataclass(frozen=True)
class World(Crew):
    """The processes of a training, seen from one of them.

    Attributes:
        local: those on this machine.
        group: what torch knows them by; None for all.
        is_restarted: whether one of them was killed before, so that all begin again.
    """

    local: Crew = ONE_PROCESS
    group: "dist.ProcessGroup | None" = None
    is_restarted: bool = False

    @classmethod
    @contextmanager
    def join(cls) -> Iterator["World"]:
        """Lend the processes that torchrun or `--processes` has started with this one.

        Raises:
            ProcessLostError: another one has ended.
        """
        if not is_one_of_many():
            yield ALONE
            return
        with _reported_loss():
            try:
                with _mortal():
                    world = cls._met()
                yield world
                world.wait()  # a connection that one closes while another still uses it ends that one's process
            finally:
                if dist.is_initialized():
                    dist.destroy_process_group()

    @classmethod
    def _met(cls) -> "World":
        """Return the processes, once they have found each other."""
        local_rank, local_size = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(local_rank % torch.cuda.device_count())
            backend = "cpu:gloo,cuda:nccl"
        shared, rank, size = next(rendezvous("env://", timeout=_MEETING))
        own = meet(shared, rank, size, _MEETING)
        dist.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=_MEETING)
        _set_pg_timeout(_PATIENCE)
        neighbours = range(rank - local_rank, rank - local_rank + local_size)
        local = cls(local_rank, local_size, group=_group(neighbours))
        world = cls(rank, size, local)
        (restarted,) = world.total(float(is_restarted()))  # torchrun tells only the machine where it was
        return replace(world, is_restarted=restarted > 0)

    def check_device(self, device: str) -> None:
        """Refuse a device of which this machine has too few.

        Raises:
            UsageError: it has fewer than processes.
        """
        most = num_devices(device)
        if most is not None and self.local.size > most:
            raise UsageError(
                f"{self.local.size} processes need as many devices, and this machine has {most} for --device {device}: "
                f"start {most}, or take --device cpu"
            )

    def check_streams(self, batch_size: int) -> None:
        """Refuse a batch of which a process would get nothing.

        Raises:
            UsageError: it has fewer streams than there are processes.
        """
        if batch_size < self.size:
            raise UsageError(
                f"--batch-size {batch_size:,} cannot be divided among {self.size} processes: start at most "
                f"{batch_size:,}, or raise --batch-size"
            )

    def check_alike(self, machine: MachineConfig) -> None:
        """Refuse machines that would compute differently.

        Raises:
            UsageError: this one differs from the first.
        """
        own = f"--device {machine.device} --precision {machine.precision}"
        first = self.broadcast(own.encode).decode()
        if own != first:
            raise UsageError(
                f"the first process uses {first}, but process {self.rank} uses {own}: give both options to all"
            )

    def wait(self) -> None:
        """Wait until all have come so far."""
        if self.size > 1:
            dist.barrier(self.group)

    def share(self, count: int) -> slice:
        """Return which of so many streams are read here."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def largest_share(self, count: int) -> int:
        """Return how many of so many streams are read where most are."""
        return -(-count // self.size)

    def agreed(self, *values: float) -> tuple[float, ...]:
        """Return the values of the first process."""
        return self.total(*(value if self.is_first else 0.0 for value in values))

    def total(self, *values: float) -> tuple[float, ...]:
        """Return the sums over all processes."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums, group=self.group)
        return tuple(sums.tolist())

    def broadcast(self, content: Callable[[], bytes], source: int = 0) -> bytes:
        """Return the content that one process has in all of them; it is called in that process only."""
        if self.size == 1:
            return content()
        own = bytearray(content() if self.rank == source else b"")
        size = torch.tensor([len(own)])
        dist.broadcast(size, group=self.group, group_src=source)
        length = int(size)
        received = torch.frombuffer(own or bytearray(length or 1), dtype=torch.uint8)
        dist.broadcast(received, group=self.group, group_src=source)
        return received.numpy().tobytes()[:length]

    def gathered(self, own: Tensor, count: int) -> Tensor:
        """Return the parts of all processes one after the other.

        Args:
            own: what is known of the streams that are read here, shape (streams, features).
            count: the streams of all.
        """
        if self.size == 1:
            return own
        whole = own.new_zeros(count, own.shape[1])
        whole[self.share(count)] = own
        dist.all_reduce(whole, group=self.group)  # the others add zeros
        return whole

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; they have the same shapes in all of them.

        All are sent as one: a message costs more than the numbers in it.
        """
        if self.size == 1:
            return
        sums = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(sums, group=self.group)
        sizes = [tensor.numel() for tensor in tensors]
        for tensor, part in zip(tensors, torch.split(sums, sizes), strict=True):
            tensor.copy_(part.view_as(tensor))


ALONE = World()


def _group(ranks: range) -> "dist.ProcessGroup":
    group: dist.ProcessGroup = dist.new_group(ranks, timeout=_MEETING, use_local_synchronization=True)
    _set_pg_timeout(_PATIENCE, group)
    return group


@contextmanager
def _mortal() -> Iterator[None]:
    """Let SIGTERM end the process at once, which waits for others where Python's own handlers are not called."""
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _reported_loss() -> Iterator[None]:
    """Report the loss of another process as a ProcessLostError."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not any(sign in str(error).lower() for sign in _SIGNS_OF_LOSS):
            raise
        raise ProcessLostError(
            "another process of this training has ended or cannot be reached; the last saved state is kept: continue "
            "with --resume"
        ) from error
