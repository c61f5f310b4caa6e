"""Training by several processes gives the same result as training by one."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch

from seqgen.levels.base import PADDING
from seqgen.training.batch import Batch
from seqgen.training.distributed import ALONE, World
from tests import processes
from tests.conftest import RHYME, quick_runner
from tests.processes import fault
from tests.several import LINES, ONE_THREAD, SMALL, STEP, TORCHRUN, assert_close, done, last, train


@pytest.fixture(scope="module")
def folder(lines_folder):
    return lines_folder


@pytest.fixture(scope="module")
def three(folder):
    """The output of a run by three processes."""
    return done(train(folder, *LINES, "--steps", "60", "--name", "three", "--processes", "3", *SMALL))


def test_several_processes_learn_the_same_as_one(folder, alone, three):
    assert three.count("units, 60 steps") == three.count("saved as") == 1  # only the first process prints
    several = last(folder, "three")
    assert_close(alone, several)
    assert several.figures["best_valid_nats"] == pytest.approx(alone.figures["best_valid_nats"], abs=1e-5)
    log = [json.loads(line) for line in (folder / "checkpoints/three/metrics.jsonl").read_text().splitlines()]
    steps = [record["step"] for record in log]
    assert steps == sorted(set(steps))


def test_several_processes_attend_to_the_same_past_as_one(folder):
    for name, count in (("single", "1"), ("double", "2")):
        options = ("--steps", "40", "--attention", "40", "--name", name, "--processes", count)
        done(train(folder, *LINES, *options, *SMALL))
    assert_close(last(folder, "single"), last(folder, "double"))


def test_a_run_of_two_processes_resumes_with_one_and_reports_it(folder):
    done(train(folder, *LINES, "--steps", "30", "--name", "first", *SMALL, launcher=TORCHRUN))
    resumed = quick_runner(folder)("train", "--resume", "first", "--steps", "60")
    assert resumed.returncode == 0, resumed.stderr
    assert "Traceback" not in resumed.stderr
    assert "using 1 process instead of 2" in resumed.stderr
    assert last(folder, "first").figures["step"] == 60


def test_three_processes_resume_bit_for_bit(folder, three):
    """The sum of three gradients depends on their order."""
    stop = fault(1, STEP, 25, signal.SIGTERM, "parent")
    options = (*LINES, "--steps", "60", "--name", "stopped", "--processes", "3", *SMALL)
    stopped = processes.finish(train(folder, *options, **stop))
    assert stopped.returncode == 130, stopped.stderr
    assert 0 < last(folder, "stopped").figures["step"] < 60
    done(train(folder, "--resume", "stopped", "--processes", "3"))
    whole, resumed = last(folder, "three"), last(folder, "stopped")
    for name, tensor in whole.training.items():
        assert torch.equal(tensor, resumed.training[name]), name


def driven(folder, script, *options, **environment):
    """Run a training script in two processes, like `--processes 2`; return their outputs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    trainings = [
        processes.start(
            [sys.executable, "-c", script, "train", *options],
            cwd=folder,
            env=os.environ | ONE_THREAD | meeting | {"RANK": rank, "LOCAL_RANK": rank} | environment,
            stdout=subprocess.PIPE,
        )
        for rank in "01"
    ]
    ended = [processes.finish(training) for training in trainings]
    assert [training.returncode for training in ended] == [0, 0], [training.stderr for training in ended]
    return [training.stdout for training in ended]


NARROW = """
import os, torch
from seqgen.__main__ import main
from seqgen.training.batch import Batch
loss_of, rank = Batch.loss, int(os.environ["RANK"])
def refuse(*_):
    raise torch.OutOfMemoryError("CUDA out of memory")
def refuse_more(batch, *others):
    if rank == 0 and batch.num_streams > 1:
        refuse()
    loss, after = loss_of(batch, *others)
    if rank == 1 and batch.num_streams > 2:
        loss.register_hook(refuse)  # in the backward pass
    else:
        print(batch.num_streams)
    return loss, after
Batch.loss = refuse_more
main()
"""


def test_each_process_divides_its_batch_as_its_gpu_requires(folder, alone):
    """Two simulated GPUs of different size: of four streams, one processes one at a time, the other two."""
    printed = driven(folder, NARROW, *LINES, "--steps", "60", "--name", "narrow-gpus", *SMALL)
    assert [set(widths.split()) for widths in printed] == [{"1"}, {"1", "2"}]
    assert_close(alone, last(folder, "narrow-gpus"))


