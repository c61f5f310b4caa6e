"""Helpers for tests that train with several processes."""

import os
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
