"""The corpus that a run was trained on, from its files or from the prepared corpus, whichever still exists.

The prepared corpus has the ids of all documents, but not their names. Standard input cannot be read again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.dataset import Dataset, encoded
from seqgen.corpus.documents import Document
from seqgen.corpus.prepared_corpus import PreparedCorpus, prepared_folder
from seqgen.corpus.sources import STANDARD_INPUT, is_stream
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.encoders.base import SignalCoding
from seqgen.errors import CorpusError
from seqgen.levels.base import Ids, Level, TextLevel
from seqgen.levels.note import NoteLevel

_BLOCK = 1 << 16  # tokens that are decoded at once
_ENDINGS = {"line": "\n", "paragraph": "\n\n"}  # what an end token stands for


class RunCorpus:
    """The training and validation parts of a run.

    Args:
        checkpoint: of the run.
        folders: where prepared corpora are kept.
    """

    def __init__(self, checkpoint: Checkpoint, folders: FoldersConfig) -> None:
        self._checkpoint = checkpoint
        self._folders = folders
        self._config = checkpoint.requested.corpus
        sources = [*self._config.corpus, *([] if self._config.valid is None else [self._config.valid])]
        self._is_read_once = any(map(is_stream, sources))
        self._name = ", ".join("standard input" if source == STANDARD_INPUT else source for source in sources)

    @cached_property
    def missing(self) -> str | None:
        """Why neither the files nor the prepared corpus can be used; None if either can."""
        if self._is_divided:
            return "each machine has only its share of the corpus of this run"
        has_signals = isinstance(self._checkpoint.given_coding, SignalCoding)
        if (self._prepared is not None and not has_signals) or isinstance(self._files, SplitCorpus):
            return None
        if self._prepared is not None:
            return f"{self._files}, and its prepared copy holds what the texts are given only in encoded form"
        return f"{self._files}, and there is no prepared copy of it in {self._folder}"

    def error(self, instead: str) -> CorpusError:
        """Return the error that the corpus is missing.

        Args:
            instead: what the user can do without it.
        """
        return CorpusError(f"{self.missing}: {instead}{'' if self._is_divided else ', or give the right --data-dir'}")

    @property
    def is_encoded(self) -> bool:
        """Whether its parts can be had as token ids: from the prepared corpus, or from the files."""
        return self._prepared is not None or self.missing is None

    @property
    def notes(self) -> list[str]:
        """What the user should know about the reading so far."""
        reason = vars(self).get("_files")  # None if the files have not been needed
        is_used = isinstance(reason, str) and self.missing is None
        return [f"{reason}: using the prepared copy in {self._folder}"] if is_used else []

    def encoded(self, part: str) -> AbstractContextManager[Dataset]:
        """Return the training or validation part as token ids, for a `with` statement.

        Raises:
            CorpusError: its documents no longer exist.
        """
        if self._prepared is not None:
            return nullcontext(getattr(self._prepared, part))
        return encoded(self._checkpoint.level, self.documents(part), self._checkpoint.given_coding)

    def documents(self, part: str) -> Iterator[Document[Any]]:
        """Return the documents of the training or validation part, from the files if possible.

        Raises:
            CorpusError: they no longer exist.
        """
        if self.missing is not None:
            raise CorpusError(self.missing)
        if isinstance(self._files, SplitCorpus):
            return (document for owner, document in self._files.documents() if owner == part)
        return self._decoded(getattr(self._prepared, part))

    def _decoded(self, dataset: Dataset) -> Iterator[Document[Any]]:
        """Yield the documents of a dataset, and what they are given."""
        ending, given_coding = _ENDINGS.get(self._config.document, ""), self._checkpoint.given_coding
        givens = repeat(None) if dataset.given is None else _documents(dataset.given)
        for ids, given in zip(_documents(dataset), givens, strict=False):
            document = _EncodedDocument(self._name, self._checkpoint.level, ids, ending)
            if given is not None and isinstance(given_coding, Level):
                document.given = _EncodedDocument(self._name, given_coding, given)
            yield document

    @property
    def _is_divided(self) -> bool:
        """Whether the files are on several machines."""
        return self._config.corpus_share and bool(self._checkpoint.figures.get("machines", 1) != 1)

    @property
    def _folder(self) -> Path:
        return prepared_folder(Path(self._folders.data_dir), self._checkpoint.fingerprint)

    @cached_property
    def _prepared(self) -> PreparedCorpus | None:
        """The prepared corpus, if it still exists."""
        with suppress(OSError, ValueError):
            prepared = PreparedCorpus.open(self._folder).adapted(self._checkpoint.config.corpus)
            if _vocabularies(prepared) == _vocabularies(self._checkpoint):
                return prepared
        return None

    @cached_property
    def _files(self) -> SplitCorpus | str:
        """The corpus as read from its files, or why it cannot be read."""
        if self._is_read_once:
            return f"the corpus of this run came from {self._name}, which can be read only once"
        try:
            began_from_run = self._checkpoint.requested.model.from_ is not None
            levels = (self._checkpoint.level, self._checkpoint.given_coding) if began_from_run else ()
            corpus = SplitCorpus.read(self._config, self._folders.parsed, *levels)
        except CorpusError:
            return f"the corpus of this run, {self._name}, no longer exists or cannot be read"
        if corpus.fingerprint != self._checkpoint.fingerprint:
            return (
                f"the corpus of this run, {self._name}, has changed (fingerprint {self._checkpoint.fingerprint} "
                f"then, {corpus.fingerprint} now)"
            )
        return corpus


def _documents(dataset: Dataset) -> Iterator[Ids]:
    """Yield the ids of each document."""
    return (dataset.ids[begin:end] for begin, end in pairwise(dataset.offsets.tolist()))


def _vocabularies(encoded_with: Checkpoint | PreparedCorpus) -> list[Any]:
    """Return the levels as JSON values."""
    return [level and level.to_json() for level in (encoded_with.level, encoded_with.given_coding)]


class _EncodedDocument(Document[Any]):
    """A document that exists only as the ids of the prepared corpus."""

    def __init__(self, name: str, level: Level[Any], ids: Ids, ending: str = "") -> None:
        self.name = name
        self.is_complete = bool(ids[-1] == Level.END)
        self.ending = ending if self.is_complete else ""
        self._level = level
        self._ids = ids

    def chunks(self) -> Iterator[Any]:
        """Yield the decoded content."""
        if isinstance(self._level, NoteLevel):
            yield self._level.decode(self._ids)
        elif isinstance(self._level, TextLevel):
            decoder = self._level.decoder()
            for begin in range(0, len(self._ids), _BLOCK):
                if text := decoder.feed(self._ids[begin : begin + _BLOCK].tolist()):
                    yield text
            if text := decoder.finish():
                yield text

    @property
    def size(self) -> int:
        """The number of characters or bars."""
        return sum(map(len, self.chunks()))

    @property
    def digest(self) -> bytes:
        """A hash of the ids, which stand for the content."""
        return hashlib.sha256(self._ids.tobytes()).digest()[:16]
