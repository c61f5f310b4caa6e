"""Malicious files; `make fuzz` gives every reader many more of them."""

import gzip
import os
from itertools import islice

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CheckpointError, CorpusError
from seqgen.training.run_folder import RunFolder
from tests.faults import fuzz

SLOW_READERS = {"checkpoint": 40, "state": 60}
NUM_DAMAGED = dict.fromkeys(fuzz.READERS, 200) | SLOW_READERS  # inputs
MUSICXML = fuzz.seeds(".musicxml")[0]


def packed(*parts):
    """Compress parts, each given as content and how often it comes."""
    return b"".join(gzip.compress(content * min(times, 10**6)) * -(-times // 10**6) for content, times in parts)


COSTLY = {
    "a bracket over a hundred million endings": (
        "musicxml",
        MUSICXML.replace(b"</measure>", b'<barline><ending number="1-300000000" type="start"/></barline></measure>', 1),
    ),
    "a new metre at every note": (
        "musicxml",
        MUSICXML.replace(
            b"</measure>",
            b"<attributes><time><beats>31</beats><beat-type>32</beat-type></time></attributes>" * 20_000
            + b"</measure>",
            1,
        ),
    ),
    "a long head before many tunes": ("abc", b"M:4/4\nK:C\n" + b"cdef gabc|" * 990 + b"\n" + b"X:\n" * 4_000),
    "thousands of voices with a long head": (
        "abc",
        b"X:1\n" + b"M:4/4\n" * 3000 + b"K:C\n" + b"".join(b"V:%d\nc\n" % number for number in range(4000)),
    ),
    "a new metre at every letter": ("abc", b"X:1\nK:C\n" + b"[M:31/32]" * 20_000),
    "many bars of kern": ("kern", b"**kern\n" + b"=1\n4c\n" * 5000 + b"*-\n"),
    "many notes of kern": ("kern", b"**kern\n" + b"4c\n" * 660_000),
    "many columns of kern": (
        "kern",
        b"\n".join([b"\t".join([field] * 256) for field in (b"**kern", *[b"=", b"1"] * 500)]),
    ),
    "a long expansion list of kern": ("kern", b"**kern\n*>[" + b"A," * 600_000 + b"A]\n*>A\n" + b"=\n4c\n" * 15_000),
    "a long name in kern": ("kern", b'**kern\n*I"' + b"trumpet in " * 150_000 + b"\n4c\n"),
    "a chord of many notes of kern": ("kern", b"**kern\n" + b"4c " * 100_000 + b"\n"),
    "thousands of columns of kern": ("kern", b"\t".join([b"**kern"] * 4000) + b"\n"),
    "texts of a line without end": ("gzip", packed((b"a ", 50_000_000))),
    "a record of hundreds of thousands of fields": (
        "jsonl",
        b"".join(b"{" + b",".join(b'"%d":1' % (i * 3000 + j) for j in range(3000)) + b"}\n" for i in range(100)),
    ),
}


@pytest.mark.parametrize("reader", fuzz.READERS)
def test_damaged_files_are_read_or_rejected_with_a_one_line_error(reader):
    count = NUM_DAMAGED[reader]
    assert list(islice(fuzz.fuzz(reader, seed=1), count))[-1] == count


@pytest.mark.parametrize("what", COSTLY)
def test_a_small_file_that_requires_much_work_is_read_or_rejected_within_seconds(what):
    fuzz.give(*COSTLY[what])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.gz", packed((b'"\n",', 20_000_000))),
        ("a.jsonl.gz", packed((b'"', 1), (b"a ", 15_000_000), (b'"\n', 1)) * 6),
    ],
)
def test_a_small_archive_of_very_long_records_is_read_or_rejected_within_the_memory_limit(
    tmp_path, monkeypatch, name, content
):
    monkeypatch.setitem(fuzz.READERS, "packed", (f".{name.partition('.')[2]}", fuzz.read_corpus))
    fuzz.give("packed", content)


@pytest.mark.parametrize("source", ["/dev/null", "/dev/ptmx", "/dev/zero"])
@pytest.mark.skipif(os.name == "nt", reason="devices of POSIX")
def test_a_device_is_rejected_as_a_source(source):
    with pytest.raises(CorpusError, match=f"{source} is a device, which cannot be read"):
        SplitCorpus.read(CorpusConfig(corpus=(source,)))


def test_a_pattern_that_repeats_all_folders_is_as_fast_as_a_single_one(tmp_path):
    folder = tmp_path
    for level in range(60):
        folder = folder / f"{level}"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("some text to learn from")
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "/".join(["**"] * 8) / "*.txt"),)))
    assert split_corpus.corpus.statistics.size == 23


@pytest.mark.parametrize("file", ["last.safetensors", "best.safetensors", "metrics.jsonl", "curve.png", "lock"])
@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
def test_a_run_whose_files_are_links_or_pipes_is_rejected(tmp_path, file):
    """As a run from a stranger may, to have others overwritten, or the program wait for ever."""
    run, outside = tmp_path / "runs" / "r", tmp_path / "outside"
    run.mkdir(parents=True)
    outside.write_text("precious")
    (run / "last.safetensors").write_bytes(b"")
    for make in (lambda path: path.symlink_to(outside), os.mkfifo):
        (run / file).unlink(missing_ok=True)
        make(run / file)
        with pytest.raises(CheckpointError, match=rf"{file} is a link or not a regular file|there is no run 'r'"):
            RunFolder.existing(tmp_path / "runs", "r", print)
    assert outside.read_text() == "precious"
