"""The Python API: load a trained model, sample from it and score texts with it."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqgen.checkpoint import Checkpoint
from seqgen.config import DeviceConfig, FoldersConfig, RunsConfig, SamplingConfig
from seqgen.corpus.dataset import encoded
from seqgen.corpus.documents import Document, Excerpt, Pair, Passage, cut
from seqgen.corpus.music_file import reading_options
from seqgen.corpus.reading import ReadingLog
from seqgen.corpus.signals import SignalDocument, signal_in
from seqgen.encoders.base import Signal
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.best_of import compose_best
from seqgen.evaluation.fusion_weight import fused
from seqgen.evaluation.report import Evaluation
from seqgen.levels.base import TextLevel, normalise_text
from seqgen.levels.note import NoteLevel
from seqgen.model.hardware import resolve_device
from seqgen.music.prime import first_bars, primed
from seqgen.music.score import Score
from seqgen.options import field_name
from seqgen.runs import find
from seqgen.sampling.common_start import common_start, initial_metre
from seqgen.sampling.fusion import Fusion
from seqgen.sampling.sampler import begin, sample
from seqgen.sampling.transcriber import Transcriber, check_given, is_empty

_FLAG = re.compile("--([a-z][a-z-]*)")


class Model:
    """A trained model, as returned by `load`.

    Args:
        checkpoint: the content of a checkpoint file.
        device: `auto`, `cpu`, `cuda` or `mps`.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self.checkpoint = checkpoint
        with _python_terms():
            self._model = checkpoint.model(resolve_device(DeviceConfig(device=device).device))

    def sample(
        self, prime: str = "", given: str | Path | Sequence[str | Path] | None = None, **options: Any
    ) -> list[str]:
        """Return texts, each of which starts with the prime.

        A model that was trained with `--given` writes the most likely texts, or samples if an option such as
        `temperature` is passed:

            model.sample(given=["one", "two"])            # the best text of each
            model.sample(given="one", num_samples=3)      # the three best texts, best first

        Args:
            prime: the start of each text; unlike on the command line, @ has no special meaning.
            given: what such a model writes from: several texts, which are searched together, or a single text. Images,
                recordings and strokes are the paths of their files.
            options: fields of `seqgen.config.SamplingConfig`, named like the options of `seqgen sample`; `stop` is a
                text or a sequence of texts.

        Raises:
            UsageError: an option is invalid, this is a model of music, or `given` is missing or unexpected.
        """
        with _python_terms():
            check_given(self.checkpoint, is_given=given is not None)
            if given is not None:
                return self._from_given(given, _sampling_config({"prime": prime, "given": ("",), **options}))
            level, config = self._text_level(), _sampling_config({"prime": prime, **options})
            config.refuse_for_text()
            unseen_ids, knows_beginnings = self.checkpoint.unseen, self.checkpoint.knows_beginnings
            texts = [level.normalise(prime)] * config.num_samples
            for index, text in sample(
                self._model, level, prime, config, begin(config), unseen_ids, knows_beginnings=knows_beginnings
            ):
                texts[index] += text
            return texts

    def compose(self, prime: Score | str | None = None, **options: Any) -> list[Score]:
        """Return sampled pieces of music, each of which starts with the prime.

        Args:
            prime: a score, or notes such as "C4 E4:2 R:1"; None for no prime.
            options: fields of `seqgen.config.SamplingConfig`, named like the options of `seqgen sample`; `instrument`
                is a name or a sequence of names, one per part.

        Warns:
            UserWarning: the prime was changed, or the model writes for other instruments.

        Raises:
            UsageError: an option or the prime is invalid, or this is a model of text.
        """
        level = self.checkpoint.level
        with _python_terms():
            if not isinstance(level, NoteLevel):
                raise UsageError("this is a model of text: use sample()")
            if not isinstance(prime, Score | str | None):
                raise UsageError(f'prime must be a score, or notes such as "C4 E4:2 R:1", got {prime!r}')
            config = _sampling_config(options)
            config.refuse_for_music()
            if isinstance(prime, str):
                reading = reading_options(self.checkpoint.config.corpus)
                score_of = partial(level.score_of, metre=initial_metre(level, config))
                prime = primed(prime, reading, score_of, config.key, config.prime_bars)
            else:
                prime = first_bars(prime, config.prime_bars)
            start = common_start(level, prime, config, self.checkpoint.unseen)
            scores, _, notices = compose_best(self.checkpoint, self._model, level, start, config, FoldersConfig())
            for notice in (*start.notices, *notices):
                warnings.warn(notice, stacklevel=2)
            return scores

    def _from_given(self, given: str | Path | Sequence[str | Path], config: SamplingConfig) -> list[str]:
        config.refuse_for_given()
        writer = Transcriber.of(self.checkpoint, self._model, self._fusion(config))
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
        model, weight = other.model(str(self._model.device)), config.language_model_weight
        return fused(self.checkpoint, self._model, other, model, FoldersConfig(), weight)[0]

    def _opened(self, given: str | Path) -> str | Signal:
        """Return a text as it is, or the signal in a file."""
        coding = self.checkpoint.given_coding
        return signal_in(given, "text" if coding is None else coding.name) if isinstance(given, Path) else given

    def score(self, text: str, *, is_ended: bool = False, given: str | Path | None = None) -> dict[str, Any]:
        """Return the loss of the model on a text, with the keys of `seqgen evaluate --json`.

        A model of lines or paragraphs scores each line or paragraph as a document, like `seqgen evaluate`. The end of
        a document is scored where the text has the newline that ends it.

        Args:
            text: the text.
            is_ended: whether the end of the text is the end of a document, and is scored as such, like the end of a
                file by `seqgen evaluate`.
            given: what the text is written from, for a model trained with `--given`. Its end is always scored.

        Raises:
            CorpusError: the text is empty.
            UsageError: this is a model of music, or `given` is missing or unexpected.
        """
        with _python_terms():
            check_given(self.checkpoint, is_given=given is not None)
        normalised = self._text_level().normalise(text)
        documents: list[Document[str]]
        if given is not None:
            documents, is_ended = [self._pair(normalised, given)], True
        else:
            unit = self.checkpoint.config.corpus.document
            documents = list(cut(Passage("text", normalised), unit, ReadingLog()))
        if not text or not documents:
            raise CorpusError("an empty text cannot be scored")
        if not is_ended and not documents[-1].ending:
            documents[-1] = Excerpt(documents[-1], stop=documents[-1].size)
        with encoded(self.checkpoint.level, documents, self.checkpoint.given_coding) as dataset:
            return Evaluation.of(self._model, dataset, "text").to_json()

    def _pair(self, text: str, given: str | Path) -> Pair:
        """Return a text with what it is given."""
        opened = self._opened(given)
        if is_empty(opened):
            raise UsageError("given must not be empty")
        Transcriber.of(self.checkpoint, self._model).rows(opened)  # checks it
        if isinstance(opened, str):
            return Pair("text", text, normalise_text(opened))
        return Pair("text", text, SignalDocument(opened.name, "", opened.read))

    def _text_level(self) -> TextLevel:
        if not isinstance(self.checkpoint.level, TextLevel):
            raise UsageError("this is a model of music: use compose()")
        return self.checkpoint.level


