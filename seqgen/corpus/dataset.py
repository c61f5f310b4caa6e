"""Datasets: documents as token ids in memory-mapped files.

    NAME.ids      the ids of all documents, concatenated
    NAME.offsets  where each document begins, and where the last ends (64-bit integers)
    NAME.counts   about how often each token is a target (64-bit integers)
    NAME.given.*  the same for what each document is given

Every document begins with the start token. It ends with the end token unless it is an excerpt that stops earlier.
"""

import tempfile
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document
from seqgen.errors import CorpusError
from seqgen.levels.base import IdCounter, Ids, Level

_GIVEN = "given"  # in the names of its files
_BUFFERED = 1 << 20  # tokens or documents that are written together: documents may be a few tokens long


@dataclass(frozen=True)
class Dataset:
    """Encoded documents.

    Attributes:
        ids: token ids of all documents, shape (tokens,), memory-mapped.
        offsets: document i is `ids[offsets[i]:offsets[i + 1]]`, shape (documents + 1,), memory-mapped.
        counts: how often each token is a target, shape (vocabulary,); in a large dataset, in a sample of it.
        extent: how much text or music there is, in the units that the level counts.
        given: what each document is given, in the same order; None for a corpus without `--given`.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    extent: Mapping[str, float]
    given: "Dataset | None" = None

    @property
    def num_documents(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    @property
    def num_targets(self) -> int:
        """The number of tokens to predict: all but the start tokens."""
        return len(self.ids) - self.num_documents

    def padded(self, documents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of some documents side by side.

        Args:
            documents: their indices.

        Returns:
            The ids, shape (tokens, documents), 0 after the end of shorter ones, and the lengths, shape (documents,).
        """
        begin = self.offsets[documents]
        lengths: NDArray[np.int64] = self.offsets[documents + 1] - begin
        place = np.arange(lengths.max())[:, None]
        is_within = place < lengths
        return np.where(is_within, self.ids[np.where(is_within, begin + place, 0)], 0).astype(np.int64), lengths

    @property
    def unseen(self) -> list[int]:
        """The tokens that are never a target, so that no model trained on this dataset can predict them."""
        return np.flatnonzero(self.counts == 0).tolist()

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str,
        level: Level[Any],
        extents: Mapping[str, Mapping[str, float]],
        given_level: Level[Any] | None = None,
    ) -> Self:
        """Map the files that a `DatasetWriter` wrote.

        Args:
            folder: where the files are.
            name: the prefix of their names.
            level: encoded the documents.
            extents: the `extents` of the writer.
            given_level: encoded what they are given; None for a corpus without `--given`.

        Raises:
            LookupError: an extent is missing.
            ValueError: a file does not have the length that was written.
        """
        given = None if given_level is None else cls.open(folder, f"{name}.{_GIVEN}", given_level, extents)
        ids, offsets = (
            np.memmap(folder / f"{name}.{array}", dtype=dtype, mode="r")
            for array, dtype in (("ids", level.dtype), ("offsets", np.dtype(np.int64)))
        )
        counts = np.fromfile(folder / f"{name}.counts", dtype=np.int64)
        if len(ids) != offsets[-1] or len(counts) != level.vocabulary_size:
            raise ValueError(f"{name}.ids holds {len(ids)} tokens instead of {offsets[-1]}")
        if given is not None and len(given.offsets) != len(offsets):
            raise ValueError(
                f"{name} holds {len(offsets) - 1} documents, of which {given.num_documents} are given a text"
            )
        return cls(ids, offsets, counts, extents[name], given)


