"""Lets the processes of a training find each other, although their store still holds what earlier ones wrote.

torchrun keeps one key-value store for all restarts of a training, and torch writes to it under the same keys each time.
A process that is started again sooner than another would read the address that the other one's predecessor had: it
connects to a port that is closed, or both wait for the other to connect (pytorch/pytorch issue 135712). Keys that start
with a name that nobody used before cannot be confused with older ones.
"""

import time
import uuid
from datetime import timedelta

from torch.distributed.distributed_c10d import PrefixStore, Store

from seqgen.errors import ProcessLostError

_POLL_SECONDS = 0.1
_CALL = "seqgen/call"  # the key of the name that the first process gave last


def meet(store: Store, rank: int, size: int, patience: timedelta) -> Store:
    """Return a store of keys that the processes started together share with nobody before or after them.

    The first process gives a name, and every other one answers with its own. An answer may go to a first process that
    has ended; only one that is alive confirms it, and until then the others look for a newer name.

    Args:
        store: what all processes read and write, which may hold keys of earlier processes.
        rank: of this process.
        size: the number of processes.
        patience: how long to wait for the others.

    Raises:
        ProcessLostError: the first process has not confirmed in time.
        dist.DistError: another one has not answered in time, or the store has been closed.
    """
    own, deadline = uuid.uuid4().hex, time.monotonic() + patience.total_seconds()
    store.set_timeout(patience)
    if rank == 0:
        store.set(_CALL, own)
        for other in range(1, size):
            store.set(f"{own}/{store.get(f'{own}/{other}').decode()}", "")
        return PrefixStore(own, store)
    name = ""
    while not name or not store.check([f"{name}/{own}"]):
        if time.monotonic() > deadline:
            raise ProcessLostError(
                f"the first process of this training has not answered process {rank} within {patience}"
            )
        if (latest := store.get(_CALL).decode()) != name:
            name = latest
            store.set(f"{name}/{rank}", own)
        time.sleep(_POLL_SECONDS)
    return PrefixStore(name, store)
