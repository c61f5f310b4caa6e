"""The text that a model is measured on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.documents import Document
from seqgen.corpus.part import Part, encoded
from seqgen.corpus.plan import Texts
from seqgen.corpus.split import VALID
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.options import flag

SELECTED = "validation, used to select the checkpoint"


class HeldOut:
    """A text that a model has not learned from.

    Args:
        checkpoint: of the model, whose level encodes it.
        corpus: the SOURCE; None for the run's own validation part.
        folders: where what was prepared for the run is kept.
        reading: how the SOURCE is read, by option of `READING`; what is not in it is as in the run.

    Attributes:
        name: a path, or `SELECTED`.
        run: what the model was trained on.

    Raises:
        CorpusError: the text cannot be read, or the run's validation part is not there any more.
        UsageError: options of reading are given, and nothing to read.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        corpus: str | None,
        folders: FoldersConfig,
        reading: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._level = checkpoint.level
        self._other: Texts | None = None
        self.name = SELECTED if corpus is None else corpus
        self.run = RunCorpus(checkpoint, folders)
        if corpus is not None:
            config = replace(checkpoint.config.corpus, corpus=(corpus,), valid=None, **reading)
            self._other = Texts.read([corpus], config, folders.parsed)
        elif reading:
            raise UsageError(f"{flag(next(iter(reading)))} is for the text that --corpus names, and none is given")
        elif self.run.missing:
            raise CorpusError(f"{self.run.missing}: name a text with --corpus, or the right --data-dir")

    @property
    def notes(self) -> list[str]:
        """What the user should hear about the reading so far."""
        return [*(self._other.reading.summary if self._other else []), *self.run.notes]

    @property
    def is_validation(self) -> bool:
        """Whether it is the part that has selected the checkpoint."""
        return self._other is None

    def documents(self) -> Iterator[Document]:
        """Yield its documents."""
        return self.run.documents(VALID) if self._other is None else iter(self._other)

    def encoded(self) -> AbstractContextManager[Part]:
        """Lend it as token ids."""
        return self.run.encoded(VALID) if self._other is None else encoded(self._level, self.documents())

    def extent(self, document: Document) -> dict[str, float]:
        """Return how much a document of it is, in the units of the level."""
        ending = [document.ending] if document.ending else []
        total = Counter[str]()
        for before, chunk in pairwise(chain([None], document.chunks(), ending)):
            total.update(self._level.extent(chunk, before))
        return dict(total)
