"""Fuzz tests: every reader reads a damaged or malicious file, or rejects it with a one-line error.

    python -m tests.faults.fuzz --minutes 10 [READER ...]

Inputs are damaged copies of valid files; damaged checkpoints get a valid checksum. A reader may raise only the
exceptions of its docstring, must return within seconds, must not allocate unbounded memory, and must leave no
files behind.
"""

import argparse
import atexit
import bz2
import gzip
import io
import itertools
import json
import lzma
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import soundfile
import tomli_w
import typer
from PIL import Image

from seqgen import checkpoint as checkpoints
from seqgen.api import Model
from seqgen.checkpoint import Checkpoint
from seqgen.cli.options import defaults_from_file
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    ModelConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.corpus.signals import kind_of_suffix
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.encoders import signal_class
from seqgen.errors import SeqgenError
from seqgen.levels.base import Level, TextLevel
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from seqgen.levels.subword import SubwordLevel
from seqgen.levels.word import WordLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.read import read
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.write import rendered
from seqgen.runs import LAST
from seqgen.training.figures import Figures
from seqgen.training.session import Session
from tests.conftest import resolved
from tests.midi_bytes import riff
from tests.scores import random_melody

SECONDS = 20  # of CPU time per input
WALL_SECONDS = 600  # of elapsed time per input
MEMORY = 3 << 30  # in addition to what was used before
TEXT = "Baa, baa, black sheep, have you any wool?\nÄ ö € 音楽\n" * 3
ABC = "X:1\nT:a\nM:6/8\nL:1/8\nK:Gm\n|:G2A B2c|(3ABc d3 e>f|1 [CEG]4 z2:|2 _B,,2 ^f'3/2 {g}a/|]\nw:la la\n"
KERN = """**kern **kern **text
*Ipiano *Ipiano *
*>[A,A,B] *>[A,A,B] *
*>A *>A *
*M3/4 *M3/4 *
*MM90 *k[b-e-] *
=1 =1 =1
4c [4e la
*^ * *
2d 4C 8f] .
. . 4.gq .
. 4D 12.b-@16@ .
*x *x * *
*v *v * *
*>B *>B *
=2:|! =2:|! =2
0%3c 2.r .
*+ * *
*- **kern *- *-
2.ccc#
==
*-
"""
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)
STRANGE = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"9999999999", b"-1", b"\x1b[2J", b"<", b'"', b"1e999", b"[" * 5000)


class TooSlowError(BaseException):
    """An input took longer than allowed."""


def seeds(suffix: str) -> list[bytes]:
    """Return valid files of a format."""
    if suffix == ".rmi":
        return [riff(content) for content in seeds(".mid")]
    if suffix in (".mid", ".musicxml", ".abc"):
        drums = track_of([Note(6 * place, 6, 36 + place % 9) for place in range(16)], is_drum=True)
        band = Score((Bar(3, 4, -2), Bar(4, 4, 1), Bar(2, 4), *6 * [Bar()]), (random_melody(2).tracks[0], drums))
        if suffix == ".abc":
            return [rendered(random_melody(1), suffix), ABC.encode()]
        return [rendered(score, suffix) for score in (random_melody(1), band, band[:2])]
    records = "".join(json.dumps({"text": line, "n": 1}) + "\n" for line in TEXT.splitlines())
    table = "text,n\n" + "".join(f'"{line}",1\n' for line in TEXT.splitlines())
    return {
        ".txt": [TEXT.encode(), TEXT.encode("utf-16"), TEXT.encode("latin-1", "replace")],
        ".json": [json.dumps([json.loads(line) for line in records.splitlines()], indent=1).encode()],
        ".jsonl": [records.encode()],
        ".csv": [table.encode()],
        ".tsv": [table.replace(",", "\t").encode()],
        ".gz": [gzip.compress(TEXT.encode())],
        ".bz2": [bz2.compress(TEXT.encode())],
        ".xz": [lzma.compress(TEXT.encode())],
        ".zip": [zipped({"a.txt": TEXT.encode(), "../outside.txt": TEXT.encode()})],
        ".mxl": [zipped({"a.xml": rendered(random_melody(1), ".musicxml")}, kind) for kind in PACKINGS],
        ".toml": [tomli_w.dumps(TrainOptions(corpus=CorpusConfig(corpus=("a.txt",))).to_flat()).encode()],
        ".png": [image(mode, "PNG") for mode in ("L", "RGBA", "P", "1")],
        ".jpg": [image("RGB", "JPEG")],
        ".gif": [image("P", "GIF")],
        ".tif": [image("RGB", "TIFF")],
        ".wav": [recording("WAV", subtype) for subtype in ("PCM_16", "FLOAT", "PCM_24")],
        ".flac": [recording("FLAC", "PCM_16")],
        ".mp3": [recording("MP3", None)],
        ".inkml": [b"<ink><trace>1 2, 3 4 5, 6 7</trace><trace>1 2</trace></ink>", b"[[[1, 2], [3.5, 4]], [[5, 6]]]"],
        ".krn": [KERN.replace(" ", "\t").encode()],
    }[suffix]


