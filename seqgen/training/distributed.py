"""The processes that train one model together, and their communication.

Each process reads its own streams of every batch. The first process decides what all must agree on, such as the time
and the end of a run; counts are summed. A single process uses the same interface, without communication.
"""

import json
import os
import signal
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, Self

import numpy as np
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

_MEETING = timedelta(minutes=10)  # the time within which all processes must start
# The time to wait for other processes after that, for instance while they prepare a corpus. The end of a process is
# noticed at once.
_PATIENCE = timedelta(days=365)
_SIGNS_OF_LOSS = ("gloo", "connection", "nccl", "socket", "process group")  # in messages of torch


@dataclass(frozen=True)
class World(Crew):
    """The processes that train together, from the view of one of them.

    Attributes:
        local: the processes on this machine.
        starts: the rank of the first process of each machine.
        is_divided: whether each machine has only its share of the corpus.
        group: the process group of torch; None for all processes.
        is_restarted: whether all were restarted because one of them was killed.
    """

    local: Crew = ONE_PROCESS
    starts: tuple[int, ...] = (0,)
    is_divided: bool = False
    group: "dist.ProcessGroup | None" = None
    is_restarted: bool = False

    @classmethod
    @contextmanager
    def join(cls) -> Iterator["World"]:
        """Yield the processes that torchrun or `--processes` started, including this one.

        Raises:
            ProcessLostError: another process has ended or cannot be reached.
        """
        if not is_one_of_many():
            yield ALONE
            return
        with _loss_reported():
            try:
                with _ended_by_sigterm():
                    world = cls._connected()
                yield world
                world.wait()  # if a process closes a connection that another still uses, the other one fails
            finally:
                if dist.is_initialized():
                    dist.destroy_process_group()

    @classmethod
    def _connected(cls) -> "World":
        """Wait until the processes have found each other, and return them."""
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
        begins_machine = [float(local.is_first and rank == other) for other in range(size)]
        # torchrun informs only the machine of the killed process
        *begin, restarted = world.total(*begins_machine, float(is_restarted()))
        return replace(world, starts=tuple(np.flatnonzero(begin).tolist()), is_restarted=restarted > 0)

    @property
    def machines(self) -> int:
        """The number of machines."""
        return len(self.starts)

    @property
    def machine(self) -> int:
        """The number of the machine of this process, from 0."""
        return bisect(self.starts, self.rank) - 1

    @property
    def num_processes(self) -> list[int]:
        """The number of processes of each machine."""
        return [stop - start for start, stop in pairwise([*self.starts, self.size])]

    def dividing(self, is_divided: bool) -> Self:
        """Return the processes for `--corpus-share`, which means nothing on a single machine.

        Raises:
            UsageError: only some processes have this option.
        """
        (count,) = self.total(float(is_divided))
        if 0 < count < self.size:
            raise UsageError(
                f"{int(count)} of {self.size} processes have the option --corpus-share: give it to all machines, "
                "or to none"
            )
        return replace(self, is_divided=is_divided and self.machines > 1)

    @property
    def readers(self) -> Crew:
        """The processes among which the streams of a batch are divided: all that have the same corpus."""
        return self.local if self.is_divided else self

    def own(self, streams: slice) -> slice:
        """Return those of the streams of this corpus that this process reads."""
        part = self.readers.share(streams.stop - streams.start)
        return slice(streams.start + part.start, streams.start + part.stop)

    def check_device(self, device: str) -> None:
        """Check that this machine has a device for each of its processes.

        Raises:
            UsageError: it has fewer devices than processes.
        """
        available = num_devices(device)
        if available is not None and self.local.size > available:
            raise UsageError(
                f"{self.local.size} processes need {self.local.size} devices, but this machine has {available} for "
                f"--device {device}: start {available}, or use --device cpu"
            )

    def check_streams(self, batch_size: int) -> None:
        """Check that a batch has a stream for each process.

        Raises:
            UsageError: it has fewer streams than there are processes.
        """
        if batch_size < self.size:
            raise UsageError(
                f"--batch-size {batch_size:,} cannot be divided among {self.size} processes: start at most "
                f"{batch_size:,}, or raise --batch-size"
            )

    def check_alike(self, machine: MachineConfig) -> None:
        """Check that all processes use the same device and precision.

        Raises:
            UsageError: this process differs from the first.
        """
        own = f"--device {machine.device} --precision {machine.precision}"
        first = self.broadcast(own.encode).decode()
        if own != first:
            raise UsageError(
                f"the first process uses {first}, but process {self.rank} uses {own}: give both options to all"
            )

    def wait(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            dist.barrier(self.group)

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

    def exchange(self, own: Any) -> list[Any]:
        """Return the JSON values that the first process of each machine has, in all processes, by machine."""
        values = (self.broadcast(lambda: json.dumps(own).encode(), source=start) for start in self.starts)
        return [json.loads(value) for value in values]

    def gathered(self, own: Tensor, streams: slice, count: int) -> Tensor:
        """Concatenate the tensors of all processes.

        Args:
            own: the tensor for the streams that this process reads, shape (streams, ...).
            streams: these streams.
            count: the number of streams of all processes.

        Returns:
            Shape (count, ...).
        """
        if self.size == 1:
            return own
        whole = own.new_zeros(count, *own.shape[1:])
        whole[streams] = own
        dist.all_reduce(whole, group=self.group)  # the other processes add zeros
        return whole

    def add(self, tensors: Sequence[Tensor], precision: torch.dtype) -> None:
        """Replace each tensor by its sum over all processes, in which it must have the same shape.

        All tensors are sent as one, because a message costs more than its numbers.

        Args:
            tensors: the tensors, in float32.
            precision: in which they are sent and added if there are several machines.
        """
        if self.size == 1:
            return
        sums = torch.cat([tensor.flatten() for tensor in tensors])
        if self.machines > 1:
            sums = sums.to(precision)
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
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the process at once: it waits for others in C++ code, during which Python calls no handlers."""
    handler = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def _loss_reported() -> Iterator[None]:
    """Raise a `ProcessLostError` for errors that mean that another process was lost."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and not any(sign in str(error).lower() for sign in _SIGNS_OF_LOSS):
            raise
        raise ProcessLostError(
            "another process of this training has ended or cannot be reached; the last saved state is kept: continue "
            "with --resume"
        ) from error
