"""The corpus that a run was trained on, as far as it is still there: its files, and what was prepared of them.

What was prepared has the ids of all documents, and their names only in the files. Standard input is not read again.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.documents import Document
from seqgen.corpus.part import Part, encoded
from seqgen.corpus.plan import Plan
from seqgen.corpus.sources import STANDARD_INPUT, is_stream
from seqgen.corpus.store import Store, prepared
from seqgen.errors import CorpusError
from seqgen.levels.base import Content, Ids, Level, TextLevel
from seqgen.levels.note import NoteLevel

_BLOCK = 1 << 16  # tokens that are decoded at once
_ENDINGS = {"line": "\n", "paragraph": "\n\n"}  # what an end token stands for


class RunCorpus:
    """The training and validation parts of a run.

    Args:
        checkpoint: of the run.
        folders: where what was prepared for it is kept.
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
        """Why neither the files nor what was prepared of them can be used; None where one can."""
        if self._store is not None or isinstance(self._plan, Plan):
            return None
        return f"{self._plan}, and what was prepared of it is not in {self._folder}"

    @property
    def notes(self) -> list[str]:
        """What the user should hear about the reading so far."""
        reason = vars(self).get("_plan")  # None where nobody has asked for the files
        is_used = isinstance(reason, str) and self.missing is None
        return [f"{reason}: what was prepared of it in {self._folder} is used"] if is_used else []

    def encoded(self, wanted: str) -> AbstractContextManager[Part]:
        """Lend the training or validation part as token ids, as kept for training where they still are.

        Raises:
            CorpusError: its documents are not there any more.
        """
        if self._store is not None:
            return nullcontext(getattr(self._store, wanted))
        return encoded(self._checkpoint.level, self.documents(wanted))

    def documents(self, wanted: str) -> Iterator[Document]:
        """Return the documents of the training or validation part, from the files if they are there.

        Raises:
            CorpusError: they are not there any more.
        """
        if self.missing is not None:
            raise CorpusError(self.missing)
        if isinstance(self._plan, Plan):
            return (document for part, document in self._plan.documents() if part == wanted)
        ending = _ENDINGS.get(self._config.document, "")
        kept: Part = getattr(self._store, wanted)
        documents = (kept.ids[begin:end] for begin, end in pairwise(kept.offsets.tolist()))
        return (_Kept(self._name, self._checkpoint.level, ids, ending) for ids in documents)

    @property
    def _folder(self) -> Path:
        return prepared(Path(self._folders.data_dir), self._checkpoint.fingerprint)

    @cached_property
    def _store(self) -> Store | None:
        """What was prepared of the corpus, if it is there."""
        with suppress(OSError, ValueError):
            store = Store.open(self._folder)
            if store.level.to_json() == self._checkpoint.level.to_json():
                return store
        return None

    @cached_property
    def _plan(self) -> Plan | str:
        """The division of the files, or why it cannot be had."""
        if self._is_read_once:
            return f"the corpus of this run came from {self._name}, which can be read only once"
        try:
            began_from_run = self._checkpoint.requested.model.from_ is not None
            plan = Plan.of(self._config, self._folders.parsed, self._checkpoint.level if began_from_run else None)
        except CorpusError:
            return f"the corpus of this run, {self._name}, is not there any more or cannot be read"
        if plan.fingerprint != self._checkpoint.fingerprint:
            return (
                f"the corpus of this run, {self._name}, has changed since (fingerprint {self._checkpoint.fingerprint} "
                f"then, {plan.fingerprint} now)"
            )
        return plan


class _Kept(Document):
    """A document as it was encoded for training."""

    def __init__(self, name: str, level: Level, ids: Ids, ending: str) -> None:
        self.name = name
        self.is_complete = bool(ids[-1] == Level.END)
        self.ending = ending if self.is_complete else ""
        self._level = level
        self._ids = ids

    def chunks(self) -> Iterator[Content]:
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
