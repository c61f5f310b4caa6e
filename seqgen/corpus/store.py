"""The prepared corpus: documents as token ids in memory-mapped files, reused by later runs.

    data/prepared/FINGERPRINT/train.ids      the documents' ids, one after the other
    data/prepared/FINGERPRINT/train.offsets  where each document begins, and the end of the last (64-bit integers)
    data/prepared/FINGERPRINT/train.counts   about how often each token is predicted (64-bit integers)
    data/prepared/FINGERPRINT/valid.*        the same for the validation part
    data/prepared/FINGERPRINT/store.json     the level, and how much text each part holds

Every document begins with the start token, and ends with the end token unless it was cut.
"""

import json
import os
import shutil
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.crew import ALONE, Crew
from seqgen.corpus.plan import Plan, TrainingTexts
from seqgen.corpus.split import PARTS, TRAIN, VALID, Piece
from seqgen.errors import CorpusError
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import Content, IdCounter, Ids, Level

_BUFFERED = 1 << 20  # tokens and offsets collected before they are written: documents may be a few tokens long


@dataclass(frozen=True)
class Part:
    """Encoded documents.

    Attributes:
        ids: token ids of all documents, shape (tokens,), memory-mapped.
        offsets: document i is `ids[offsets[i]:offsets[i + 1]]`, shape (documents + 1,), memory-mapped.
        counts: how often each token is a target, shape (vocabulary,); in a large part, of a sample of it.
        extent: how much text they stand for, in the units that the level counts.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    extent: Mapping[str, float]

    @property
    def num_documents(self) -> int:
        """How many documents there are."""
        return len(self.offsets) - 1

    @property
    def num_targets(self) -> int:
        """How many tokens are predicted: all but the start tokens."""
        return len(self.ids) - self.num_documents

    @property
    def unseen(self) -> list[int]:
        """The tokens that are never a target: no model of this part can have learned when they come."""
        return np.flatnonzero(self.counts == 0).tolist()

    @classmethod
    def open(cls, folder: Path, name: str, level: Level, extent: Mapping[str, float]) -> Self:
        """Map the files that a `PartWriter` made.

        Raises:
            ValueError: a file is not as long as it was written.
        """
        ids, offsets = (
            np.memmap(folder / f"{name}.{array}", dtype=dtype, mode="r")
            for array, dtype in (("ids", level.dtype), ("offsets", np.dtype(np.int64)))
        )
        counts = np.fromfile(folder / f"{name}.counts", dtype=np.int64)
        if len(ids) != offsets[-1] or len(counts) != level.vocabulary_size:
            raise ValueError(f"{name}.ids holds {len(ids)} tokens instead of {offsets[-1]}")
        return cls(ids, offsets, counts, extent)


class PartWriter:
    """Encodes documents into the files of a part; use it as a context manager.

    Args:
        folder: where the files are made.
        name: what their names begin with.
        level: encodes the documents.
    """

    def __init__(self, folder: Path, name: str, level: Level) -> None:
        self.extent: defaultdict[str, float] = defaultdict(float)
        self.size = 0  # without the endings
        self._path = folder / name
        self._level = level
        self._counter = IdCounter(level.vocabulary_size)
        self._num_tokens = 0
        self._start, self._end = (np.array([token], dtype=level.dtype) for token in (level.START, level.END))
        self._pending: list[Ids] = []
        self._num_pending = 0
        self._offsets = array("q", [0])

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._ids_file, self._offsets_file = (
            self._open.enter_context(self._path.with_name(f"{self._path.name}.{kind}").open("wb"))
            for kind in ("ids", "offsets")
        )
        self._disk = self._open.enter_context(ThreadPoolExecutor(1))  # the disk is kept busy while more is encoded
        self._written = self._disk.submit(int)
        return self

    def __exit__(self, *error: object) -> None:
        with self._open:
            if error == (None, None, None):
                self._flush()
                self._written.result()
                self._counter.counts[self._level.START] = 0  # begins every document, and is never predicted
                self._counter.counts.tofile(self._path.with_name(f"{self._path.name}.counts"))

    def add(self, piece: Piece) -> None:
        """Encode a document, or what was cut of one."""
        self._take(self._start)
        encoder = self._level.encoder()
        for chunk in piece.chunks():
            self._take(encoder.feed(chunk))
            self._measure(chunk)
            self.size += len(chunk)
        self._take(encoder.finish())
        if piece.is_ended:
            self._take(self._end)
            if piece.document.ending:
                self._measure(piece.document.ending)
        self._offsets.append(self._num_tokens)

    def append(self, folder: Path, share: Mapping[str, Any]) -> None:
        """Take over what another process has encoded of the documents that follow.

        Args:
            folder: where its writer of this part has left its files.
            share: the `size` and `extent` of that writer.
        """
        path, before = folder / self._path.name, self._num_tokens
        with path.with_name(f"{path.name}.ids").open("rb") as file:
            while data := file.read(_BUFFERED * self._level.dtype.itemsize):
                self._take(np.frombuffer(data, self._level.dtype))
        offsets = np.fromfile(path.with_name(f"{path.name}.offsets"), dtype=np.int64)
        self._offsets.extend((offsets[1:] + before).tolist())
        self.size += share["size"]
        for unit, amount in share["extent"].items():
            self.extent[unit] += amount

    def _measure(self, content: Content) -> None:
        for unit, amount in self._level.extent(content).items():
            self.extent[unit] += amount

    def _take(self, ids: Ids) -> None:
        self._pending.append(ids)
        self._num_pending += len(ids)
        self._num_tokens += len(ids)
        if self._num_pending >= _BUFFERED or len(self._pending) >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        ids = np.concatenate(self._pending) if self._pending else np.empty(0, self._level.dtype)
        self._written.result()
        self._written = self._disk.submit(self._ids_file.write, ids.data)
        self._counter.add(ids)
        self._offsets_file.write(self._offsets.tobytes())
        self._pending, self._num_pending, self._offsets = [], 0, array("q")


@dataclass(frozen=True)
class Store:
    """A prepared corpus."""

    level: Level
    train: Part
    valid: Part
    fingerprint: str

    def varied(self, variants: NDArray[np.int64] | None) -> Self:
        """Return the store with its training counts as they are when the tokens vary, see `Level.variants`."""
        if variants is None:
            return self
        counts = np.zeros_like(self.train.counts)
        for variant in variants:
            np.add.at(counts, variant, self.train.counts)
        return replace(self, train=replace(self.train, counts=counts))

    @classmethod
    def prepare(cls, plan: Plan, data_dir: Path, crew: Crew = ALONE) -> Self:
        """Return the corpus from the folder of its fingerprint, which is made where it is not there yet.

        Args:
            plan: what goes where.
            data_dir: where prepared corpora are kept.
            crew: the processes that make it together, all with this plan.

        Raises:
            CorpusError: the folder cannot be written.
        """
        folder = prepared(data_dir, plan.fingerprint)
        try:
            if not crew.told(lambda: b"there" if cls.is_whole(folder) else b""):
                _build(plan, folder, crew)
            return cls.open(folder)
        except OSError as error:
            raise CorpusError(
                f"the prepared corpus cannot be kept in {folder}: {error.strerror}; choose another --data-dir"
            ) from error

    @classmethod
    def is_whole(cls, folder: Path) -> bool:
        """Tell whether a folder holds a store that can be opened."""
        with suppress(FileNotFoundError, ValueError, KeyError):
            cls.open(folder)
            return True
        return False

    @classmethod
    def kept(cls, data_dir: Path, fingerprint: str) -> Self:
        """Return a corpus that was prepared before.

        Raises:
            CorpusError: it is not there any more.
        """
        folder = prepared(data_dir, fingerprint)
        try:
            return cls.open(folder)
        except (OSError, ValueError, KeyError) as error:
            raise CorpusError(
                f"the corpus came from standard input, and what was kept of it in {folder} is gone or damaged"
            ) from error

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map a store that is there.

        Raises:
            FileNotFoundError: it is not.
            ValueError: it is not whole.
        """
        content = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        level = level_from_json(content["level"])
        train, valid = (Part.open(folder, name, level, content[name]) for name in (TRAIN, VALID))
        return cls(level, train, valid, folder.name)