class DatasetWriter:
    """Encodes documents into the files of a dataset; use it as a context manager.

    Args:
        folder: where the files are written.
        name: the prefix of their names.
        level: encodes the documents.
        given_level: encodes what they are given; None for a corpus without `--given`.
    """

    def __init__(self, folder: Path, name: str, level: Level[Any], given_level: Level[Any] | None = None) -> None:
        self.given = None if given_level is None else DatasetWriter(folder, f"{name}.{_GIVEN}", given_level)
        self.extent: defaultdict[str, float] = defaultdict(float)
        self.size = 0  # in characters or bars, without the endings
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
        if self.given is not None:
            self._open.enter_context(self.given)
        self._disk = self._open.enter_context(ThreadPoolExecutor(1))  # writes while more is encoded
        self._written = self._disk.submit(int)
        return self

    def __exit__(self, *error: object) -> None:
        with self._open:
            if error == (None, None, None):
                self._flush()
                self._written.result()
                self._counter.counts[self._level.START] = 0  # begins every document and is never a target
                self._counter.counts.tofile(self._path.with_name(f"{self._path.name}.counts"))

    def add(self, document: Document[Any]) -> None:
        """Encode a document, and what it is given."""
        if self.given is not None and document.given is not None:
            self.given.add(document.given)
        self._put(self._start)
        encoder, before = self._level.encoder(), None
        for chunk in document.chunks():
            self._put(encoder.feed(chunk))
            self._measure(chunk, before)
            self.size += len(chunk)
            before = chunk
        self._put(encoder.finish())
        if document.is_complete:
            self._put(self._end)
            if document.ending:
                self._measure(document.ending, before)
        self._offsets.append(self._num_tokens)

    def append(self, folder: Path, share: Mapping[str, Any]) -> None:
        """Append what another process has encoded of the documents that follow.

        Args:
            folder: the folder of its writer of this dataset.
            share: its `share`.
        """
        if self.given is not None:
            self.given.append(folder, share[_GIVEN])
        path, before = folder / self._path.name, self._num_tokens
        with path.with_name(f"{path.name}.ids").open("rb") as file:
            while data := file.read(_BUFFERED * self._level.dtype.itemsize):
                self._put(np.frombuffer(data, self._level.dtype))
        offsets = np.fromfile(path.with_name(f"{path.name}.offsets"), dtype=np.int64)
        self._offsets.extend((offsets[1:] + before).tolist())
        self.size += share["size"]
        for unit, amount in share["extent"].items():
            self.extent[unit] += amount

    @property
    def given_size(self) -> int:
        """The size of what the documents are given, in characters."""
        return 0 if self.given is None else self.given.size

    @property
    def share(self) -> dict[str, Any]:
        """What `append` needs to know, as JSON values."""
        given = {} if self.given is None else {_GIVEN: self.given.share}
        return {"size": self.size, "extent": self.extent, **given}

    @property
    def extents(self) -> dict[str, Mapping[str, float]]:
        """The extent of each dataset, by name."""
        return {self._path.name: self.extent, **({} if self.given is None else self.given.extents)}

    def _measure(self, content: Any, before: Any) -> None:
        for unit, amount in self._level.extent(content, before).items():
            self.extent[unit] += amount

    def _put(self, ids: Ids) -> None:
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


@contextmanager
def encoded(
    level: Level[Any], documents: Iterable[Document[Any]], given_level: Level[Any] | None = None
) -> Iterator[Dataset]:
    """Encode documents into a dataset whose files are deleted at the end of the `with` statement.

    Args:
        level: encodes the documents.
        documents: the documents.
        given_level: encodes what they are given; None for a corpus without `--given`.

    Raises:
        CorpusError: there is no disk space for them.
    """
    with tempfile.TemporaryDirectory(prefix="seqgen-", ignore_cleanup_errors=True) as folder:
        try:
            with DatasetWriter(Path(folder), "dataset", level, given_level) as writer:
                for document in documents:
                    writer.add(document)
        except OSError as error:
            raise CorpusError(f"the text cannot be encoded in {folder}: {error.strerror}; see TMPDIR") from error
        yield Dataset.open(Path(folder), "dataset", level, writer.extents, given_level)
