"""The prepared corpus, which is kept on disk and reused by later runs.

data/prepared/FINGERPRINT/train.*     the training part, see `dataset.py`
data/prepared/FINGERPRINT/valid.*     the validation part
data/prepared/FINGERPRINT/store.json  the levels, and how much text each part holds
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.corpus.build import FILES, GIVEN_CODING, STORE, encode, encode_share, fit
from seqgen.corpus.crew import ALONE, Crew
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.shares import WHOLE, ShareFile, Shares
from seqgen.corpus.split import TRAIN, VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.encoders import coding_from_json
from seqgen.errors import CorpusError, SeqgenError
from seqgen.levels import level_from_json
from seqgen.levels.base import Coding, IdCounter, Ids, Level

_BUILDING, _LOCK = ".building-", ".lock"  # a corpus is built in a folder of its own, with a lock file beside it


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus as datasets of token ids.

    Attributes:
        level: encodes and decodes the documents.
        train: the documents that train.
        valid: the documents that validate.
        fingerprint: of the `SplitCorpus`.
        given_coding: encodes what the documents are given; None for a corpus without `--given`.
        may_vary: which variants of each training document are used, shape (documents, variants); None without variants.
        shares: the shares of the corpus, one of which this is.
    """

    level: Level[Any]
    train: Dataset
    valid: Dataset
    fingerprint: str
    given_coding: Coding[Any] | None = None
    may_vary: NDArray[np.bool_] | None = None
    shares: Shares = WHOLE

    def adapted(self, config: CorpusConfig) -> Self:
        """Return the corpus for training with these options, see `Level.adapted` and `Level.variants`."""
        level = self.level.adapted(config)
        train, valid = (part if level is self.level else _adapted(part, level) for part in (self.train, self.valid))
        may_vary = None
        if (variants := level.variants(config)) is not None:
            documents = map(train.document, range(train.num_documents))
            may_vary = np.array([level.may_vary(ids, config) for ids in documents])
            counts = np.zeros_like(train.counts)
            for variant, is_used in zip(variants, may_vary.T, strict=True):
                ids = train.ids[np.repeat(is_used, np.diff(train.offsets))]
                np.add.at(counts, variant[: len(counts)], _counts(ids, len(counts)))
            train = replace(train, counts=counts)
        return replace(self, level=level, train=train, valid=valid, may_vary=may_vary)

    @classmethod
    def prepare(cls, corpus: SplitCorpus, data_dir: Path, crew: Crew = ALONE) -> Self:
        """Return the corpus from the folder of its fingerprint, which is written if it does not exist yet.

        Args:
            corpus: the documents.
            data_dir: where prepared corpora are kept.
            crew: the processes that prepare it together, all with the same documents.

        Raises:
            CorpusError: the folder cannot be written.
        """
        folder = prepared_folder(data_dir, _folder_name(corpus))
        try:
            is_complete = bool(crew.broadcast(lambda: b"complete" if cls.is_complete(folder) else b""))
            if not all(corpus.shares.gathered(is_complete)):  # all machines fit the levels together
                _build(corpus, folder, crew)
            prepared = cls.open(folder)
        except OSError as error:
            raise CorpusError(
                f"the prepared corpus cannot be kept in {folder}: {error.strerror}; choose another --data-dir"
            ) from error
        if not prepared._has_size_of(corpus):
            raise CorpusError(
                f"{folder} was prepared by a version of seqgen that read this corpus differently: delete it and start "
                "a new run"
            )
        return prepared._as_share(corpus) if corpus.shares.are_divided else prepared

    def _as_share(self, corpus: SplitCorpus) -> Self:
        """Return the share of a corpus, with the sums over all shares."""
        gather = corpus.shares.gathered
        first, *others = gather(self.level.to_json())
        if any(other != first for other in others):
            raise CorpusError(
                "the machines have different vocabularies for this corpus: on all of them, delete "
                f"prepared/{corpus.fingerprint}-* in the folder of --data-dir"
            )
        train, valid = (part.as_share(gather) for part in (self.train, self.valid))
        return replace(self, train=train, valid=valid, fingerprint=corpus.fingerprint, shares=corpus.shares)

    def _has_size_of(self, corpus: SplitCorpus) -> bool:
        """Return whether it has the characters of all documents, and at most two newlines after each."""
        if (self.given_coding is not None) != corpus.corpus.has_given:
            return False
        characters = [part.extent["characters"] for part in (self.train, self.valid) if "characters" in part.extent]
        return not characters or 0 <= sum(characters) - corpus.size <= 2 * corpus.num_documents

    @classmethod
    def is_complete(cls, folder: Path) -> bool:
        """Return whether a folder holds a prepared corpus that can be opened."""
        with suppress(FileNotFoundError, ValueError):
            cls.open(folder)
            return True
        return False

    @classmethod
    def of_stream(cls, data_dir: Path, fingerprint: str) -> Self:
        """Return a corpus that was prepared from standard input, which cannot be read again.

        Raises:
            CorpusError: it was deleted or damaged.
        """
        folder = prepared_folder(data_dir, fingerprint)
        try:
            return cls.open(folder)
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"the corpus came from standard input, and its prepared copy in {folder} was deleted or damaged: "
                "pipe the text in again with --corpus -"
            ) from error

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the files of a prepared corpus.

        Raises:
            FileNotFoundError: the folder holds no prepared corpus.
            ValueError: it is incomplete or damaged.
        """
        content = json.loads((folder / STORE).read_text(encoding="utf-8"))
        try:
            level = level_from_json(content["level"])
            given_coding = coding_from_json(content[GIVEN_CODING]) if GIVEN_CODING in content else None
            train, valid = (Dataset.open(folder, name, level, content, given_coding) for name in (TRAIN, VALID))
        except (TypeError, LookupError, SeqgenError) as error:
            raise ValueError(f"{folder / 'store.json'} is damaged") from error
        return cls(level, train, valid, folder.name, given_coding)


def _adapted(part: Dataset, level: Level[Any]) -> Dataset:
    """Return a part as an adapted level encodes it."""
    documents = [level.adapt(part.ids[start:stop]) for start, stop in pairwise(part.offsets.tolist())]
    ids = np.concatenate(documents)
    return replace(part, ids=ids, counts=_counts(ids, len(part.counts))).with_factors(level)


def _counts(ids: Ids, vocabulary_size: int) -> NDArray[np.int64]:
    """Return how often each token is a target."""
    counter = IdCounter(vocabulary_size)
    counter.add(ids)
    return counter.target_counts


def _folder_name(corpus: SplitCorpus) -> str:
    """Return the name of the folder of a corpus; other shares of it have other names."""
    if not corpus.shares.are_divided:
        return corpus.fingerprint
    own = json.dumps([corpus.corpus.content, corpus.valid and corpus.valid.content])
    return f"{corpus.fingerprint}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def files_of_share(data_dir: Path, fingerprint: str, now: Sequence[ShareFile]) -> list[ShareFile]:
    """Return the files of the share of a corpus that was prepared on this machine; empty if it was deleted.

    Args:
        data_dir: where prepared corpora are kept.
        fingerprint: of the corpus.
        now: the present files; of several shares prepared here, the one with most of them is meant.
    """
    found: list[list[ShareFile]] = [[]]
    for path in prepared_folder(data_dir, fingerprint).parent.glob(f"{fingerprint}-*/{STORE}"):
        with suppress(OSError, ValueError, TypeError, LookupError):
            found.append([ShareFile(*file) for file in json.loads(path.read_text(encoding="utf-8"))[FILES]])
    names = {file.name for file in now}
    return max(found, key=lambda files: (len(names & {file.name for file in files}), len(files)))


def prepared_folder(data_dir: Path, fingerprint: str) -> Path:
    """Return the folder of a prepared corpus."""
    return data_dir / "prepared" / fingerprint


def _build(corpus: SplitCorpus, folder: Path, crew: Crew) -> None:
    """Write the files into a folder of another name, then rename it, so that it is complete or does not exist."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if crew.is_first:
        _remove_unfinished(folder.parent)
    name = crew.broadcast(lambda: f"{_BUILDING}{folder.name}-{os.getpid()}".encode()).decode()
    building = folder.with_name(name)
    lock = FileLock(building.with_suffix(_LOCK))
    try:
        if crew.is_first:
            lock.acquire()
        building.mkdir(exist_ok=True)
        levels = fit(corpus, crew)
        if crew.is_first:
            encode(corpus, levels, building, crew)
            _publish(building, folder)
        else:
            encode_share(corpus, levels, building / str(crew.rank), crew)
        crew.wait()
    finally:
        if crew.is_first:
            _remove(building, lock)


def _remove_unfinished(folder: Path) -> None:
    """Delete what killed processes had begun to build: nobody holds its lock."""
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


def _publish(building: Path, folder: Path) -> None:
    """Rename what was built, unless another process has already published the same corpus."""
    with suppress(OSError):
        building.replace(folder)
        return
    with suppress(FileNotFoundError, ValueError):
        PreparedCorpus.open(folder)
        return
    shutil.rmtree(folder)  # exists, but cannot be opened
    building.replace(folder)
