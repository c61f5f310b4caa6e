"""The prepared corpus, on the disk and reused by later runs.

data/prepared/FINGERPRINT/train.*     the training part, see `part.py`
data/prepared/FINGERPRINT/valid.*     the validation part
data/prepared/FINGERPRINT/store.json  the level, and how much text each part holds
"""

import json
import os
import shutil
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from seqgen.corpus.crew import ALONE, Crew
from seqgen.corpus.part import Part, PartWriter
from seqgen.corpus.plan import Plan, TrainingTexts
from seqgen.corpus.split import PARTS, TRAIN, VALID
from seqgen.errors import CorpusError, SeqgenError
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import Level

_BUILDING, _LOCK = ".building-", ".lock"  # around what is being built: its own folder, and beside it a lock


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
            store = cls.open(folder)
        except OSError as error:
            raise CorpusError(
                f"the prepared corpus cannot be kept in {folder}: {error.strerror}; choose another --data-dir"
            ) from error
        if not store._is_as_large_as(plan):
            raise CorpusError(
                f"{folder} was prepared by a version of seqgen that read this corpus otherwise: delete it, and start a "
                "new run"
            )
        return store

    def _is_as_large_as(self, plan: Plan) -> bool:
        """Tell whether it has the characters of a plan's documents, and two newlines at most behind each."""
        characters = [part.extent["characters"] for part in (self.train, self.valid) if "characters" in part.extent]
        return not characters or 0 <= sum(characters) - plan.size <= 2 * plan.num_documents

    @classmethod
    def is_whole(cls, folder: Path) -> bool:
        """Tell whether a folder holds a store that can be opened."""
        with suppress(FileNotFoundError, ValueError):
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
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"the corpus came from standard input, and what was kept of it in {folder} is gone or damaged; "
                "if there is a copy of the text, pipe it in again with --corpus -"
            ) from error

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map a store that is there.

        Raises:
            FileNotFoundError: it is not.
            ValueError: it is not whole.
        """
        content = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        try:
            level = level_from_json(content["level"])
            train, valid = (Part.open(folder, name, level, content[name]) for name in (TRAIN, VALID))
        except (TypeError, LookupError, SeqgenError) as error:
            raise ValueError(f"{folder / 'store.json'} is damaged") from error
        return cls(level, train, valid, folder.name)


def prepared(data_dir: Path, fingerprint: str) -> Path:
    """Return the folder of a corpus."""
    return data_dir / "prepared" / fingerprint


def _build(plan: Plan, folder: Path, crew: Crew) -> None:
    """Write the store beside its place, then rename it, so that it is whole or not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if crew.is_first:
        _remove_unfinished(folder.parent)
    name = crew.told(lambda: f"{_BUILDING}{folder.name}-{os.getpid()}".encode()).decode()
    building = folder.with_name(name)
    lock = FileLock(building.with_suffix(_LOCK))
    try:
        if crew.is_first:
            lock.acquire()
        building.mkdir(exist_ok=True)
        level = _level(plan, crew)
        if crew.is_first:
            _encode(plan, level, building, crew)
            _put(building, folder)
        else:
            _help_to_encode(plan, level, building / str(crew.rank), crew)
        crew.wait()
    finally:
        if crew.is_first:
            _remove(building, lock)


def _remove_unfinished(folder: Path) -> None:
    """Delete what processes had begun to build there when they were killed, which has let go of their locks."""
    for path in folder.glob(f"{_BUILDING}*{_LOCK}"):
        lock = FileLock(path)
        with suppress(OSError, Timeout):
            lock.acquire(blocking=False)
            _remove(path.with_suffix(""), lock)


def _remove(building: Path, lock: FileLock) -> None:
    shutil.rmtree(building, ignore_errors=True)
    lock.release()
    with suppress(OSError):
        Path(lock.lock_file).unlink()


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
        for part, document in plan.share(crew).documents():
            writers[part].add(document)
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
            for part, document in plan.share(crew).documents():
                writers[part].add(document)
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
    with suppress(FileNotFoundError, ValueError):
        Store.open(folder)
        return
    shutil.rmtree(folder)  # was there, but could not be opened
    building.replace(folder)
