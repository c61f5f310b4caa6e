"""The prepared corpus: documents as token ids in memory-mapped files, reused by later runs.

    data/prepared/FINGERPRINT/train.ids          the documents' ids, one after the other
    data/prepared/FINGERPRINT/train.offsets.npy  where each document begins, and the end of the last
    data/prepared/FINGERPRINT/train.counts.npy   how often each token is predicted
    data/prepared/FINGERPRINT/valid.*            the same for the validation part
    data/prepared/FINGERPRINT/store.json         the level, and how much text each part holds

Every document begins with the start token, and ends with the end token unless it was cut.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.corpus.sources import read_sources
from seqgen.corpus.split import Piece, Survey, split
from seqgen.errors import CorpusError
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import Level

_VERSION = 1


@dataclass(frozen=True)
class Part:
    """Encoded documents.

    Attributes:
        ids: token ids of all documents, shape (tokens,), memory-mapped.
        offsets: document i is `ids[offsets[i]:offsets[i + 1]]`, shape (documents + 1,).
        counts: how often each token is a target, shape (vocabulary,).
        characters: how many characters the documents have.
        bytes: how many bytes they have in UTF-8.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    characters: int
    bytes: int

    @property
    def num_targets(self) -> int:
        """How many tokens are predicted: all but the start tokens."""
        return len(self.ids) - (len(self.offsets) - 1)

    @property
    def unseen(self) -> list[int]:
        """The tokens that are never a target: no model of this part can have learned when they come."""
        return np.flatnonzero(self.counts == 0).tolist()

    @classmethod
    def write(cls, folder: Path, name: str, level: Level, pieces: Iterable[Piece]) -> Self:
        """Encode the pieces into files of this name in the folder."""
        offsets, characters, num_bytes = [0], 0, 0
        counts = np.zeros(level.vocabulary_size, dtype=np.int64)
        with (folder / f"{name}.ids").open("wb") as file:
            for piece in pieces:
                tokens = 1
                file.write(level.dtype.type(level.START).tobytes())
                for chunk in piece.chunks():
                    ids = level.encode(chunk)
                    file.write(ids.tobytes())
                    counts += np.bincount(ids, minlength=level.vocabulary_size)
                    tokens += len(ids)
                    characters += len(chunk)
                    num_bytes += len(chunk.encode("utf-8"))
                if piece.is_ended:
                    file.write(level.dtype.type(level.END).tobytes())
                    counts[level.END] += 1
                    tokens += 1
                offsets.append(offsets[-1] + tokens)
        np.save(folder / f"{name}.offsets.npy", np.array(offsets, dtype=np.int64))
        np.save(folder / f"{name}.counts.npy", counts)
        return cls.open(folder, name, level, {"characters": characters, "bytes": num_bytes})

    @classmethod
    def open(cls, folder: Path, name: str, level: Level, extent: dict[str, int]) -> Self:
        """Map the files that `write` made.

        Raises:
            ValueError: a file is not as long as it was written.
        """
        ids = np.memmap(folder / f"{name}.ids", dtype=level.dtype, mode="r")
        offsets, counts = (np.load(folder / f"{name}.{array}.npy") for array in ("offsets", "counts"))
        if len(ids) != offsets[-1]:
            raise ValueError(f"{name}.ids holds {len(ids)} tokens instead of {offsets[-1]}")
        return cls(ids, offsets, counts, extent["characters"], extent["bytes"])

    @property
    def extent(self) -> dict[str, int]:
        """How much text the ids stand for."""
        return {"characters": self.characters, "bytes": self.bytes}


