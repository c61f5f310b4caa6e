"""The texts that a model reads and writes, as datasets."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig, RunsConfig, SamplingConfig
from seqgen.corpus.dataset import Dataset, encoded
from seqgen.corpus.documents import Document, Excerpt, Pair, Passage
from seqgen.corpus.passages import cut, singly
from seqgen.corpus.reading import ReadingLog
from seqgen.corpus.signals import SignalDocument, signal_in
from seqgen.encoders.base import Signal
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.fusion_weight import fused
from seqgen.levels.base import TextLevel, normalise_text
from seqgen.model.ctc import CtcModel
from seqgen.model.language_model import LanguageModel
from seqgen.runs import find
from seqgen.sampling.fusion import Fusion
from seqgen.sampling.transcriber import Transcriber, check_given, is_empty


@dataclass(frozen=True)
class Texts:
    """What a model of text reads and writes.

    Attributes:
        checkpoint: the checkpoint.
        model: its model.
    """

    checkpoint: Checkpoint
    model: LanguageModel

    @property
    def level(self) -> TextLevel:
        """The vocabulary.

        Raises:
            UsageError: this is a model of music.
        """
        if not isinstance(self.checkpoint.level, TextLevel):
            raise UsageError("this is a model of music: use compose(), or seqgen evaluate --per-token for surprisals")
        return self.checkpoint.level

    @cached_property
    def vocabulary(self) -> list[str]:
        """The text of each token; empty for the start and the end of a document."""
        level = self.level
        return [level.spelled([token])[0] for token in range(level.vocabulary_size)]

    def tokens(self, dataset: Dataset) -> list[str]:
        """Return the text of each token of the documents, without their start tokens."""
        documents = map(dataset.document, range(dataset.num_documents))
        return [text for ids in documents for text in self.level.spelled(ids[1:].tolist())]

    def refuse_without_decoder(self) -> None:
        """Reject a model for which only whole texts have a probability."""
        if isinstance(self.model, CtcModel):
            raise UsageError("tokens have probabilities in models with a decoder only; this one has none (ctc)")

    def scored(self, text: str, given: str | Path | None, *, is_ended: bool) -> AbstractContextManager[Dataset]:
        """Provide the documents of a text as `seqgen evaluate` scores them; see `Model.score`."""
        check_given(self.checkpoint, is_given=given is not None)
        normalised = self.level.normalise(text)
        documents: list[Document[str]]
        if given is not None:
            documents, is_ended = [self._pair(normalised, given)], True
        else:
            unit = self.checkpoint.config.corpus.document
            documents = list(singly(cut(Passage("text", normalised), unit, ReadingLog())))
        if not text or not documents:
            raise CorpusError("an empty text cannot be scored")
        if not is_ended and not documents[-1].ending:
            documents[-1] = Excerpt(documents[-1], stop=documents[-1].size)
        return encoded(self.checkpoint.level, documents, self.checkpoint.given_coding)

    def begun(self, text: str, given: str | Path | None) -> AbstractContextManager[Dataset]:
        """Provide a text as the beginning of one document, without an end token."""
        check_given(self.checkpoint, is_given=given is not None)
        normalised = self.level.normalise(text)
        self.refuse_without_decoder()
        document = Passage("text", normalised) if given is None else self._pair(normalised, given)
        beginning = Excerpt(document, stop=document.size)
        beginning.given = document.given
        return encoded(self.checkpoint.level, [beginning], self.checkpoint.given_coding)

    def written(self, given: str | Path | Sequence[str | Path], config: SamplingConfig) -> list[str]:
        """Return what the model writes for one or several givens; see `Model.sample`."""
        config.refuse_for_given()
        writer = Transcriber.of(self.checkpoint, self.model, self._fusion(config))
        if isinstance(given, str | Path):
            (best,) = writer.write([self._opened(given)], config)
            return [each.text for each in best]
        if config.num_samples > 1:
            raise UsageError("--num-samples needs a single text as --given, not several")
        return [best[0].text if best else "" for best in writer.write(list(map(self._opened, given)), config)]

    def _fusion(self, config: SamplingConfig) -> Fusion | None:
        """Return the language model that options name, for the search."""
        if config.language_model is None:
            return None
        other = Checkpoint.read(find(config.language_model, Path(RunsConfig().checkpoints_dir)))
        model, weight = other.model(str(self.model.device)), config.language_model_weight
        return fused(self.checkpoint, self.model, other, model, FoldersConfig(), weight)[0]

    def _pair(self, text: str, given: str | Path) -> Pair:
        """Return a text with what it is given."""
        opened = self._opened(given)
        if is_empty(opened):
            raise UsageError("given must not be empty")
        Transcriber.of(self.checkpoint, self.model).rows(opened)  # checks it
        if isinstance(opened, str):
            return Pair("text", text, normalise_text(opened))
        return Pair("text", text, SignalDocument(opened.name, "", opened.read))

    def _opened(self, given: str | Path) -> str | Signal:
        """Return a text as it is, or the signal in a file."""
        coding = self.checkpoint.given_coding
        return signal_in(given, "text" if coding is None else coding.name) if isinstance(given, Path) else given


def targets(dataset: Dataset, values: NDArray[Any]) -> NDArray[Any]:
    """Return the values of all tokens but the start tokens, shape (tokens, ...), from those of all."""
    is_target = np.ones(len(values), dtype=bool)
    is_target[dataset.offsets[:-1]] = False
    return values[is_target]
