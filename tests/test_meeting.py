"""How processes find each other in a store that torchrun keeps over restarts."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
import torch
from torch.distributed import HashStore, ProcessGroupGloo

from seqgen.errors import ProcessLostError
from seqgen.training import meeting
from seqgen.training.meeting import meet

PATIENCE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(meeting, "_POLL_SECONDS", 0.001)


def written(store, rank):
    """Return the value that a process last wrote to announce itself."""
    if not store.check([meeting._CALL]):
        return None
    call = store.get(meeting._CALL).decode()
    key = meeting._CALL if rank == 0 else f"{call}/{rank}"
    return store.get(key) if store.check([key]) else None


def meet_in_order(store, order, act):
    """Let processes arrive in an order, and return what each does with the common store."""
    with ThreadPoolExecutor(len(order)) as pool:
        acting = {}
        for rank in order:
            before, is_first_round = written(store, rank), not store.check([meeting._CALL])
            acting[rank] = pool.submit(lambda rank=rank: act(meet(store, rank, len(order), PATIENCE), rank))
            while not (is_first_round and rank) and written(store, rank) == before and not acting[rank].done():
                time.sleep(0.001)
        return [acting[rank].result() for rank in range(len(order))]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_processes_meet_in_any_order_despite_keys_of_earlier_processes(order):
    store = HashStore()
    store.set(meeting._CALL, "dead")
    for key, value in (("dead/1", "ghost"), ("dead/2", "other ghost"), ("dead/ghost", "")):
        store.set(key, value)
    for turn in range(3):  # each turn leaves keys that the next one might mistake for its own

        def share(own, rank, turn=turn):
            assert not own.check(["word"]) or own.get("word") == f"{turn}".encode()
            if rank == 0:
                own.set("word", f"{turn}")
            return own.get("word")

        assert meet_in_order(store, order, share) == [f"{turn}".encode()] * 3


def test_processes_connect_again_despite_addresses_of_closed_connections():
    """Without a meeting a process connects to a closed port, or both wait for each other."""

    def total(own, rank):
        group = ProcessGroupGloo(own, rank, 2, timedelta(seconds=20))
        ones = torch.ones(1)
        group.allreduce([ones]).wait()
        return float(ones)

    store = HashStore()
    for turn in range(6):
        assert meet_in_order(store, [turn % 2, 1 - turn % 2], total) == [2.0, 2.0]


def test_waiting_for_the_first_process_has_a_limit():
    store = HashStore()
    store.set(meeting._CALL, "dead")
    with pytest.raises(ProcessLostError, match="has not answered process 1 within 0:00:00"):
        meet(store, 1, 2, timedelta(milliseconds=1))
