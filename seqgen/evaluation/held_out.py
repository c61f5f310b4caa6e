"""The text that a model is measured on, and what the model has learned from."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.part import Part, encoded
from seqgen.corpus.plan import Plan, Texts
from seqgen.corpus.sources import STANDARD_INPUT
from seqgen.corpus.split import VALID, Piece
from seqgen.corpus.store import Store
from seqgen.errors import CorpusError, UsageError
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
        notes: what the user should hear about the reading.

    Raises:
        CorpusError: the corpus cannot be read, or is no longer the one that was trained on.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        corpus: str | None,
        folders: FoldersConfig,
        reading: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        if corpus is None and reading:
            raise UsageError(f"{flag(next(iter(reading)))} is for the text of --corpus: name one")
        self._checkpoint = checkpoint
        self._folders = folders
        self._other: Texts | None = None
        if corpus is None:
            self.name, self.notes = SELECTED, self._own.summary
        else:
            config = replace(checkpoint.config.corpus, corpus=(corpus,), valid=None, **reading)
            self._other = Texts.read([corpus], config, self._folders.parsed)
            self.name, self.notes = corpus, self._other.reading.summary

    @property
    def is_validation(self) -> bool:
        """Whether it is the part that has selected the checkpoint."""
        return self._other is None

    def pieces(self) -> Iterator[Piece]:
        """Yield its documents."""
        return map(Piece, self._other) if self._other is not None else self.of_run(VALID)

    def encoded(self) -> AbstractContextManager[Part]:
        """Lend it as token ids."""
        if self._other is None:
            return self.encoded_of_run(VALID)
        return encoded(self._checkpoint.level, self.pieces())

    def encoded_of_run(self, wanted: str) -> AbstractContextManager[Part]:
        """Lend the run's own training or validation part as token ids, as kept for training where they still are.

        Raises:
            CorpusError: its documents are not there any more.
        """
        pieces = self.of_run(wanted)
        with suppress(CorpusError):
            store = Store.kept(Path(self._folders.data_dir), self._own.fingerprint)
            if store.level.to_json() == self._checkpoint.level.to_json():
                return nullcontext(getattr(store, wanted))
        return encoded(self._checkpoint.level, pieces)

    def extent(self, piece: Piece) -> dict[str, float]:
        """Return how much a document of it is, in the units of the level."""
        total = Counter[str]()
        for chunk in chain(piece.chunks(), [piece.document.ending] if piece.is_ended and piece.document.ending else []):
            total.update(self._checkpoint.level.extent(chunk))
        return dict(total)

    @cached_property
    def has_training(self) -> bool:
        """Whether what the run was trained on is still there."""
        try:
            return bool(self._own.size)
        except CorpusError:
            return False

    def of_run(self, wanted: str) -> Iterator[Piece]:
        """Yield the documents of the run's own training or validation part.

        Raises:
            CorpusError: they are not there any more.
        """
        return (piece for part, piece in self._own.pieces() if part == wanted)

    @property
    def _remedy(self) -> str:
        if self.is_validation:
            return "its validation part is gone, so name a text with --corpus"
        return "without it, leave out --dynamic, --cache and --num-samples"

    @cached_property
    def _own(self) -> Plan:
        """The division of the corpus that the model was trained on."""
        config, fingerprint = self._checkpoint.requested.corpus, self._checkpoint.fingerprint
        if STANDARD_INPUT in (*config.corpus, config.valid) and not self.is_validation:
            raise CorpusError(f"the corpus of this run came from standard input; {self._remedy}")
        try:
            began_from_run = self._checkpoint.requested.model.from_ is not None
            plan = Plan.of(config, self._folders.parsed, self._checkpoint.level if began_from_run else None)
        except CorpusError as error:
            raise CorpusError(f"the corpus of this run is not there any more ({error}); {self._remedy}") from error
        if plan.fingerprint != fingerprint:
            raise CorpusError(
                f"the corpus {', '.join(config.corpus)} has changed since this run (fingerprint {fingerprint} then, "
                f"{plan.fingerprint} now): {self._remedy}"
            )
        return plan
