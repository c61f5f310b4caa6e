"""Preparing a corpus: against a loop with a dictionary, by level and unit, and ten gigabytes in bounded memory."""

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from seqgen.config import CorpusConfig
from seqgen.corpus import builtin
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.corpus.text_file import CHUNK_BYTES
from seqgen.evaluation.ngram import MAX_TOKENS, NgramModel
from seqgen.levels.character import CharacterLevel
from tests.benchmarks.measure import in_pairs, row

SMALL, LARGE = 20_000_000, 10_000_000_000  # bytes
REPETITIONS = 3
OPTIONS: tuple[dict[str, str], ...] = (
    {"level": "character"},
    {"level": "character", "document": "line"},
    {"level": "character", "document": "paragraph"},
    {"level": "word"},
    {"level": "word", "document": "line"},
    {"level": "subword"},
    {"level": "subword", "document": "line"},
)

# Runs the command and tells its peak resident memory, that of its process alone.
_MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
sys.stdout.write(done.stderr)
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def main() -> None:
    encoding()
    with tempfile.TemporaryDirectory(prefix="seqgen-bench-") as folder:
        preparing(Path(folder))
        rates(Path(folder))
    with tempfile.TemporaryDirectory(prefix="seqgen-bench-") as folder:
        large(Path(folder))


def encoding() -> None:
    """Compare characters to ids in memory."""
    text = "".join(file.open_bytes().read().decode() for file in builtin.files("python-source"))
    chunks = [text[start : start + CHUNK_BYTES] for start in range(0, len(text), CHUNK_BYTES)]
    level = CharacterLevel.fit([chunks], CorpusConfig())
    ids = {character: i for i, character in enumerate(level.alphabet)}
    mine, theirs, ratio = in_pairs(
        lambda: [level.encode(chunk) for chunk in chunks],
        lambda: [[ids[character] for character in chunk] for chunk in chunks],
    )
    megabytes = len(text.encode("utf-8")) / 1e6
    row("encode characters", f"{megabytes / mine:.0f} MB/s", f"a dictionary: {megabytes / theirs:.0f} MB/s", ratio)


def preparing(folder: Path) -> None:
    """Compare a corpus on disk to a prepared one on disk."""
    source = folder / "corpus.txt"
    write_text(source, SMALL)

    def ours() -> None:
        shutil.rmtree(folder / "data", ignore_errors=True)
        PreparedCorpus.prepare(SplitCorpus.read(CorpusConfig(corpus=(str(source),))), folder / "data")

    def loop() -> None:
        text = source.read_text(encoding="utf-8")
        numbers = {character: number for number, character in enumerate(sorted(set(text)))}
        ids = []
        for character in text:
            ids.append(numbers[character])  # noqa: PERF401  # the loop that is meant
        np.array(ids, dtype=np.uint16).tofile(folder / "ids.bin")

    mine, theirs, ratio = in_pairs(ours, loop)
    rates = f"{SMALL / 1e6 / mine:.0f} MB/s", f"a dictionary loop: {SMALL / 1e6 / theirs:.0f} MB/s"
    row(f"prepare {SMALL / 1e6:.0f} MB of characters", *rates, ratio)


def rates(folder: Path) -> None:
    """Measure what --document line, the levels and the n-grams take, with machine code loaded, in time of the CPU."""
    source = folder / "corpus.txt"
    write_text(source, SMALL)
    for options in OPTIONS:
        name = options["level"] + (f", each {options['document']} a document" if "document" in options else "")
        taken = median(_preparation(source, folder, options) for _ in range(1 + REPETITIONS))
        row(f"prepare {name}", f"{SMALL / 1e6 / taken:.0f} MB/s", "of CPU time")
    for level in ("character", "word"):
        corpus = PreparedCorpus.prepare(
            SplitCorpus.read(CorpusConfig(corpus=(str(source),), level=level)), folder / "ngrams"
        )
        times = [_ngrams(corpus) for _ in range(1 + REPETITIONS)][1:]
        for task, size, taken in zip(
            ("count", "score"),
            (len(corpus.train.ids), len(corpus.valid.ids)),
            map(median, zip(*times, strict=True)),
            strict=True,
        ):
            row(
                f"{task} n-grams of {level}s, order 6",
                f"{min(size, MAX_TOKENS) / 1e6 / taken:.1f} million tokens/s",
                "of CPU time",
            )


def _preparation(source: Path, folder: Path, options: dict[str, str]) -> float:
    begun = time.process_time()
    PreparedCorpus.prepare(SplitCorpus.read(CorpusConfig(corpus=(str(source),), **options)), folder / "data")
    taken = time.process_time() - begun
    shutil.rmtree(folder / "data")
    return taken


def _ngrams(corpus: PreparedCorpus) -> tuple[float, float]:
    begun = time.process_time()
    model = NgramModel.fit(corpus.train)
    counted = time.process_time()
    model.scores(corpus.valid)
    return counted - begun, time.process_time() - counted


def large(folder: Path) -> None:
    """Prepare a large corpus and begin to train on it, by the command line."""
    size = min(LARGE, shutil.disk_usage(folder).free // 3)
    source = folder / "large.txt"
    write_text(source, size)
    train = [sys.executable, "-m", "seqgen", "train", "--corpus", str(source), "--hidden-size", "512"]
    train += ["--steps", "20", "--data-dir", str(folder / "data"), "--checkpoints-dir", str(folder / "runs")]
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _MEASURED, *train], capture_output=True, text=True, check=True)
    elapsed = time.perf_counter() - begun
    peak = int(re.findall(r"peak (\d+)", done.stdout)[-1]) * 1024 / 1e6
    row(f"prepare {size / 1e9:.0f} GB and do 20 steps", f"{size / 1e6 / elapsed:.0f} MB/s", f"peak {peak:.0f} MB")


def write_text(path: Path, size: int) -> None:
    """Write words in lines, drawn at random in blocks, up to a number of bytes."""
    generator = random.Random(1)
    words = " ".join(file.open_bytes().read().decode() for file in builtin.files("python-docs")).split()
    blocks = [
        "".join(" ".join(generator.choices(words, k=12)) + "\n" for _ in range(10_000)).encode() for _ in range(16)
    ]
    written = 0
    with path.open("wb") as file:
        while written < size:
            written += file.write(generator.choice(blocks)[: size - written])
