"""The evaluation of a model on a text: its loss, those of baselines, and what its samples are like."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.config import EvaluationConfig
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.split import TRAIN, VALID
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.baselines import Baselines
from seqgen.evaluation.compressors import MAX_BYTES
from seqgen.evaluation.confidence import ConfidenceInterval, confidence_interval
from seqgen.evaluation.dynamic_evaluation import DynamicModel, DynamicSettings
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import Likelihood, surprisals
from seqgen.evaluation.loss_units import Loss
from seqgen.evaluation.music import MusicReport, report_on_music
from seqgen.evaluation.neural_cache import CachedPredictions, CacheSettings
from seqgen.evaluation.overlap import Overlap
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.text import TextReport, report_on_texts
from seqgen.evaluation.writing import WritingReport, report_on_writing
from seqgen.levels.base import TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.options import flag
from seqgen.sampling.fusion import Fusion


@dataclass(frozen=True)
class DynamicLoss:
    """The loss of a model with dynamic evaluation.

    Attributes:
        loss: the loss.
        settings: the settings, chosen on the validation set.
    """

    loss: Loss
    settings: DynamicSettings


@dataclass(frozen=True)
class CachedLoss:
    """The loss of a model with a cache.

    Attributes:
        loss: the loss.
        window: number of tokens that the cache covers.
        settings: the other settings of the cache, chosen on the validation set.
    """

    loss: Loss
    window: int
    settings: CacheSettings


@dataclass(frozen=True, repr=False)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        name: the text: a path, or `SELECTED`.
        loss: loss of the model.
        confidence_interval: confidence interval of its nats per token; None if the text is too short.
        baselines: losses of n-grams and compressors; None if the training set is missing.
        dynamic: loss with dynamic evaluation, if requested.
        cache: loss with a cache, if requested.
        overlap: shares of the text that occur in the corpus of the run; None for the run's own validation set.
        music: comparison of samples with the corpus, if requested from a model of music.
        copying: what samples copied from the training set, if requested from a model of text.
        writing: how good the texts are that a conditional model writes.
    """

    name: str
    loss: Loss
    confidence_interval: ConfidenceInterval | None = None
    baselines: Baselines | None = None
    dynamic: DynamicLoss | None = None
    cache: CachedLoss | None = None
    overlap: Overlap | None = None
    music: MusicReport | None = None
    copying: TextReport | None = None
    writing: WritingReport | None = None

    @classmethod
    def of(cls, nats: NDArray[np.float32], dataset: Dataset, name: str) -> "Evaluation":
        """Return the loss of a model, given the nats of each token of a dataset."""
        return cls(name, Loss(Likelihood.of(nats, dataset), dataset.extent), confidence_interval(dataset, nats))

    def __repr__(self) -> str:
        return f"Evaluation(name={self.name!r}, tokens={self.loss.score.tokens}, loss='{self.loss.summary}')"

    @property
    def losses(self) -> dict[str, dict[str, float | None]]:
        """The losses of the model and of what it is compared with, by predictor and unit."""
        losses = {"model": self.loss.by_unit}
        if self.dynamic is not None:
            losses["dynamic"] = self.dynamic.loss.by_unit
        if self.cache is not None:
            losses["cache"] = self.cache.loss.by_unit
        if self.baselines is not None:
            if self.baselines.mixture is not None:
                losses["mixture"] = self.baselines.mixture.loss.by_unit
            losses["ngram"] = self.baselines.ngram.by_unit
            losses |= {name: self._compressed(bits) for name, bits in self.baselines.compressed.items()}
        return losses

    def _compressed(self, bits_per_byte: float) -> dict[str, float | None]:
        extent = self.loss.extent
        return {
            "bits_per_character": bits_per_byte * extent["bytes"] / extent["characters"],
            "bits_per_byte": bits_per_byte,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        others = self.losses
        loss = others.pop("model")
        amounts = self.loss.amounts
        content: dict[str, Any] = {"part": self.name, "tokens": amounts.pop("tokens")}
        content |= {name: loss[name] for name in ("nats_per_token", "perplexity")}
        if self.confidence_interval is not None:
            content["confidence_interval"] = asdict(self.confidence_interval)
        for unit, amount in amounts.items():
            content |= {unit: amount, **dict([self.loss.per(unit)])}
        content |= others
        if self.dynamic is not None:
            content["dynamic"] = {**asdict(self.dynamic.settings), **others["dynamic"]}
        if self.cache is not None:
            content["cache"] = {"window": self.cache.window, **asdict(self.cache.settings), **others["cache"]}
        if self.baselines is not None:
            content["ngram"] = {"order": self.baselines.order, **others["ngram"]}
            if self.baselines.mixture is not None:
                content["mixture"] = {"weight": self.baselines.mixture.weight, **others["mixture"]}
        reports = {"overlap": self.overlap, "music": self.music, "copying": self.copying, "writing": self.writing}
        return content | {name: report.to_json() for name, report in reports.items() if report is not None}


def evaluate(
    checkpoint: Checkpoint,
    model: LanguageModel,
    held_out: HeldOut,
    config: EvaluationConfig,
    progress: Progress = SILENT,
    fusion: Fusion | None = None,
) -> tuple[Evaluation, list[str]]:
    """Return the evaluation of a checkpoint's model on a text, and notes for the user.

    Args:
        checkpoint: the checkpoint.
        model: its model.
        held_out: the text.
        config: what to measure.
        progress: receives the progress.
        fusion: a language model that helps a conditional model to write; None for none.

    Raises:
        CorpusError: the text cannot be read or is too short, or the corpus of the run is missing or has changed.
    """
    if checkpoint.given_coding is not None:
        _refuse_for_pairs(config)
    needing = [flag(name) for name in ("dynamic", "cache", "num_samples") if getattr(config, name)]
    if held_out.run.missing and needing:  # before the work, not after it
        raise held_out.run.error(f"omit {' and '.join(needing)}")
    with held_out.encoded() as dataset:
        if config.cache and config.cache >= dataset.num_targets:
            raise CorpusError(
                f"--cache must be smaller than the text, which has {dataset.num_targets:,} tokens, got {config.cache}"
            )
        nats = surprisals(model, dataset, progress=progress)
        evaluation = Evaluation.of(nats, dataset, held_out.name)
        evaluation, notes = _compared(evaluation, checkpoint, held_out, dataset, nats, progress)
        if config.dynamic:
            evaluation = replace(evaluation, dynamic=_dynamic(model, held_out, dataset, progress))
        if config.cache:
            evaluation = replace(evaluation, cache=_cached(model, config.cache, held_out, dataset, progress))
    if checkpoint.given_coding is not None:
        writing = report_on_writing(checkpoint, model, held_out, progress, fusion)
        evaluation, notes = replace(evaluation, writing=writing), [*notes, *writing.notes]
    if config.num_samples:
        evaluation = _with_samples(evaluation, checkpoint, model, held_out, config, progress)
    return evaluation, [*held_out.notes, *notes]


def _refuse_for_pairs(config: EvaluationConfig) -> None:
    """Reject what is measured on streams of text only."""
    for name in ("dynamic", "cache", "num_samples"):
        if getattr(config, name):
            raise UsageError(f"{flag(name)} is for models that are given nothing; this one writes texts from a given")


def _compared(
    evaluation: Evaluation,
    checkpoint: Checkpoint,
    held_out: HeldOut,
    dataset: Dataset,
    nats: NDArray[np.float32],
    progress: Progress,
) -> tuple[Evaluation, list[str]]:
    """Return the evaluation with the baselines and the overlap with the corpus of the run, and notes on them."""
    notes: list[str] = []
    if held_out.run.missing is None:
        try:
            if not held_out.is_validation and checkpoint.given_coding is None:
                evaluation = replace(evaluation, overlap=Overlap.of(dataset, held_out.run, progress))
            evaluation = replace(evaluation, baselines=Baselines.of(checkpoint, held_out, dataset, nats, progress))
        except CorpusError as error:  # no disk space: the loss of the model is reported all the same
            notes.append(f"no baselines: {error}")
    else:
        notes.append(
            f"{held_out.run.missing}: no baselines, and it is unknown whether the model was trained on this text"
        )
    notes += evaluation.overlap.notes if evaluation.overlap else []
    if dataset.extent.get("bytes", 0) > MAX_BYTES:
        notes.append(f"compressors read only the first {MAX_BYTES:,} bytes of the text")
    return evaluation, notes


def _dynamic(model: LanguageModel, held_out: HeldOut, dataset: Dataset, progress: Progress) -> DynamicLoss:
    """Return the loss with dynamic evaluation, whose settings are chosen on the validation set."""
    with held_out.run.encoded(TRAIN) as train:
        learner = DynamicModel(model, train, progress)
    with held_out.run.encoded(VALID) as valid:
        settings = learner.best(valid, dataset.num_targets, progress)
    return DynamicLoss(Loss(learner.score(dataset, settings, progress=progress), dataset.extent), settings)


def _cached(model: LanguageModel, window: int, held_out: HeldOut, dataset: Dataset, progress: Progress) -> CachedLoss:
    """Return the loss with a cache, whose settings are chosen on the validation set."""
    predictions = tuning = CachedPredictions.of(model, dataset, window, progress)
    if not held_out.is_validation:
        with held_out.run.encoded(VALID) as valid:
            tuning = CachedPredictions.of(model, valid, window, progress)
    settings = tuning.best()
    return CachedLoss(Loss(predictions.score(settings), dataset.extent), window, settings)


def _with_samples(
    evaluation: Evaluation,
    checkpoint: Checkpoint,
    model: LanguageModel,
    held_out: HeldOut,
    config: EvaluationConfig,
    progress: Progress,
) -> Evaluation:
    """Return the evaluation with a report on samples."""
    level, train, others = checkpoint.level, held_out.run.documents(TRAIN), held_out.documents()
    if isinstance(level, NoteLevel):
        music = report_on_music(checkpoint, model, level, train, others, config.num_samples, config.seed, progress)
        return replace(evaluation, music=music)
    if isinstance(level, TextLevel):
        copying = report_on_texts(checkpoint, model, level, train, others, config.num_samples, config.seed, progress)
        return replace(evaluation, copying=copying)
    return evaluation
