"""Datasets: documents as token ids in memory-mapped files.

    NAME.ids      the ids of all documents, concatenated; what they are given may be vectors instead
    NAME.offsets  where each document begins, and where the last ends (64-bit integers)
    NAME.counts   about how often each token is a target (64-bit integers)
    NAME.given.*  the same for what each document is given

Every document begins with the start token. It ends with the end token unless it is an excerpt that stops earlier.
"""

import math
import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document
from seqgen.corpus.factored_ids import FactoredIds
from seqgen.corpus.passages import Passages
from seqgen.errors import CorpusError
from seqgen.levels.base import Coding, Gather, IdCounter, Ids, Level

_GIVEN = "given"  # in the names of its files
_BUFFERED = 1 << 20  # tokens or documents that are written together: documents may be a few tokens long


class Elsewhere(NamedTuple):
    """The part of a dataset that other machines have.

    Attributes:
        num_documents: the number of documents.
        num_targets: the number of tokens to predict.
    """

    num_documents: int
    num_targets: int


_NOTHING = Elsewhere(0, 0)


@dataclass(frozen=True)
class Dataset:
    """Encoded documents.

    Attributes:
        ids: token ids of all documents, shape (tokens,), or their vectors, shape (positions, features); memory-mapped.
        offsets: document i is `ids[offsets[i]:offsets[i + 1]]`, shape (documents + 1,), memory-mapped.
        counts: how often each token is a target, shape (vocabulary,); in a large dataset, in a sample of it. Empty for
            vectors.
        extent: how much text or music there is, in the units that the level counts.
        given: what each document is given, in the same order; None for a corpus without `--given`.
        factored: the tokens with their factors; None if the level has none.
        elsewhere: what other machines have; it is included in `counts` and `extent`.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    extent: Mapping[str, float]
    given: "Dataset | None" = None
    factored: FactoredIds | None = None
    elsewhere: Elsewhere = _NOTHING

    @property
    def inputs(self) -> NDArray[Any] | FactoredIds:
        """What the network reads: `ids`, or the tokens with their factors."""
        return self.ids if self.factored is None else self.factored

    def with_factors(self, coding: Coding[Any]) -> Self:
        """Return the dataset with the factors of its tokens, if the coding has any."""
        if not isinstance(coding, Level) or not coding.num_factors:
            return self
        return replace(self, factored=FactoredIds(self.ids, self.offsets, coding.inputs))

    @property
    def num_documents(self) -> int:
        """The number of documents."""
        return len(self.offsets) - 1

    @property
    def num_targets(self) -> int:
        """The number of tokens to predict: all but the start tokens."""
        return len(self.ids) - self.num_documents

    @property
    def total_documents(self) -> int:
        """The number of documents on all machines."""
        return self.num_documents + self.elsewhere.num_documents

    @property
    def total_targets(self) -> int:
        """The number of tokens to predict on all machines."""
        return self.num_targets + self.elsewhere.num_targets

    def as_share(self, gather: Gather) -> Self:
        """Return this share of a dataset with the sums over all shares.

        Args:
            gather: returns the values of all shares, as all machines do together.
        """
        sizes = [self.num_documents, self.num_targets]
        counts, extents, others = [], Counter[str](), np.negative(sizes)
        for share in gather([self.counts.tolist(), self.extent, sizes]):
            counts.append(share[0])
            extents.update(share[1])
            others += share[2]
        return replace(self, counts=np.sum(counts, 0), extent=extents, elsewhere=Elsewhere(*others.tolist()))

    def padded(self, documents: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids of some documents side by side.

        Args:
            documents: their indices.

        Returns:
            The ids, shape (tokens, documents), or the vectors, shape (positions, documents, features), 0 after the end
            of shorter ones, and the lengths, shape (documents,).
        """
        begin = self.offsets[documents]
        lengths: NDArray[np.int64] = self.offsets[documents + 1] - begin
        place = np.arange(lengths.max())[:, None]
        is_within = place < lengths
        rows = self.ids[np.where(is_within, begin + place, 0)]
        rows[~is_within] = 0
        return rows.astype(np.int64) if self.ids.ndim == 1 else rows, lengths

    def document(self, index: int) -> NDArray[Any]:
        """Return the rows of a document."""
        return self.ids[self.offsets[index] : self.offsets[index + 1]]

    @property
    def unseen(self) -> list[int]:
        """The tokens that are never a target, so that no model trained on this dataset can predict them."""
        return np.flatnonzero(self.counts == 0).tolist()

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str,
        coding: Coding[Any],
        extents: Mapping[str, Mapping[str, float]],
        given_coding: Coding[Any] | None = None,
    ) -> Self:
        """Map the files that a `DatasetWriter` wrote.

        Args:
            folder: where the files are.
            name: the prefix of their names.
            coding: encoded the documents.
            extents: the `extents` of the writer.
            given_coding: encoded what they are given; None for a corpus without `--given`.

        Raises:
            LookupError: an extent is missing.
            ValueError: a file does not have the length that was written.
        """
        given = None if given_coding is None else cls.open(folder, f"{name}.{_GIVEN}", given_coding, extents)
        ids, offsets = (
            _mapped(folder / f"{name}.{array}", dtype)
            for array, dtype in (("ids", coding.dtype), ("offsets", np.dtype(np.int64)))
        )
        counts = np.fromfile(folder / f"{name}.counts", dtype=np.int64)
        if len(ids) != offsets[-1] * math.prod(coding.shape) or len(counts) != _num_counted(coding):
            raise ValueError(f"{name}.ids holds {len(ids)} numbers, which are not {offsets[-1]} positions")
        rows = ids.reshape(-1, *coding.shape)
        if given is not None and len(given.offsets) != len(offsets):
            raise ValueError(
                f"{name} holds {len(offsets) - 1} documents, of which {given.num_documents} are given something"
            )
        return cls(rows, offsets, counts, extents[name], given).with_factors(coding)


