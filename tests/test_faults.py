"""External faults during a run; `tests/README.md` has a table of all of them."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
from filelock import FileLock

from seqgen import files
from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig
from seqgen.corpus import prepared_corpus
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import UsageError
from seqgen.training.run_folder import RunFolder
from tests import processes
from tests.conftest import RHYME, quick_runner
from tests.faults import kills

SMALL = ("--hidden-size", "16", "--embedding-size", "8", "--batch-size", "4", "--num-layers", "1")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB, if it can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def train(folder, *arguments):
    return quick_runner(folder)("train", *arguments)


def fill(disk):
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(512))


def test_killed_and_resumed_runs_end_bit_for_bit_alike(tmp_path):
    options = kills.corpora(tmp_path)["character"]
    killer = kills.run_level(tmp_path, "character", options, 2, 500, 3)
    assert killer.count >= 2


def test_a_full_disk_ends_a_run_with_a_one_line_error_and_its_last_state(small_disk, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 50, encoding="utf-8")
    begun = train(tmp_path, "--corpus", "rhyme.txt", "--steps", "5", "--checkpoints-dir", "disk", "--name", "r", *SMALL)
    assert begun.returncode == 0, begun.stderr
    best = (small_disk / "r" / "best.safetensors").read_bytes()
    fill(small_disk)
    full = train(tmp_path, "--resume", "r", "--steps", "50", "--checkpoints-dir", "disk")
    assert full.returncode == 1
    assert "could not be written: No space left on device; the last saved state is kept" in full.stderr
    assert "Traceback" not in full.stderr
    assert (small_disk / "r" / "best.safetensors").read_bytes() == best
    assert (
        Checkpoint.read(small_disk / "r" / "last.safetensors").config.budget.steps == 50
    )  # written before the last state was replaced
    (small_disk / "ballast").unlink()
    again = train(tmp_path, "--resume", "r", "--checkpoints-dir", "disk")
    assert again.returncode == 0, again.stderr
    assert Checkpoint.read(small_disk / "r" / "last.safetensors").figures["step"] == 50


def test_a_read_only_disk_is_a_one_line_error(small_disk, tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 50, encoding="utf-8")
    begun = train(tmp_path, "--corpus", "rhyme.txt", "--steps", "5", "--checkpoints-dir", "disk", "--name", "r", *SMALL)
    assert begun.returncode == 0, begun.stderr
    before = {path.name: path.read_bytes() for path in (small_disk / "r").iterdir()}
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for options in (("--resume", "r", "--steps", "50"), ("--corpus", "rhyme.txt", "--steps", "5", *SMALL)):
        refused = train(tmp_path, *options, "--checkpoints-dir", "disk")
        assert refused.returncode == 1
        assert "cannot be written: Read-only file system; choose another --checkpoints-dir" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert {path.name: path.read_bytes() for path in (small_disk / "r").iterdir()} == before


def test_a_full_disk_ends_corpus_preparation_with_a_one_line_error_and_no_files(small_disk, tmp_path):
    (tmp_path / "long.txt").write_text(RHYME * 20_000, encoding="utf-8")
    full = train(tmp_path, "--corpus", "long.txt", "--steps", "5", "--data-dir", "disk")
    assert full.returncode == 1
    assert "No space left on device; choose another --data-dir" in full.stderr
    assert "Traceback" not in full.stderr
    assert not any(path.is_file() for path in small_disk.rglob("*"))


@pytest.mark.parametrize(
    ("action", "argument"), [("log", {"step": 1}), ("rewind_log", 3), ("write_config", "seed = 1")]
)
def test_unwritable_secondary_files_are_reported_once(tmp_path, action, argument):
    messages = []
    run = RunFolder(tmp_path / "gone", messages.append)
    for _ in range(2):
        getattr(run, action)(argument)
    (message,) = messages
    assert "could not be written: No such file or directory; training continues without it" in message


@pytest.mark.parametrize(
    ("function", "file"), [("replace", "curve.png"), ("append", "metrics.jsonl"), ("replace", "config.toml")]
)
def test_a_run_finishes_if_secondary_files_cannot_be_written(tmp_path, monkeypatch, function, file):
    """The disk is full for one file only."""
    write = getattr(files, function)

    def write_unless_full(path, content):
        if path.name == file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(files, function, write_unless_full)
    (tmp_path / "rhyme.txt").write_text(RHYME * 50, encoding="utf-8")
    done = train(tmp_path, "--corpus", "rhyme.txt", "--steps", "12", *SMALL)
    assert done.returncode == 0, done.stderr
    output = " ".join(done.stderr.split())
    assert output.count(f"{file} could not be written: No space left on device; training continues without it") == 1
    assert "12 steps in" in output
    assert "saved as" in output
    assert not (tmp_path / "checkpoints" / "rhyme" / file).exists()


def test_a_failed_append_leaves_the_file_unchanged(small_disk):
    log = small_disk / "log"
    files.append(log, b"first\n")
    fill(small_disk)
    before = log.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        files.append(log, bytes(200_000))
    assert log.read_bytes() == before
    (small_disk / "ballast").unlink()
    files.append(log, b"second\n")
    assert log.read_bytes() == b"first\nsecond\n"


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path):
    first = RunFolder.create(tmp_path, "r", ["a.txt"], print, overwrite=False)
    with pytest.raises(UsageError, match="the run 'r' is being trained by another process: wait for it"):
        RunFolder.create(tmp_path, "r", ["a.txt"], print, overwrite=True)
    (tmp_path / "r" / "last.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match="is being trained by another process"):
        RunFolder.existing(tmp_path, "r", print)
    first.release()
    RunFolder.existing(tmp_path, "r", print).release()


def test_concurrent_runs_get_different_names(tmp_path):
    runs = [RunFolder.create(tmp_path, None, ["a.txt"], print, overwrite=False) for _ in range(3)]
    assert [run.name for run in runs] == ["a", "a-2", "a-3"]


def test_concurrent_preparations_of_a_corpus_share_it(tmp_path):
    (tmp_path / "a.txt").write_text(RHYME * 3, encoding="utf-8")
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "a.txt"),)))
    first = PreparedCorpus.prepare(split_corpus, tmp_path / "data")
    folder = tmp_path / "data" / "prepared" / split_corpus.fingerprint
    building = folder.with_name(".building-other")
    shutil.copytree(folder, building)
    prepared_corpus._publish(building, folder)
    assert PreparedCorpus.open(folder).train.ids.tolist() == first.train.ids.tolist()


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_interruptions_are_delayed_while_torch_is_loaded(tmp_path, number):
    """Torch ignores exceptions while it loads numpy, which would stay partly loaded."""
    (tmp_path / "torch.py").write_text(f"import os, signal\nos.kill(os.getpid(), signal.{number})\nis_whole = True\n")
    script = """
