"""Passages of files that fit in memory, which are kept so that the files are read, cut and hashed only once."""

from collections.abc import Iterable, Iterator
from typing import Any

from seqgen.corpus.documents import Document
from seqgen.corpus.passages import Passages
from seqgen.corpus.source_file import SourceFile

_MAX_BYTES = 1 << 27


class PassageCache:
    """The passages of those files that fit."""

    def __init__(self) -> None:
        self._passages: dict[SourceFile, list[Passages]] = {}
        self._num_bytes = 0

    def kept(self, file: SourceFile, blocks: Iterable[Document[Any] | Passages]) -> Iterator[Document[Any] | Passages]:
        """Yield the documents of a file, and keep them if all are passages and fit."""
        passages: list[Passages] = []
        num_bytes, fits = 0, True
        for block in blocks:
            yield block
            if fits and isinstance(block, Passages) and self._num_bytes + num_bytes < _MAX_BYTES:
                passages.append(block)
                num_bytes += block.num_bytes
            else:
                fits = False
                passages.clear()
        if passages:
            self._passages[file] = passages
            self._num_bytes += num_bytes

    def only(self, files: Iterable[SourceFile]) -> "PassageCache":
        """Return a cache of these files alone."""
        own = PassageCache()
        own._passages = {file: self._passages[file] for file in files if file in self._passages}
        return own

    def of(self, file: SourceFile) -> list[Passages] | None:
        """Return the passages of a file; None if they are not kept."""
        return self._passages.get(file)