class DatasetWriter:
    """Encodes documents into the files of a dataset; use it as a context manager.

    Args:
        folder: where the files are written.
        name: the prefix of their names.
        coding: encodes the documents.
        given_coding: encodes what they are given; None for a corpus without `--given`.
    """

    def __init__(self, folder: Path, name: str, coding: Coding[Any], given_coding: Coding[Any] | None = None) -> None:
        self.given = None if given_coding is None else DatasetWriter(folder, f"{name}.{_GIVEN}", given_coding)
        self.extent: defaultdict[str, float] = defaultdict(float)
        self.size = 0  # in characters or bars, without the endings
        self._path = folder / name
        self._coding = coding
        self._counter = IdCounter(_num_counted(coding))
        self._num_rows = 0
        self._start, self._end = coding.edges
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
                self._counter.target_counts.tofile(self._path.with_name(f"{self._path.name}.counts"))

    def add(self, block: Document[Any] | Passages) -> None:
        """Encode a document, and what it is given, or several documents."""
        if isinstance(block, Passages):
            self._add_all(block)
        else:
            self._add_one(block)

    def _add_all(self, passages: Passages) -> None:
        texts = passages.texts
        ids, lengths = self._coding.documents(texts)
        self._offsets.frombytes((self._num_rows + np.cumsum(lengths, dtype=np.int64)).tobytes())
        self._put(ids)
        self.size += int(texts.sizes.sum())
        extents = [(self._coding.extent_of(texts), 1)]
        for number, times in enumerate(np.bincount(passages.num_newlines).tolist()):
            if number and times:
                extents.append((self._coding.extent("\n" * number, "a"), times))
        for extent, times in extents:
            for unit, amount in extent.items():
                self.extent[unit] += times * amount

    def _add_one(self, document: Document[Any]) -> None:
        if self.given is not None and document.given is not None:
            self.given.add(document.given)
        self._put(self._start)
        encoder, before = self._coding.encoder(), None
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
        self._offsets.append(self._num_rows)

    def append(self, folder: Path, share: Mapping[str, Any]) -> None:
        """Append what another process has encoded of the documents that follow.

        Args:
            folder: the folder of its writer of this dataset.
            share: its `share`.
        """
        if self.given is not None:
            self.given.append(folder, share[_GIVEN])
        path, before = folder / self._path.name, self._num_rows
        row_bytes = self._coding.dtype.itemsize * math.prod(self._coding.shape)
        with path.with_name(f"{path.name}.ids").open("rb") as file:
            while data := file.read(_BUFFERED * row_bytes):
                self._put(np.frombuffer(data, self._coding.dtype).reshape(-1, *self._coding.shape))
        offsets = np.fromfile(path.with_name(f"{path.name}.offsets"), dtype=np.int64)
        self._offsets.extend((offsets[1:] + before).tolist())
        self.size += share["size"]
        for unit, amount in share["extent"].items():
            self.extent[unit] += amount

    @property
    def given_size(self) -> int:
        """The size of what the documents are given, in characters, or in bytes of signals."""
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
        for unit, amount in self._coding.extent(content, before).items():
            self.extent[unit] += amount

    def _put(self, ids: Ids) -> None:
        self._pending.append(ids)
        self._num_pending += ids.size
        self._num_rows += len(ids)
        if self._num_pending >= _BUFFERED or len(self._pending) >= _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        ids = np.concatenate([self._start[:0], *self._pending])
        self._written.result()
        self._written = self._disk.submit(self._ids_file.write, ids.data)
        if isinstance(self._coding, Level):
            self._counter.add(ids)
        self._offsets_file.write(self._offsets.tobytes())
        self._pending, self._num_pending, self._offsets = [], 0, array("q")


@contextmanager
def encoded(
    level: Level[Any], documents: Iterable[Document[Any] | Passages], given_coding: Coding[Any] | None = None
) -> Iterator[Dataset]:
    """Encode documents into a dataset whose files are deleted at the end of the `with` statement.

    Args:
        level: encodes the documents.
        documents: the documents, short ones in blocks.
        given_coding: encodes what they are given; None for a corpus without `--given`.

    Raises:
        CorpusError: there is no disk space for them.
    """
    with tempfile.TemporaryDirectory(prefix="seqgen-", ignore_cleanup_errors=True) as folder:
        try:
            with DatasetWriter(Path(folder), "dataset", level, given_coding) as writer:
                for document in documents:
                    writer.add(document)
        except OSError as error:
            raise CorpusError(f"the text cannot be encoded in {folder}: {error.strerror}; see TMPDIR") from error
        yield Dataset.open(Path(folder), "dataset", level, writer.extents, given_coding)


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Map a file of numbers; an empty one, of a share without such documents, cannot be mapped."""
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def _num_counted(coding: Coding[Any]) -> int:
    """Return the number of tokens that are counted; none of a coding whose rows are vectors."""
    return coding.vocabulary_size if isinstance(coding, Level) else 0
