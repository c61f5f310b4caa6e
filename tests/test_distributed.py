"""Several processes train one model: what comes of it is what one process learns."""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer

from seqgen.checkpoint import Checkpoint
from seqgen.cli.reporting import reporting
from seqgen.corpus.batches import Batch
from seqgen.corpus.crew import Crew
from seqgen.errors import CorpusError, ShortageError, UsageError
from seqgen.levels.base import PADDING
from seqgen.process import num_cores
from seqgen.training.distributed import ALONE, World
from seqgen.training.launch import _end, _forwarding, _start, count_of
from seqgen.training.run import Run
from tests import processes
from tests.conftest import RHYME, quick_runner
from tests.processes import fault

SMALL = (
    "--num-layers", "2", "--hidden-size", "16", "--dropout", "0.3", "--recurrent-dropout", "0.1", "--batch-size", "8",
    "--sequence-length", "16", "--seed", "1", "--precision", "float32", "--patience", "1000",
)  # fmt: skip
LINES = ("--corpus", "rhyme.txt", "--document", "line")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
STEP = "seqgen.training.learner:Learner.learn"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def seqgen(folder, *arguments, launcher=(), **environment):
    command = [sys.executable, *launcher, "-m", "seqgen", "train", *arguments]
    return processes.start(command, cwd=folder, env=os.environ | ONE_THREAD | environment)


def done(training):
    ended = processes.finish(training)
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def wait_for(file, training):
    """Wait until a training has written something to a file."""
    processes.wait_until(lambda: file.exists() and file.read_text(), training)


def last(folder, name):
    return Checkpoint.read(folder / "checkpoints" / name / "last.safetensors")