import signal, sys
from seqgen import process
for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore SIGINT
    signal.signal(number, signal.default_int_handler)
try:
    process.load_torch()
except KeyboardInterrupt:
    print(sys.modules["torch"].is_whole)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(kills.ROOT)])}
    done = processes.run([sys.executable, "-c", script], env=environment)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_unfinished_files_of_killed_processes_are_removed(tmp_path):
    prepared = tmp_path / "data" / "prepared"
    for name in (".building-killed-1", ".building-alive-2"):
        (prepared / name).mkdir(parents=True)
        (prepared / f"{name}.lock").touch()
    with FileLock(prepared / ".building-alive-2.lock"):
        (tmp_path / "a.txt").write_text(RHYME * 3, encoding="utf-8")
        split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "a.txt"),)))
        PreparedCorpus.prepare(split_corpus, tmp_path / "data")
        assert {path.name for path in prepared.iterdir()} == {
            ".building-alive-2",
            ".building-alive-2.lock",
            split_corpus.fingerprint,
        }
    run = RunFolder.create(tmp_path, "r", ["a.txt"], print, overwrite=False)
    run.release()
    for file in ("last.safetensors", ".last.safetensors.x1y2", ".metrics.jsonl.z3"):
        (run.folder / file).touch()
    RunFolder.existing(tmp_path, "r", print).release()
    assert {path.name for path in run.folder.iterdir()} == {"last.safetensors", "lock"}


def test_the_wall_clock_is_not_used():
    """The wall clock may jump; time is measured by monotonic clocks."""
    users = [
        path
        for path in (kills.ROOT / "seqgen" / "training").rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("time.time(", "datetime.now", "date.today"))
    ]
    assert users == []