def prepared(data_dir: Path, fingerprint: str) -> Path:
    """Return the folder of a corpus."""
    return data_dir / "prepared" / fingerprint


def _build(plan: Plan, folder: Path, crew: Crew) -> None:
    """Write the store beside its place, then rename it, so that it is whole or not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = crew.told(lambda: f".building-{folder.name}-{os.getpid()}".encode()).decode()
    building = folder.with_name(name)
    building.mkdir(exist_ok=True)
    try:
        level = _level(plan, crew)
        if crew.is_first:
            _encode(plan, level, building, crew)
            _put(building, folder)
        else:
            _help_to_encode(plan, level, building / str(crew.rank), crew)
        crew.wait()
    finally:
        if crew.is_first:
            shutil.rmtree(building, ignore_errors=True)


def _level(plan: Plan, crew: Crew) -> Level:
    """Return the level, which the first process fits."""
    if crew.is_first:
        level = plan.level or level_class(plan.config.level).fit(TrainingTexts(plan), plan.config)
        crew.told(lambda: json.dumps(level.to_json()).encode())
        return level
    return level_from_json(json.loads(crew.told(bytes)))


def _encode(plan: Plan, level: Level, building: Path, crew: Crew) -> None:
    """Encode the first process' share of the files, and put those of the others behind it."""
    with ExitStack() as stack:
        writers = {part: stack.enter_context(PartWriter(building, part, level)) for part in PARTS}
        for part, piece in plan.share(crew).pieces():
            writers[part].add(piece)
        for rank in range(1, crew.size):
            share = json.loads(crew.told(bytes, by=rank))
            if "error" in share:
                raise OSError(share["errno"], share["error"]) if "errno" in share else CorpusError(share["error"])
            for part, writer in writers.items():
                writer.append(building / str(rank), share[part])
            shutil.rmtree(building / str(rank))
    if sum(writer.size for writer in writers.values()) != plan.size:
        raise CorpusError("the corpus has changed while it was being read: once it is at rest, try again")
    content = {"level": level.to_json(), **{part: writer.extent for part, writer in writers.items()}}
    (building / "store.json").write_text(json.dumps(content), encoding="utf-8")


