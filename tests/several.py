"""Helpers for tests that train with several processes."""

import os
import socket
import sys

import torch

from seqgen.checkpoint import Checkpoint
from tests import processes

SMALL = (
    "--num-layers", "2", "--hidden-size", "16", "--dropout", "0.3", "--recurrent-dropout", "0.1", "--batch-size", "8",
    "--sequence-length", "16", "--seed", "1", "--precision", "float32", "--patience", "1000",
)  # fmt: skip
LINES = ("--corpus", "rhyme.txt", "--document", "line")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
STEP = "seqgen.training.learner:Learner.learn"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def train(folder, *arguments, launcher=(), **environment):
    command = [sys.executable, *launcher, "-m", "seqgen", "train", *arguments]
    return processes.start(command, cwd=folder, env=os.environ | ONE_THREAD | environment)


def done(training):
    ended = processes.finish(training)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def last(folder, name):
    return Checkpoint.read(folder / "checkpoints" / name / "last.safetensors")


def assert_close(one, other):
    for mine, theirs in ((one.weights, other.weights), (one.training, other.training)):
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            torch.testing.assert_close(theirs[name], tensor, atol=1e-4, rtol=1e-3)


def on_machines(folders, *arguments, own=(), **environment):
    """Train with a process in each folder; processes in the same folder are on one machine.

    Args:
        folders: one per process, those of a machine one after the other.
        arguments: of all processes.
        own: a further argument of each of the first processes.
        environment: variables.

    Returns:
        The exit status and output of each.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    meeting = {"WORLD_SIZE": str(len(folders)), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    trainings = []
    for rank, folder in enumerate(folders):
        place = {"LOCAL_RANK": folders[:rank].count(folder), "LOCAL_WORLD_SIZE": folders.count(folder), "RANK": rank}
        variables = {**meeting, **{name: str(value) for name, value in place.items()}, **environment}
        trainings.append(train(folder, *arguments, *own[rank : rank + 1], **variables))
    return [processes.finish(training) for training in trainings]
