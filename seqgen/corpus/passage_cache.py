"""Passages of small corpora, kept in memory so that their files are cut and hashed only once."""

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
        passages: list[Passages] | None = []
        for block in blocks:
            yield block
            if passages is not None and isinstance(block, Passages) and self._num_bytes < _MAX_BYTES:
                passages.append(block)
                self._num_bytes += block.num_bytes
            else:
                passages = None
        if passages:
            self._passages[file] = passages

    def of(self, file: SourceFile) -> list[Passages] | None:
        """Return the passages of a file; None if they are not kept."""
        return self._passages.get(file)
