"""Lets the processes of a run find each other, although their store still contains keys of earlier processes.

torchrun keeps one key-value store for all restarts of a run, and torch uses the same keys each time. A process that
restarts sooner than another would read the address of the other one's predecessor: it connects to a closed port, or
both wait for the other to connect (pytorch/pytorch issue 135712). A unique prefix distinguishes the keys from older
ones.
"""

import time
import uuid
from datetime import timedelta

from torch.distributed.distributed_c10d import PrefixStore, Store

from seqgen.errors import ProcessLostError

_POLL_SECONDS = 0.1
_CALL = "seqgen/call"  # the key of the newest name that a first process chose


def meet(store: Store, rank: int, size: int, patience: timedelta) -> Store:
    """Return a store whose keys are used only by the processes that were started together.

    The first process publishes a name, and every other process answers with its own name. Since the answer may go to a
    first process that has ended, the first process confirms it; until then the others look for a newer name.

    Args:
        store: the store that all processes share, which may contain keys of earlier processes.
        rank: the rank of this process.
        size: the number of processes.
        patience: the time to wait for the others.

    Raises:
        ProcessLostError: the first process has not confirmed in time.
        dist.DistError: another process has not answered in time, or the store was closed.
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
            raise ProcessLostError(f"the first process of this run has not answered process {rank} within {patience}")
        if (latest := store.get(_CALL).decode()) != name:
            name = latest
            store.set(f"{name}/{rank}", own)
        time.sleep(_POLL_SECONDS)
    return PrefixStore(name, store)
