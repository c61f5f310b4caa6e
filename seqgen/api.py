"""The public Python API: a trained model that samples and scores."""

from pathlib import Path
from typing import Any

from seqgen.checkpoint import Checkpoint, find
from seqgen.config import FoldersConfig, SamplingConfig
from seqgen.corpus.documents import Passage
from seqgen.corpus.part import encoded
from seqgen.corpus.split import Piece
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.report import Evaluation
from seqgen.levels.base import TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.hardware import resolve_device
from seqgen.music.score import Score
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import begin, sample


class Model:
    """A trained model; `load` makes one.

    Args:
        checkpoint: what a checkpoint file holds.
        device: `auto`, `cpu`, `cuda` or `mps`.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        self._model = checkpoint.model(resolve_device(device))

    def sample(self, prime: str = "", **options: Any) -> list[str]:
        """Return texts that begin with the prime.

        Args:
            prime: what each begins with.
            options: fields of `seqgen.config.SamplingConfig`, named as the options of `seqgen sample`.

        Raises:
            UsageError: an option breaks its rule.
        """
        config = SamplingConfig(prime=prime, **options)
        level = self._text_level()
        texts = [level.normalise(prime)] * config.num_samples
        for index, text in sample(self._model, level, prime, config, begin(config), self.checkpoint.unseen):
            texts[index] += text
        return texts

    def compose(self, prime: Score | None = None, **options: Any) -> list[Score]:
        """Return pieces of music that begin with the prime.

        Args:
            prime: what each goes on from; None lets each begin as it likes.
            options: fields of `seqgen.config.SamplingConfig`, named as the options of `seqgen sample`.

        Raises:
            UsageError: an option breaks its rule, or this is a model of text.
        """
        level = self.checkpoint.level
        if not isinstance(level, NoteLevel):
            raise UsageError("this is a model of text: sample() writes it")
        config = SamplingConfig(**options)
        return compose(self._model, level, prime, config, begin(config), self.checkpoint.unseen)

    def score(self, text: str) -> dict[str, Any]:
        """Return how well the model predicts a text, with the keys of `seqgen evaluate --json`.

        Raises:
            CorpusError: the text is empty.
            UsageError: this is a model of music.
        """
        level = self._text_level()
        if not text:
            raise CorpusError("an empty text cannot be scored: there is nothing to predict")
        passage = Passage("text", level.normalise(text))
        with encoded(self.checkpoint.level, [Piece(passage)]) as part:
            return Evaluation.of(self._model, part, "text").to_json()

    def _text_level(self) -> TextLevel:
        if not isinstance(self.checkpoint.level, TextLevel):
            raise UsageError("this is a model of music: compose() writes it")
        return self.checkpoint.level


def load(checkpoint: str | Path | None = None, device: str = "auto") -> Model:
    """Return the model of a run in `checkpoints/`, of a checkpoint file, or by default of the newest run.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    path = find(None if checkpoint is None else str(checkpoint), Path(FoldersConfig().checkpoints_dir))
    return Model(Checkpoint.read(path), device)