def load(checkpoint: str | Path | None = None, device: str = "auto") -> Model:
    """Load the model of a run in `checkpoints/` or of a checkpoint file; by default that of the newest run.

    Args:
        checkpoint: name of a run, or path of a checkpoint file.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        CheckpointError: the file does not exist or is damaged.
        UsageError: the device is not available.
    """
    path = find(None if checkpoint is None else str(checkpoint), Path(RunsConfig().checkpoints_dir))
    return Model(Checkpoint.read(path), device)


def _sampling_config(options: Mapping[str, Any]) -> SamplingConfig:
    """Return the keyword arguments of a call as a configuration; numpy numbers and lists are accepted.

    Raises:
        UsageError: an option does not exist, or its value is invalid.
    """
    names = [item.name for item in fields(SamplingConfig)]
    for name in options:
        if name not in names:
            nearest = get_close_matches(name, names, 1)
            remedy = f"did you mean {nearest[0]}?" if nearest else f"the options are {', '.join(names)}"
            raise UsageError(f"there is no option {name}: {remedy}")
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()}
    for name in ("stop", "instrument"):
        if isinstance(value := values.get(name), str | list):
            values[name] = (value,) if isinstance(value, str) else tuple(value)
    return SamplingConfig(**values)


@contextmanager
def _python_terms() -> Iterator[None]:
    """Name options like Python parameters in messages: `top_k` for `--top-k`."""
    try:
        yield
    except UsageError as error:
        raise UsageError(_FLAG.sub(lambda match: field_name(match[1]), str(error))) from error
