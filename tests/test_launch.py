"""Starting several processes with `--processes` and torchrun: restarts, signals and errors."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import typer

from seqgen.cli.error_messages import errors_reported
from seqgen.corpus.crew import Crew
from seqgen.errors import CorpusError, ShortageError, UsageError
from seqgen.training.distributed import World
from seqgen.training.launch import _end, _forwarding, _start, count_of
from seqgen.training.run_folder import RunFolder
from tests import processes
from tests.conftest import quick_runner
from tests.processes import fault
from tests.several import LINES, ONE_THREAD, SMALL, STEP, assert_close, done, last, train


@pytest.fixture(scope="module")
def folder(lines_folder):
    return lines_folder


def test_processes_continue_after_one_of_them_is_killed(folder, alone):
    options = (*LINES, "--steps", "60", "--name", "killed", "--processes", "2")
    output = done(train(folder, *options, *SMALL, **fault(1, STEP, 50, signal.SIGKILL)))
    assert "a process was killed: all 2 continue from the last saved state (restart 1 of 3)" in output
    assert_close(alone, last(folder, "killed"))


def test_processes_start_over_if_one_is_killed_before_the_first_save(folder, alone):
    """Waiting processes are ended, and another run with the same options is not touched."""
    other = folder / "checkpoints" / "other" / "last.safetensors"
    other.parent.mkdir()
    other.write_bytes(b"damaged, and the newest")
    options = (*LINES, "--steps", "60", "--name", "early", "--processes", "2")
    output = done(train(folder, *options, *SMALL, **fault(1, "seqgen.training.meeting:meet", 1, signal.SIGKILL)))
    assert "a process was killed: all 2 continue from the last saved state (restart 1 of 3)" in output
    assert_close(alone, last(folder, "early"))
    shutil.rmtree(other.parent)


def test_more_processes_than_streams_cannot_resume_a_run(folder):
    small = [*SMALL]
    small[small.index("--batch-size") + 1] = "1"
    narrow = quick_runner(folder)("train", *LINES, "--steps", "5", "--name", "narrow", *small)
    assert narrow.returncode == 0, narrow.stderr
    assert "Traceback" not in narrow.stderr
    refused = processes.finish(train(folder, "--resume", "narrow", "--steps", "70", "--processes", "2"))
    assert refused.returncode == 2
    assert refused.stderr.count("--batch-size 1 cannot be divided among 2 processes: start at most 1") == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("error", "is_reported"), [(ShortageError, True), (CorpusError, False)])
def test_an_error_of_one_process_is_reported_by_it(monkeypatch, capfd, error, is_reported):
    """Errors of all processes are reported by the first one."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(typer.Exit), errors_reported():
        raise error("the reason")
    assert ("the reason" in capfd.readouterr().err) == is_reported


def test_processes_do_not_import_from_the_current_folder(monkeypatch):
    """Nor does a parent that was started as the command `seqgen`."""
    commands = []
    monkeypatch.setattr("seqgen.training.launch.subprocess.Popen", lambda command, **_: commands.append(command))
    for path in (["/usr/lib"], ["", "/usr/lib"]):
        monkeypatch.setattr(sys, "path", path)
        _start(["train"], 0, {"WORLD_SIZE": 1})
    assert [command[1:] for command in commands] == [["-P", "-m", "seqgen", "train"], ["-m", "seqgen", "train"]]


def wait_for(file, training):
    """Wait until training has written to a file."""
    processes.wait_until(lambda: file.exists() and file.read_text(), training)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_processes_save_and_exit_with_their_launcher(folder, number):
    name = f"ended-{number}"
    training = train(
        folder, "--corpus", "rhyme.txt", "--steps", "100000", "--name", name, "--processes", "2", "--quiet", *SMALL
    )
    wait_for(folder / "checkpoints" / name / "metrics.jsonl", training)
    training.send_signal(number)
    processes.finish(training)  # when all processes have closed their end of the pipe
    assert training.returncode == (-number if number == signal.SIGKILL else 130)
    saved = last(folder, name)
    assert saved.figures["step"] > 0
    assert any(part.startswith("weights.") for part in saved.training)
    RunFolder.existing(folder / "checkpoints", name, print).release()  # its lock is free


def is_pending(number, pid):
    """Return whether a signal of a process is pending."""
    pending = re.search(r"ShdPnd:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return int(pending[1], 16) >> (number - 1) & 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_third_signal_ends_processes_that_hang(folder):
    options = ("--corpus", "rhyme.txt", "--steps", "100000", "--name", "hanging", "--processes", "2", "--quiet")
    training = train(folder, *options, *SMALL)
    wait_for(folder / "checkpoints/hanging/metrics.jsonl", training)
    workers = processes.children(training.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    processes.wait_until(lambda: all(map(processes.is_stopped, workers)), training)
    training.send_signal(signal.SIGINT)
    processes.wait_until(lambda: all(is_pending(signal.SIGTERM, worker) for worker in workers), training)
    for number in (signal.SIGTERM, signal.SIGINT):  # two pending signals with the same number count as one
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
def test_the_first_failure_determines_the_exit_status(monkeypatch, ends, status):
    """A process that fails must not look killed, although the others are killed then."""
    monkeypatch.setattr("seqgen.training.launch._ENDING_SECONDS", 0.5)
    modules = "import os, signal, sys, time; "
    assert _end([subprocess.Popen([sys.executable, "-c", modules + end]) for end in ends], []) == status


HOSTS = {f"seqgen-{name}-{os.getpid()}": f"10.213.77.{number}" for number, name in enumerate("ab", 1)}


@pytest.fixture
def hosts():
    """Two connected network namespaces, which act as two machines."""

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


def test_two_machines_continue_after_a_process_of_one_is_killed(folder, alone, hosts, tmp_path):
    """Each machine has its own folder: only the first writes a run, both prepare the corpus."""
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
    outputs = [done(training) for training in trainings]
    assert "exitcode: -9" in outputs[1]
    assert "60 steps in" in outputs[0]
    assert_close(alone, last(tmp_path / hosts[0], "hosts"))
    assert not (tmp_path / hosts[1] / "checkpoints").exists()


@pytest.mark.parametrize("processes", ["0", "-1", "two", "1.5", "²", "513", "9" * 5000])
def test_an_invalid_number_of_processes_is_rejected(processes):
    with pytest.raises(UsageError, match="--processes must be a whole number in"):
        count_of(processes)


def test_processes_cannot_be_given_with_torchrun(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    with pytest.raises(UsageError, match="omit --processes"):
        count_of("2")


def test_no_two_processes_share_a_gpu(monkeypatch):
    """Each process on a machine needs its own GPU (simulated here)."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    two, three = (World(0, 6, Crew(0, size)) for size in (2, 3))
    two.check_device("cuda")
    three.check_device("cpu")
    with pytest.raises(UsageError, match=r"3 processes need 3 devices, but this machine has 2 for --device cuda"):
        three.check_device("cuda")
