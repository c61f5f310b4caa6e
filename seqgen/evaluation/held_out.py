"""The text that a model is evaluated on."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.dataset import Dataset, encoded
from seqgen.corpus.documents import Document
from seqgen.corpus.pairs import with_given_of
from seqgen.corpus.signals import kind_of
from seqgen.corpus.split import VALID
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.options import flag

SELECTED = "validation, used to select the checkpoint"


class HeldOut:
    """A text to evaluate a model on.

    Args:
        checkpoint: the model, whose level encodes the text.
        corpus: source of the text; None for the validation set of the run.
        folders: where the prepared corpus of the run is stored.
        reading: values of the options `READING` that override those of the run.

    Attributes:
        name: the source, or `SELECTED`.
        run: the corpus that the model was trained on.

    Raises:
        CorpusError: the text cannot be read, or the validation set of the run is missing.
        UsageError: reading options are used without a source, or `--given` with a model that is given nothing.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        corpus: str | None,
        folders: FoldersConfig,
        reading: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._level, self._given_coding = checkpoint.level, checkpoint.given_coding
        self._other: Corpus | None = None
        self.name = SELECTED if corpus is None else corpus
        self.run = RunCorpus(checkpoint, folders)
        if "given" in reading and self._given_coding is None:
            raise UsageError("this model was trained without --given: omit --given")
        if corpus is not None:
            config = checkpoint.config.corpus if "given" in reading else with_given_of(corpus, checkpoint.config.corpus)
            config = replace(config, corpus=(corpus,), valid=None, **reading)
            self._other = Corpus.read([corpus], config, folders.parsed)
            if self._given_coding is not None and self._other.given_kind != (kind := kind_of(self._given_coding)):
                raise CorpusError(
                    f"the texts of {corpus} are given {self._other.given_kind}, but this model is given {kind}"
                )
        elif reading:
            raise UsageError(f"{flag(next(iter(reading)))} needs --corpus")
        elif self.run.missing:
            raise self.run.error("give a text with --corpus")

    @property
    def notes(self) -> list[str]:
        """Notes for the user on what has been read so far."""
        return [*(self._other.log.summary if self._other else []), *self.run.notes]

    @property
    def is_validation(self) -> bool:
        """Whether it is the validation set of the run, which selected the checkpoint."""
        return self._other is None

    def documents(self) -> Iterator[Document[Any]]:
        """Yield the documents."""
        return self.run.documents(VALID) if self._other is None else iter(self._other)

    def encoded(self) -> AbstractContextManager[Dataset]:
        """Provide the text as token ids."""
        if self._other is None:
            return self.run.encoded(VALID)
        return encoded(self._level, self._other.blocks(), self._given_coding)

    def extent(self, document: Document[Any]) -> dict[str, float]:
        """Return the size of a document in the units of the level."""
        ending = [document.ending] if document.ending else []
        total = Counter[str]()
        for before, chunk in pairwise(chain([None], document.chunks(), ending)):
            total.update(self._level.extent(chunk, before))
        return dict(total)
