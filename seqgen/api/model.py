"""A trained model: samples from it, scores and predictions."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seqgen.api.arguments import config_of, errors_in_python_terms, python_terms
from seqgen.api.predictions import Probabilities, States, Surprisal
from seqgen.api.texts import Texts, targets
from seqgen.checkpoint import Checkpoint
from seqgen.config import DeviceConfig, FoldersConfig, RunsConfig, SamplingConfig
from seqgen.corpus.music_file import reading_options
from seqgen.errors import UsageError
from seqgen.evaluation.best_of import compose_best
from seqgen.evaluation.likelihood import surprisals
from seqgen.evaluation.predictions import probabilities, states
from seqgen.evaluation.report import Evaluation
from seqgen.levels.note import NoteLevel
from seqgen.model.hardware import resolve_device
from seqgen.music.prime import first_bars, primed
from seqgen.music.score import Score
from seqgen.runs import find, short_name
from seqgen.sampling.common_start import common_start, initial_metre
from seqgen.sampling.sampler import begin, sample
from seqgen.sampling.transcriber import check_given
from seqgen.training.run_folder import RunFolder


class Model:
    """A trained model, as returned by `load` and `train`.

    Args:
        checkpoint: the content of a checkpoint file.
        device: `auto`, `cpu`, `cuda` or `mps`.
        path: the checkpoint file; None if the checkpoint was not read from a file.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", path: Path | None = None) -> None:
        self.checkpoint = checkpoint
        self.path = path
        with errors_in_python_terms():
            self._model = checkpoint.model(resolve_device(DeviceConfig(device=device).device))
        self._texts = Texts(checkpoint, self._model)

    def __repr__(self) -> str:
        config, level, loss = self.checkpoint.config.model, self.checkpoint.level, self.figures.get("best_valid_nats")
        projected = f"/{config.projection_size}" if config.projection_size else ""
        attention = f", attention {config.attention}" if config.attention else ""
        shown: dict[str, Any] = {
            "run": self.path and short_name(self.path),
            "level": level.name,
            "vocabulary": level.vocabulary_size,
            "cells": f"{config.cell} {config.depth}x{config.hidden_size}{projected}{attention}",
            "parameters": self._model.num_parameters,
            "best_valid_nats": loss and round(loss, 4),
            "device": str(self._model.device),
        }
        return f"Model({', '.join(f'{name}={value!r}' for name, value in shown.items() if value is not None)})"

    @property
    def folder(self) -> Path | None:
        """The folder of the run; None for a model without a file."""
        return self.path and self.path.parent

    @property
    def figures(self) -> dict[str, Any]:
        """Step, losses and other figures of the run when the model was saved."""
        return dict(self.checkpoint.figures)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The figures of the run over time: the lines of `metrics.jsonl`, see docs/evaluation.md."""
        return [] if self.folder is None else RunFolder(self.folder, warnings.warn).read_log()

    def sample(
        self, prime: str = "", given: str | Path | Sequence[str | Path] | None = None, **options: Any
    ) -> list[str]:
        """Return texts, each of which starts with the prime.

        A model that was trained with `given` writes the most likely texts, or samples if an option such as
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
        with errors_in_python_terms():
            check_given(self.checkpoint, is_given=given is not None)
            if given is not None:
                config = config_of(SamplingConfig, {"prime": prime, "given": ("",), **options})
                return self._texts.written(given, config)
            level, config = self._texts.level, config_of(SamplingConfig, {"prime": prime, **options})
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
        level, notices = self.checkpoint.level, list[str]()
        with errors_in_python_terms():
            if not isinstance(level, NoteLevel):
                raise UsageError("this is a model of text: use sample()")
            if not isinstance(prime, Score | str | None):
                raise UsageError(f'prime must be a score, or notes such as "C4 E4:2 R:1", got {prime!r}')
            config = config_of(SamplingConfig, options)
            config.refuse_for_music()
            if isinstance(prime, str):
                reading = reading_options(self.checkpoint.config.corpus)
                score_of = partial(level.score_of, metre=initial_metre(level, config))
                prime = primed(prime, reading, score_of, config.key, config.prime_bars, notices.append)
            else:
                prime = first_bars(prime, config.prime_bars)
            start = common_start(level, prime, config, self.checkpoint.unseen)
            scores, _, others = compose_best(self.checkpoint, self._model, level, start, config, FoldersConfig())
        for notice in (*notices, *start.notices, *others):
            warnings.warn(python_terms(notice), stacklevel=2)
        return scores

    def score(self, text: str, *, is_ended: bool = False, given: str | Path | None = None) -> dict[str, Any]:
        """Return the loss of the model on a text, with the keys of `seqgen evaluate --json`.

        A model of lines or paragraphs scores each line or paragraph as a document, like `seqgen evaluate`. The end of
        a document is scored where the text has the newline that ends it.

        Args:
            text: the text.
            is_ended: whether the end of the text is the end of a document, and is scored as such, like the end of a
                file by `seqgen evaluate`.
            given: what the text is written from, for a model trained with `given`. Its end is always scored.

        Raises:
            CorpusError: the text is empty.
            UsageError: this is a model of music, or `given` is missing or unexpected.
        """
        with errors_in_python_terms(), self._texts.scored(text, given, is_ended=is_ended) as dataset:
            return Evaluation.of(surprisals(self._model, dataset), dataset, "text").to_json()

    def surprisal(self, text: str, *, is_ended: bool = False, given: str | Path | None = None) -> Surprisal:
        """Return the surprisal of each token of a text, in nats; their sum is the loss that `score` returns.

        The arguments and errors are those of `score`; a model without a decoder (ctc) raises UsageError, too.
        """
        with errors_in_python_terms(), self._texts.scored(text, given, is_ended=is_ended) as dataset:
            self._texts.refuse_without_decoder()
            return Surprisal(self._texts.tokens(dataset), targets(dataset, surprisals(self._model, dataset)))

    def probabilities(self, text: str, *, given: str | Path | None = None) -> Probabilities:
        """Return the probability of each token of the vocabulary at each position of a text, and after it.

        The text is the beginning of one document, like the prime of `sample`, and may be empty. The array needs four
        bytes per position and token of the vocabulary.

        Args:
            text: the text.
            given: what the text is written from, for a model trained with `given`.

        Raises:
            UsageError: this is a model of music or has no decoder (ctc), or `given` is missing or unexpected.
        """
        with errors_in_python_terms(), self._texts.begun(text, given) as dataset:
            tokens, ids = self._texts.tokens(dataset), targets(dataset, dataset.ids.astype(np.int64))
            return Probabilities(tokens, ids, self._texts.vocabulary, probabilities(self._model, dataset))

    def states(self, text: str, *, given: str | Path | None = None) -> States:
        """Return states and gates of every layer at each position of a text; arguments as for `probabilities`.

        The model reads the text token by token, some thousands per second.
        """
        with errors_in_python_terms(), self._texts.begun(text, given) as dataset:
            return States(self._texts.tokens(dataset), states(self._model, dataset))


def load(checkpoint: str | Path | None = None, device: str = "auto") -> Model:
    """Load the model of a run in `checkpoints/` or of a checkpoint file; by default that of the newest run.

    Args:
        checkpoint: name of a run, path of a checkpoint file, or a built-in model, such as `builtin:shakespeare`.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        CheckpointError: the file does not exist or is damaged.
        UsageError: the device is not available.
    """
    with errors_in_python_terms():
        path = find(None if checkpoint is None else str(checkpoint), Path(RunsConfig().checkpoints_dir))
        return Model(Checkpoint.read(path), device, path)