def assert_close(one, other):
    for mine, theirs in ((one.weights, other.weights), (one.training, other.training)):
        assert mine.keys() == theirs.keys()
        for name, tensor in mine.items():
            torch.testing.assert_close(theirs[name], tensor, atol=1e-4, rtol=1e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lines of all lengths, so that there are batches of fewer documents than processes."""
    folder = tmp_path_factory.mktemp("distributed")
    short = "".join(f"line {number}\n" for number in range(31))
    (folder / "rhyme.txt").write_text(RHYME * 30 + short, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def alone(folder):
    done(seqgen(folder, *LINES, "--steps", "60", "--name", "alone", *SMALL))
    return last(folder, "alone")


@pytest.mark.parametrize("count", ["2", "4"])
def test_several_processes_learn_what_one_does(folder, alone, count):
    name = f"of-{count}"
    told = done(seqgen(folder, *LINES, "--steps", "60", "--name", name, "--processes", count, *SMALL))
    assert told.count("units, 60 steps") == told.count("saved as") == 1  # one alone speaks
    several = last(folder, name)
    assert_close(alone, several)
    assert several.figures["best_valid_nats"] == pytest.approx(alone.figures["best_valid_nats"], abs=1e-5)
    log = [json.loads(line) for line in (folder / "checkpoints" / name / "metrics.jsonl").read_text().splitlines()]
    # A report, and then perhaps a validation of the same step.
    written = [(record["step"], record["valid_nats"] is not None) for record in log]
    assert written == sorted(set(written))


@pytest.mark.skipif(num_cores() < 2, reason="needs two cores")
def test_auto_lets_those_train_that_were_fastest_when_tried(folder, alone):
    told = done(seqgen(folder, *LINES, "--steps", "60", "--name", "auto", "--processes", "auto", *SMALL))
    count, best, others = re.search(r"using (\d) process(?:es)? \((\d+) ms per step(.*)\)", told).groups()
    assert all(int(best) <= int(ms) for _, ms in re.findall(r"with (\d): (\d+) ms", others))
    auto = last(folder, "auto")
    assert auto.figures["processes"] == int(count)
    assert_close(alone, auto)


def test_a_run_of_two_processes_goes_on_with_one_and_says_so(folder):
    done(seqgen(folder, *LINES, "--steps", "30", "--name", "first", *SMALL, launcher=TORCHRUN))
    resumed = quick_runner(folder)("train", "--resume", "first", "--steps", "60")
    assert resumed.returncode == 0, resumed.stderr
    assert "Traceback" not in resumed.stderr
    assert "using 1 process instead of 2" in resumed.stderr
    assert last(folder, "first").figures["step"] == 60


def test_processes_go_on_when_one_of_them_is_killed(folder, alone):
    options = (*LINES, "--steps", "60", "--name", "killed", "--processes", "2")
    told = done(seqgen(folder, *options, *SMALL, **fault(1, STEP, 50, signal.SIGKILL)))
    assert "a process was killed: all 2 continue from the last saved state (restart 1 of 3)" in told
    assert_close(alone, last(folder, "killed"))


def test_a_process_killed_before_anything_is_saved_costs_nothing(folder, alone):
    """Those that wait for it are ended, and a run that others have begun is left alone, though its options agree."""
    other = folder / "checkpoints" / "other" / "last.safetensors"
    other.parent.mkdir()
    other.write_bytes(b"damaged, and the newest")
    options = (*LINES, "--steps", "60", "--name", "early", "--processes", "2")
    told = done(seqgen(folder, *options, *SMALL, **fault(1, "seqgen.training.meeting:meet", 1, signal.SIGKILL)))
    assert "a process was killed: all 2 continue from the last saved state (restart 1 of 3)" in told
    assert_close(alone, last(folder, "early"))
    shutil.rmtree(other.parent)


def test_three_processes_stopped_and_resumed_end_bit_for_bit_alike(folder):
    """A sum of three depends on the order, which torch decides while it trains."""
    options = (*LINES, "--steps", "50", "--processes", "3", "--quiet", *SMALL)
    done(seqgen(folder, *options, "--name", "three"))
    stop = fault(1, STEP, 25, signal.SIGTERM, "parent")
    stopped = processes.finish(seqgen(folder, *options, "--name", "stopped", **stop))
    assert stopped.returncode == 130, stopped.stderr
    assert 0 < last(folder, "stopped").figures["step"] < 50
    done(seqgen(folder, "--resume", "stopped", "--processes", "3"))
    mine, theirs = last(folder, "three"), last(folder, "stopped")
    for name, tensor in mine.training.items():
        assert torch.equal(tensor, theirs.training[name]), name


def driven(folder, script, *options):
    """Run two processes of a script that trains, as `--processes 2` would; return what each printed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    trainings = [
        processes.start(
            [sys.executable, "-c", script, "train", *options],
            cwd=folder,
            env=os.environ | ONE_THREAD | meeting | {"RANK": rank, "LOCAL_RANK": rank},
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
from seqgen.training.learner import _Loss
forward, rank = _Loss.forward, int(os.environ["RANK"])
def refuse(*_):
    raise torch.OutOfMemoryError("CUDA out of memory")
def refuse_more(self, inputs, *others):
    if rank == 0 and inputs.shape[1] > 1:
        refuse()
    loss, after = forward(self, inputs, *others)
    if rank == 1 and inputs.shape[1] > 2:
        loss.register_hook(refuse)  # on the way back
    else:
        print(inputs.shape[1])
    return loss, after
_Loss.forward = refuse_more
main()
"""


def test_each_process_reads_in_as_many_parts_as_its_gpu_needs(folder, alone):
    """GPUs are feigned that differ: of four streams one takes one at a time, the other two."""
    printed = driven(folder, NARROW, *LINES, "--steps", "60", "--name", "narrow-gpus", *SMALL)
    assert [set(widths.split()) for widths in printed] == [{"1"}, {"1", "2"}]
    assert_close(alone, last(folder, "narrow-gpus"))


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


def test_with_a_time_to_keep_all_do_the_same_whatever_their_clocks_say(folder):
    first, second = driven(folder, SKEWED, "--corpus", "rhyme.txt", "--time", "4s", "--name", "timed", *SMALL)
    assert first == second


def test_more_processes_than_streams_cannot_resume_a_run(folder):
    small = [*SMALL]
    small[small.index("--batch-size") + 1] = "2"
    narrow = quick_runner(folder)("train", *LINES, "--steps", "5", "--name", "narrow", *small)
    assert narrow.returncode == 0, narrow.stderr
    assert "Traceback" not in narrow.stderr
    refused = processes.finish(seqgen(folder, "--resume", "narrow", "--steps", "70", "--processes", "3"))
    assert refused.returncode == 2
    assert refused.stderr.count("--batch-size 2 cannot be divided among 3 processes: start at most 2") == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("error", "is_told"), [(ShortageError, True), (CorpusError, False)])
def test_what_befalls_one_process_alone_is_told_by_it(monkeypatch, capfd, error, is_told):
    """What all find is told by the first."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(typer.Exit), reporting():
        raise error("this is why")
    assert ("this is why" in capfd.readouterr().err) == is_told


def test_processes_take_no_module_from_the_folder_they_are_started_in(monkeypatch):
    """Where `seqgen` was started as a command, it does not, either."""
    commands = []
    monkeypatch.setattr("seqgen.training.launch.subprocess.Popen", lambda command, **_: commands.append(command))
    for path in (["/usr/lib"], ["", "/usr/lib"]):
        monkeypatch.setattr(sys, "path", path)
        _start(["train"], 0, {"WORLD_SIZE": 1})
    assert [command[1:] for command in commands] == [["-P", "-m", "seqgen", "train"], ["-m", "seqgen", "train"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_save_and_end_with_the_one_that_started_them(folder, number):
    name = f"ended-{number}"
    training = seqgen(
        folder, "--corpus", "rhyme.txt", "--steps", "100000", "--name", name, "--processes", "2", "--quiet", *SMALL
    )
    wait_for(folder / "checkpoints" / name / "metrics.jsonl", training)
    training.send_signal(number)
    processes.finish(training)  # once all of them have closed their end of the pipe
    assert training.returncode == (-number if number == signal.SIGKILL else 130)
    saved = last(folder, name)
    assert saved.figures["step"] > 0
    assert any(part.startswith("weights.") for part in saved.training)
    Run.existing(folder / "checkpoints", name, print).release()  # its lock is free


def is_pending(number, pid):
    """Tell whether a process has been sent a signal that it has not taken yet."""
    pending = re.search(r"ShdPnd:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return int(pending[1], 16) >> (number - 1) & 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_that_hang_end_with_the_third_signal(folder):
    options = ("--corpus", "rhyme.txt", "--steps", "100000", "--name", "hanging", "--processes", "2", "--quiet")
    training = seqgen(folder, *options, *SMALL)
    wait_for(folder / "checkpoints/hanging/metrics.jsonl", training)
    workers = processes.children(training.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    processes.wait_until(lambda: all(map(processes.is_stopped, workers)), training)
    training.send_signal(signal.SIGINT)
    processes.wait_until(lambda: all(is_pending(signal.SIGTERM, worker) for worker in workers), training)
    for number in (signal.SIGTERM, signal.SIGINT):  # two of one kind that come at once would count as one
        training.send_signal(number)
    assert processes.finish(training).returncode == 130


def test_the_third_signal_kills():
    sent = []
    worker = SimpleNamespace(poll=lambda: None, send_signal=sent.append)
    with _forwarding([worker]) as received:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
    assert sent == [signal.SIGTERM, signal.SIGTERM, signal.SIGKILL]
    assert received == [signal.SIGINT, signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["sys.exit(1)", "time.sleep(60)"], 1),
        (["time.sleep(60)", "os.kill(os.getpid(), signal.SIGKILL)"], -signal.SIGKILL),
        (["sys.exit(130)", "sys.exit(130)"], 130),
        (["sys.exit(0)", "time.sleep(0.5)"], 0),
    ],
)
def test_the_first_process_that_fails_decides_what_becomes_of_all(monkeypatch, ends, status):
    """One that ends by itself with an error must not look as if it had been killed, though the others then are."""
    monkeypatch.setattr("seqgen.training.launch._ENDING_SECONDS", 0.5)
    modules = "import os, signal, sys, time; "
    assert _end([subprocess.Popen([sys.executable, "-c", modules + end]) for end in ends], []) == status


def test_several_processes_prepare_the_same_corpus_as_one(folder, tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text(f"{number} " + RHYME * (1 + number % 3), encoding="utf-8")
    options = ("--corpus", str(tmp_path), "--level", "subword", "--steps", "2", *SMALL, "--vocabulary-size", "60")
    for name in ("1", "3"):
        done(seqgen(folder, *options, "--name", f"prepare{name}", "--processes", name, "--data-dir", f"data{name}"))
    one, three = (sorted((folder / name / "prepared").glob("*/*")) for name in ("data1", "data3"))
    assert [path.relative_to(folder / "data1") for path in one] == [
        path.relative_to(folder / "data3") for path in three
    ]
    assert len(one) % 7 == 0
    for mine, theirs in zip(one, three, strict=True):
        assert mine.read_bytes() == theirs.read_bytes(), theirs


HOSTS = {f"seqgen-{name}-{os.getpid()}": f"10.213.77.{number}" for number, name in enumerate("ab", 1)}


@pytest.fixture
def hosts():
    """Two network namespaces with a cable between them, each as good as a machine of its own."""

    def ip(*arguments):
        return subprocess.run(["ip", *arguments], capture_output=True, check=True)

    try:
        for host in HOSTS:
            ip("netns", "add", host)
        first, second = HOSTS
        ip("link", "add", "cable", "netns", first, "type", "veth", "peer", "name", "cable", "netns", second)
        for host, address in HOSTS.items():
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("-n", host, "link", "set", device, "up")
        yield list(HOSTS)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces: {error}")
    finally:
        for host in HOSTS if shutil.which("ip") else ():
            subprocess.run(["ip", "netns", "delete", host], capture_output=True, check=False)


def test_two_machines_go_on_when_a_process_of_one_is_killed(folder, alone, hosts, tmp_path):
    """Each has its own folder: the first alone writes a run, both prepare the corpus."""
    options = (*LINES, "--steps", "60", "--name", "hosts", *SMALL)
    trainings = []
    for host in hosts:
        place = tmp_path / host
        place.mkdir()
        shutil.copy(folder / "rhyme.txt", place)
        meeting = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{HOSTS[hosts[0]]}:29477")
        meeting += ("--rdzv-conf", f"is_host={int(host == hosts[0])}", "--local-addr", HOSTS[host])
        torchrun = ("-m", "torch.distributed.run", "--nnodes", "2", "--max-restarts", "3", *meeting)
        command = ["ip", "netns", "exec", host, sys.executable, *torchrun, "-m", "seqgen", "train", *options]
        environment = os.environ | ONE_THREAD | {"GLOO_SOCKET_IFNAME": "cable"} | fault(1, STEP, 50, signal.SIGKILL)
        trainings.append(processes.start(command, cwd=place, env=environment))
    told = [done(training) for training in trainings]
    assert "exitcode: -9" in told[1]
    assert "60 steps in" in told[0]
    assert_close(alone, last(tmp_path / hosts[0], "hosts"))
    assert not (tmp_path / hosts[1] / "checkpoints").exists()


def test_streams_are_divided_without_rest():
    for size, count in itertools.product((1, 2, 3, 5), (1, 4, 7)):
        shares = [range(count)[World(rank, size).share(count)] for rank in range(size)]
        assert list(itertools.chain(*shares)) == list(range(count))
    assert ALONE.share(5) == slice(0, 5)


def test_where_there_is_no_stream_padding_stands_in():
    batch = Batch(np.array([[1], [2]]), np.array([[2], [3]]), np.array([True]), is_whole=True)
    empty = batch.streams(slice(0, 0))
    assert empty.inputs.shape == empty.targets.shape == (2, 1)
    assert (empty.targets == PADDING).all()
    assert batch.streams(slice(0, 1)).targets.tolist() == [[2], [3]]


@pytest.mark.parametrize("processes", ["0", "-1", "two", "1.5", "²", "513", "9" * 5000])
def test_a_number_of_processes_that_is_none_is_refused(processes):
    with pytest.raises(UsageError, match="--processes must be a whole number in"):
        count_of(processes, "cpu")


def test_torchrun_alone_says_how_many_processes_there_are(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(UsageError, match="leave --processes out"):
        count_of("2", "cpu")


def test_no_two_processes_share_a_gpu(monkeypatch):
    """A GPU is feigned: each process of a machine has one of its own, or is refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert count_of("auto", "auto") == count_of("auto", "cuda") == 2
    two, three = (World(0, 6, Crew(0, size)) for size in (2, 3))
    two.check_device("cuda")
    three.check_device("cpu")
    with pytest.raises(UsageError, match=r"3 processes need as many devices, and this machine has 2 for --device cuda"):
        three.check_device("cuda")