def image(mode: str, kind: str) -> bytes:
    """Return an image."""
    file = io.BytesIO()
    pixels = bytes(random.Random(1).choices(range(256), k=60 * 30))
    Image.frombytes("L", (60, 30), pixels).convert(mode).save(file, kind)
    return file.getvalue()


def recording(kind: str, subtype: str | None) -> bytes:
    """Return a recording."""
    file = io.BytesIO()
    soundfile.write(file, [random.Random(1).uniform(-1, 1) for _ in range(2000)], 8000, format=kind, subtype=subtype)
    return file.getvalue()


def zipped(files: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", packing) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return archive.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return the content with a few bytes changed, deleted, repeated, moved or inserted."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place, other = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
        first, last = min(place, other), max(place, other)
        match chance.randrange(7):
            case 0:
                data[place : place + 1] = bytes([chance.randrange(256)])
            case 1 if place < len(data):
                data[place] ^= 1 << chance.randrange(8)
            case 2:
                del data[first : min(last, first + chance.randrange(1, 64))]
            case 3:
                data[place:place] = data[first : min(last, first + 256)] * chance.choice((1, 2, 100))
            case 4:
                del data[place:]
            case 5:
                data[place:place] = chance.choice(STRANGE)
            case _:
                data[place : place + 4] = chance.randbytes(4)
    return bytes(data)


def read_music(name: str, content: bytes, folder: Path) -> None:
    """Read a file of music; errors are returned, not raised."""
    for _ in read(name, content):
        pass


def read_corpus(name: str, content: bytes, folder: Path) -> None:
    """Read a file as a corpus with all of its documents."""
    path = folder / name
    path.write_bytes(content)
    for _, document in SplitCorpus.read(CorpusConfig(corpus=(str(path),))).documents():
        for _ in document.chunks():
            pass


def read_signal(name: str, content: bytes, folder: Path) -> None:
    """Encode an image, a recording or strokes."""
    kind = signal_class(kind_of_suffix(Path(name).suffix))
    kind.check(content)
    kind.fit([[content]], CorpusConfig()).rows(content)


def read_config(name: str, content: bytes, folder: Path) -> None:
    """Read a configuration."""
    path = folder / name
    path.write_bytes(content)
    defaults_from_file(typer.Context(typer.main.TyperCommand("train")), path)


def read_checkpoint(name: str, content: bytes, folder: Path) -> None:
    """Read a checkpoint and sample from its model."""
    loaded = Checkpoint.of(content, folder / name)
    Figures.from_json(loaded.figures)
    model = Model(loaded, "cpu")
    if isinstance(loaded.level, NoteLevel):
        for score in model.compose(length=40, bars=2):
            rendered(score, ".mid")
    else:
        model.sample(length=20)


@cache
def interrupted_run() -> tuple[Path, FoldersConfig]:
    """Return the newest state of a run that was interrupted after a few steps, and its folders."""
    folder = Path(tempfile.mkdtemp(prefix="seqgen-fuzz-"))
    atexit.register(shutil.rmtree, folder)
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(folder / "text.txt"),)),
        model=ModelOptions(num_layers=2, hidden_size=4, embedding_size=3),
        optimization=OptimizationOptions(batch_size=2, sequence_length=4),
        budget=BudgetConfig(steps=10**6),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder / "runs"), data_dir=str(folder))
    trainer = Session(folders, lambda *_, **__: None).start(requested, "run", overwrite=True)
    assert trainer is not None
    few = iter([False, False, False])
    for _ in trainer.train(lambda: next(few, True)):
        pass
    return folder / "runs" / "run" / LAST, folders


def read_state(name: str, content: bytes, folder: Path) -> None:
    """Resume a run and stop it immediately."""
    last, folders = interrupted_run()
    last.write_bytes(content)
    with suppress(OSError):  # a source that is not a file name; the command line prints a one-line error
        trainer = Session(folders, lambda *_, **__: None).resume("run")
        for _ in trainer.train(lambda: True) if trainer is not None else ():
            pass


def checkpoint_of(level: Level) -> bytes:
    """Return a valid checkpoint."""
    config = resolved(ModelConfig(num_layers=1, hidden_size=4, embedding_size=3))
    figures = {"step": 3, "best_valid_nats": 1.5}
    weights = LanguageModel(config.model, level.vocabulary_size, num_factors=level.num_factors).state_dict()
    for tensor in weights.values():
        tensor.normal_(std=0.1)
    with tempfile.TemporaryDirectory() as folder:
        Checkpoint(TrainOptions(), config, level, [0, 1], True, "0123", figures, weights).write(Path(folder, "a"))
        return Path(folder, "a").read_bytes()