MACHINE = {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}  # each process on a machine of its own
SUMS = """
import json, torch
from seqgen.training.distributed import World
with World.join() as world:
    for precision in (torch.float32, torch.bfloat16):
        torch.manual_seed(world.rank)
        parts = [torch.randn(70, 3), torch.randn(5)]
        world.add(parts, precision)
        print(json.dumps([part.flatten().tolist() for part in parts]))
"""


@pytest.mark.parametrize("machine", [{}, MACHINE], ids=["processes", "machines"])
def test_only_between_machines_gradients_are_rounded_to_the_precision_of_products(folder, machine):
    own = []
    for rank in range(2):
        torch.manual_seed(rank)
        own.append([torch.randn(70, 3), torch.randn(5)])
    exact = [(one + other).flatten().tolist() for one, other in zip(*own, strict=True)]
    rounded = [(one.bfloat16() + other.bfloat16()).flatten().tolist() for one, other in zip(*own, strict=True)]
    for output in driven(folder, SUMS, **machine):
        in_float32, in_bfloat16 = map(json.loads, output.splitlines())
        assert in_float32 == exact
        assert in_bfloat16 == (rounded if machine else exact)


ENDING = """
from seqgen.__main__ import main
try:
    main()
except SystemExit as ended:
    print(ended.code)
"""


def test_two_machines_resume_bit_for_bit_with_gradients_in_bfloat16(folder):
    options = (*LINES, "--steps", "40", *SMALL[: SMALL.index("--precision")], "--precision", "bfloat16")
    assert driven(folder, ENDING, *options, "--name", "machines", **MACHINE) == ["0\n", "0\n"]
    stop = fault(1, STEP, 15, signal.SIGTERM)
    assert driven(folder, ENDING, *options, "--name", "stopped-machines", **MACHINE, **stop) == ["130\n", "130\n"]
    assert 0 < last(folder, "stopped-machines").figures["step"] < 40
    assert driven(folder, ENDING, "--resume", "stopped-machines", **MACHINE) == ["0\n", "0\n"]
    whole, resumed = last(folder, "machines"), last(folder, "stopped-machines")
    for name, tensor in whole.training.items():
        assert torch.equal(tensor, resumed.training[name]), name
    alone = quick_runner(folder)("train", "--resume", "machines", "--steps", "41")
    assert "using 1 process instead of 2 processes on 2 machines" in alone.stderr


SKEWED = """
import itertools, os, sys, time
ticks, pace = itertools.count(), 1 + 0.3 * int(os.environ["RANK"])
time.perf_counter = lambda: 0.01 * pace * next(ticks)
from seqgen.__main__ import main
from seqgen.training.loop import Trainer
trainers, begin = [], Trainer.__init__
Trainer.__init__ = lambda self, *given: (trainers.append(self), begin(self, *given))[1]
try:
    main()
finally:
    print(trainers[0].figures.step, [weight.double().sum().item() for weight in trainers[0].model.parameters()])
"""


def test_with_a_time_budget_all_processes_follow_one_clock(folder):
    first, second = driven(folder, SKEWED, "--corpus", "rhyme.txt", "--time", "4s", "--name", "timed", *SMALL)
    assert first == second


def test_several_processes_prepare_the_same_corpus_as_one(folder, tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text(f"{number} " + RHYME * (1 + number % 3), encoding="utf-8")
    options = ("--corpus", str(tmp_path), "--level", "subword", "--steps", "2", *SMALL, "--vocabulary-size", "60")
    for name in ("1", "3"):
        done(train(folder, *options, "--name", f"prepare{name}", "--processes", name, "--data-dir", f"data{name}"))
    one, three = (sorted((folder / name / "prepared").glob("*/*")) for name in ("data1", "data3"))
    assert [path.relative_to(folder / "data1") for path in one] == [
        path.relative_to(folder / "data3") for path in three
    ]
    assert len(one) % 7 == 0
    for mine, theirs in zip(one, three, strict=True):
        assert mine.read_bytes() == theirs.read_bytes(), theirs


def test_streams_are_divided_without_rest():
    for size, count in itertools.product((1, 2, 3, 5), (1, 4, 7)):
        shares = [range(count)[World(rank, size).share(count)] for rank in range(size)]
        assert list(itertools.chain(*shares)) == list(range(count))
    assert ALONE.share(5) == slice(0, 5)


def test_processes_without_streams_read_padding():
    batch = Batch(torch.tensor([[1], [2]]), torch.tensor([[2], [3]]), torch.tensor([True]), is_whole=True)
    empty = batch.streams(slice(0, 0))
    assert empty.inputs.shape == empty.targets.shape == (2, 1)
    assert (empty.targets == PADDING).all()
    assert batch.streams(slice(0, 1)).targets.tolist() == [[2], [3]]