@dataclass(frozen=True)
class Plan:
    """A corpus read through once: what goes where, before anything is encoded.

    Attributes:
        fingerprint: a digest of content and settings; equal fingerprints mean equal ids.
        notes: what a user should hear about the reading.
    """

    level: str
    train: list[Piece]
    valid: list[Piece]
    fingerprint: str
    notes: list[str]

    @classmethod
    def of(cls, config: CorpusConfig) -> Self:
        """Read the sources and split them.

        Raises:
            CorpusError: a source is missing or unreadable, or there is too little text for two parts.
        """
        notes: list[str] = []
        surveys = _survey(config.corpus, config.encoding, notes)
        if config.valid is not None:
            train = [Piece(survey) for survey in surveys]
            valid = [Piece(survey) for survey in _survey([config.valid], config.encoding, notes)]
        else:
            if sum(survey.characters for survey in surveys) < 2:
                raise CorpusError(f"{', '.join(config.corpus)}: a single character is too little to learn from")
            train, valid = split(surveys, config.valid_fraction)
            if not train or not any(piece.num_characters for piece in valid):
                raise CorpusError(
                    f"{', '.join(config.corpus)}: --valid-fraction {config.valid_fraction:g} of so little text leaves "
                    f"{'nothing to validate on' if train else 'nothing to learn from'}; give more text, or --valid"
                )
        level = "character" if config.level == "auto" else config.level
        layout = [[(piece.survey.digest, piece.start, piece.stop) for piece in part] for part in (train, valid)]
        content = json.dumps([_VERSION, level, layout]).encode()
        return cls(level, train, valid, hashlib.blake2b(content, digest_size=8).hexdigest(), notes)


@dataclass(frozen=True)
class Store:
    """A prepared corpus."""

    level: Level
    train: Part
    valid: Part
    fingerprint: str

    @classmethod
    def prepare(cls, plan: Plan, data_dir: Path) -> Self:
        """Return the corpus from the folder of its fingerprint, which is made where it is not there yet.

        Raises:
            CorpusError: the folder cannot be written.
        """
        folder = data_dir / "prepared" / plan.fingerprint
        try:
            with suppress(FileNotFoundError, ValueError, KeyError):  # not there, or not whole
                return cls._open(folder)
            _build(plan, folder)
            return cls._open(folder)
        except OSError as error:
            raise CorpusError(
                f"the prepared corpus cannot be kept in {folder}: {error.strerror}; choose another --data-dir"
            ) from error

    @classmethod
    def _open(cls, folder: Path) -> Self:
        content = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        level = level_from_json(content["level"])
        train, valid = (Part.open(folder, name, level, content[name]) for name in ("train", "valid"))
        return cls(level, train, valid, folder.name)


def _build(plan: Plan, folder: Path) -> None:
    """Write the store beside its place, then rename it, so that it is whole or not there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f".building-{folder.name}-{os.getpid()}")
    building.mkdir(exist_ok=True)
    try:
        level = level_class(plan.level).fit(chain.from_iterable(piece.chunks() for piece in plan.train))
        extents = {
            name: Part.write(building, name, level, pieces).extent
            for name, pieces in (("train", plan.train), ("valid", plan.valid))
        }
        content = json.dumps({"level": level.to_json(), **extents})
        (building / "store.json").write_text(content, encoding="utf-8")
        if folder.exists():  # but could not be opened
            shutil.rmtree(folder)
        building.replace(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _survey(sources: Iterable[str], encoding: str, notes: list[str]) -> list[Survey]:
    """Read every document of the sources once, the empty ones left out."""
    sources = list(sources)
    skipped: Counter[str] = Counter()
    surveys = [Survey.of(document) for document in read_sources(sources, encoding, skipped)]
    kept = [survey for survey in surveys if survey.characters]
    if not kept:
        raise CorpusError(f"{', '.join(sources)}: there is no text in it")
    skipped["empty files"] += len(surveys) - len(kept)
    notes += [f"skipped {count} {reason}" for reason, count in skipped.items() if count]
    changed = [survey.document.name for survey in kept if survey.document.newlines_changed]
    if changed:
        others = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        notes.append(f"{changed[0]}{others}: Windows or old Mac newlines read as \\n")
    return kept


@contextmanager
def encoded(level: Level, pieces: Iterable[Piece]) -> Iterator[Part]:
    """Lend the pieces as a part whose files are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="seqgen-", ignore_cleanup_errors=True) as folder:
        yield Part.write(Path(folder), "part", level, pieces)


def whole_documents(source: str, encoding: str, notes: list[str]) -> list[Piece]:
    """Return every document of a source as a piece of its own.

    Raises:
        CorpusError: the source is missing, unreadable or without text.
    """
    return [Piece(survey) for survey in _survey([source], encoding, notes)]
