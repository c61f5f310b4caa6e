"""The public Python API: a trained model that samples and scores."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from seqgen.checkpoint import Checkpoint, find
from seqgen.config import DeviceConfig, RunsConfig, SamplingConfig
from seqgen.corpus.documents import Excerpt, Passage, cut
from seqgen.corpus.part import encoded
from seqgen.corpus.reading import Reading
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.report import Evaluation
from seqgen.levels.base import TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.hardware import resolve_device
from seqgen.music.prime import primed
from seqgen.music.score import Score
from seqgen.options import field_name
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import begin, sample

_FLAG = re.compile("--([a-z][a-z-]*)")


class Model:
    """A trained model; `load` makes one.

    Args:
        checkpoint: what a checkpoint file holds.
        device: `auto`, `cpu`, `cuda` or `mps`.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        with _python_terms():
            self._model = checkpoint.model(resolve_device(DeviceConfig(device=device).device))

    def sample(self, prime: str = "", **options: Any) -> list[str]:
        """Return texts that begin with the prime.

        Args:
            prime: what each begins with, as it is: a text that begins with @ is no file.
            options: fields of `seqgen.config.SamplingConfig`, named as the options of `seqgen sample`; `stop` is a text
                or several.

        Raises:
            UsageError: an option breaks its rule, or this is a model of music.
        """
        with _python_terms():
            level, config = self._text_level(), _sampling_config({"prime": prime, **options})
            config.refuse_for_text()
            unseen, knows_beginnings = self.checkpoint.unseen, self.checkpoint.knows_beginnings
            texts = [level.normalise(prime)] * config.num_samples
            for index, text in sample(
                self._model, level, prime, config, begin(config), unseen, knows_beginnings=knows_beginnings
            ):
                texts[index] += text
            return texts

    def compose(self, prime: Score | str | None = None, **options: Any) -> list[Score]:
        """Return pieces of music that begin with the prime.

        Args:
            prime: what each goes on from: a score, or notes as "C4 E4:2 R:1"; None lets each begin as it likes.
            options: fields of `seqgen.config.SamplingConfig`, named as the options of `seqgen sample`.

        Raises:
            UsageError: an option breaks its rule, the prime is no music, or this is a model of text.
        """
        level = self.checkpoint.level
        with _python_terms():
            if not isinstance(level, NoteLevel):
                raise UsageError("this is a model of text: sample() writes it")
            if not isinstance(prime, Score | str | None):
                raise UsageError(f'prime must be a score, or notes as "C4 E4:2 R:1", got {prime!r}')
            config = _sampling_config(options)
            config.refuse_for_music()
            score = primed(prime, level.grid, level.metre, config.key) if isinstance(prime, str) else prime
            return compose(self._model, level, score, config, begin(config), self.checkpoint.unseen)

    def score(self, text: str, *, is_ended: bool = False) -> dict[str, Any]:
        """Return how well the model predicts a text, with the keys of `seqgen evaluate --json`.

        A model of lines or paragraphs reads the text line by line or paragraph by paragraph, as `seqgen evaluate`
        does, and the end of a line or paragraph is scored where the text has the newline that ends it.

        Args:
            text: what to predict.
            is_ended: whether the text ends where its last document does: then this end is scored too, as `seqgen
                evaluate` does it at the end of a file.

        Raises:
            CorpusError: the text holds nothing to predict.
            UsageError: this is a model of music.
        """
        passage = Passage("text", self._text_level().normalise(text))
        documents = list(cut(passage, self.checkpoint.config.corpus.document, Reading()))
        if not text or not documents:
            raise CorpusError("an empty text cannot be scored: there is nothing to predict")
        if not is_ended and not documents[-1].ending:
            documents[-1] = Excerpt(documents[-1], stop=documents[-1].size)
        with encoded(self.checkpoint.level, documents) as part:
            return Evaluation.of(self._model, part, "text").to_json()

    def _text_level(self) -> TextLevel:
        if not isinstance(self.checkpoint.level, TextLevel):
            raise UsageError("this is a model of music: compose() writes it")
        return self.checkpoint.level


def load(checkpoint: str | Path | None = None, device: str = "auto") -> Model:
    """Return the model of a run in `checkpoints/`, of a checkpoint file, or by default of the newest run.

    Raises:
        CheckpointError: the file does not exist or is damaged.
        UsageError: there is no such device.
    """
    path = find(None if checkpoint is None else str(checkpoint), Path(RunsConfig().checkpoints_dir))
    return Model(Checkpoint.read(path), device)


def _sampling_config(options: Mapping[str, Any]) -> SamplingConfig:
    """Return the options of a call as a configuration; numbers may be numpy's, and several texts any sequence.

    Raises:
        UsageError: there is no option of a name, or a value breaks its rule.
    """
    names = [item.name for item in fields(SamplingConfig)]
    for name in options:
        if name not in names:
            nearest = get_close_matches(name, names, 1)
            remedy = f"do you mean {nearest[0]}?" if nearest else f"there are {', '.join(names)}"
            raise UsageError(f"there is no option {name}: {remedy}")
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()}
    stop = values.get("stop")
    if isinstance(stop, str | list):
        values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    return SamplingConfig(**values)


@contextmanager
def _python_terms() -> Iterator[None]:
    """Let messages name parameters as Python does: `top_k` for `--top-k`."""
    try:
        yield
    except UsageError as error:
        raise UsageError(_FLAG.sub(lambda match: field_name(match[1]), str(error))) from error