def _help_to_encode(plan: Plan, level: Level, folder: Path, crew: Crew) -> None:
    """Encode this process' share of the files, and tell the first what has come of it."""
    share: dict[str, Any] = {}
    try:
        folder.mkdir()
        with ExitStack() as stack:
            writers = {part: stack.enter_context(PartWriter(folder, part, level)) for part in PARTS}
            for part, piece in plan.share(crew).pieces():
                writers[part].add(piece)
        share = {part: {"size": writer.size, "extent": writer.extent} for part, writer in writers.items()}
    except CorpusError as error:
        share = {"error": str(error)}
    except OSError as error:
        share = {"error": error.strerror, "errno": error.errno}
    for rank in range(1, crew.size):
        crew.told(lambda: json.dumps(share).encode(), by=rank)


def _put(building: Path, folder: Path) -> None:
    """Move what was built to its place, unless another process was sooner with the same."""
    with suppress(OSError):
        building.replace(folder)
        return
    with suppress(FileNotFoundError, ValueError, KeyError):
        Store.open(folder)
        return
    shutil.rmtree(folder)  # was there, but could not be opened
    building.replace(folder)


@contextmanager
def encoded(level: Level, pieces: Iterable[Piece]) -> Iterator[Part]:
    """Lend the pieces as a part whose files are gone afterwards.

    Raises:
        CorpusError: there is no room for them.
    """
    with tempfile.TemporaryDirectory(prefix="seqgen-", ignore_cleanup_errors=True) as folder:
        try:
            with PartWriter(Path(folder), "part", level) as writer:
                for piece in pieces:
                    writer.add(piece)
        except OSError as error:
            raise CorpusError(f"the text cannot be encoded in {folder}: {error.strerror}; see TMPDIR") from error
        yield Part.open(Path(folder), "part", level, writer.extent)