def checkpoints_of_all_levels() -> list[bytes]:
    """Return a valid checkpoint per level."""
    texts: tuple[type[TextLevel], ...] = (CharacterLevel, WordLevel, SubwordLevel)
    levels = [kind.fit([[TEXT]], CorpusConfig()) for kind in texts]
    return [checkpoint_of(level) for level in (*levels, NoteLevel.fit([[random_melody(1)]], CorpusConfig()))]


def resealed(content: bytes, chance: random.Random) -> bytes:
    """Return a checkpoint with one change in its description or that of its tensors, and a valid checksum."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    description = json.loads(header["__metadata__"]["seqgen"])
    del description["checksum"]
    tensors = {name: header.pop(name) for name in list(header) if name != "__metadata__"}
    change(description if chance.random() < 0.8 else tensors, chance)
    header["__metadata__"]["seqgen"] = json.dumps({"checksum": "0" * 32} | description)
    header |= tensors
    encoded = json.dumps(header).encode()
    data = bytearray(len(encoded).to_bytes(8, "little") + encoded + content[8 + length :])
    place = checkpoints._checksum_place(data)
    data[place : place + 32] = checkpoints._checksum(data).encode()
    return bytes(data)


def change(value: Any, chance: random.Random) -> None:
    """Change a random value inside a list or an object."""
    while isinstance(value, dict | list) and value:
        key = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if not isinstance(value[key], dict | list) or not value[key] or chance.random() < 0.2:
            numbers, others = (True, -1, 10**9, 10**30, 1.5, float("nan")), (None, [], [[]], {}, {"a": 1})
            value[key] = chance.choice((*numbers, *others, "", "\x1b[2J", "a" * 10_000))
            return
        value = value[key]


READERS: dict[str, tuple[str, Callable[[str, bytes, Path], None]]] = {
    "midi": (".mid", read_music),
    "rmi": (".rmi", read_music),
    "musicxml": (".musicxml", read_music),
    "mxl": (".mxl", read_music),
    "abc": (".abc", read_music),
    "kern": (".krn", read_music),
    "text": (".txt", read_corpus),
    "json": (".json", read_corpus),
    "jsonl": (".jsonl", read_corpus),
    "csv": (".csv", read_corpus),
    "tsv": (".tsv", read_corpus),
    "gzip": (".gz", read_corpus),
    "bzip2": (".bz2", read_corpus),
    "xz": (".xz", read_corpus),
    "zip": (".zip", read_corpus),
    "png": (".png", read_signal),
    "jpeg": (".jpg", read_signal),
    "gif": (".gif", read_signal),
    "tiff": (".tif", read_signal),
    "wav": (".wav", read_signal),
    "flac": (".flac", read_signal),
    "mp3": (".mp3", read_signal),
    "strokes": (".inkml", read_signal),
    "config": (".toml", read_config),
    "checkpoint": (".safetensors", read_checkpoint),
    "state": (".safetensors", read_state),
}

SEALED = {"checkpoint": checkpoints_of_all_levels, "state": lambda: [interrupted_run()[0].read_bytes()]}


def give(reader: str, content: bytes) -> None:
    """Read a file with a reader.

    Raises:
        Exception: the reader raised an unexpected exception, took too long, used too much memory or wrote a file.
    """
    suffix, take = READERS[reader]
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, _too_slow)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer, "inner")
        folder.mkdir()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
        try:
            with suppress(SeqgenError):
                take(f"a{suffix}", content, folder)
        finally:
            for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
                signal.setitimer(timer, 0)
        assert {path.name for path in Path(outer).rglob("*")} <= {"inner", f"a{suffix}"}
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


def fuzz(reader: str, seed: int) -> Iterator[int]:
    """Read damaged files without end, and yield their number so far.

    Raises:
        Exception: see `give`; the input is saved in the temporary folder.
    """
    suffix, _ = READERS[reader]
    chance = random.Random(seed)
    good = seeds(suffix) if reader not in SEALED else SEALED[reader]()
    for count in itertools.count(1):
        some = chance.choice(good)
        content = resealed(some, chance) if reader in SEALED and chance.random() < 0.9 else damaged(some, chance)
        try:
            give(reader, content)
        except BaseException:
            saved = Path(tempfile.gettempdir(), f"seqgen-fuzz{suffix}")
            saved.write_bytes(content)
            print(f"{reader}: input {count} of seed {seed} is saved in {saved}", file=sys.stderr)
            raise
        yield count


def _too_slow(*_: object) -> None:
    raise TooSlowError


def main() -> None:
    """Fuzz the readers, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", metavar="READER", default=list(READERS))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    for reader in chosen.readers or READERS:
        end = time.monotonic() + 60 * chosen.minutes
        count = next(count for count in fuzz(reader, chosen.seed) if time.monotonic() > end)
        print(f"{reader}: {count:,} inputs", flush=True)


if __name__ == "__main__":
    main()
