"""What `seqgen evaluate` tells: one object for a model and a text."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import EvaluationConfig
from seqgen.corpus.part import Part
from seqgen.corpus.split import TRAIN, VALID
from seqgen.errors import CorpusError
from seqgen.evaluation.baselines import Baselines
from seqgen.evaluation.cache import CachedPredictions
from seqgen.evaluation.compressors import MAX_BYTES
from seqgen.evaluation.confidence import Interval, interval
from seqgen.evaluation.dynamic import dynamic_score
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import Score, surprisals
from seqgen.evaluation.music import MusicReport, report_on_music
from seqgen.evaluation.overlap import Overlap
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.text import TextReport, report_on_texts
from seqgen.levels.base import TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.options import flag


def _bits(nats: float) -> float:
    return nats / math.log(2)


def _perplexity(nats: float) -> float | None:
    """Return the number of equally likely choices; None where that is beyond all numbers."""
    try:
        return math.exp(nats)
    except OverflowError:
        return None


# What the loss for one of a unit is called, and what is made of its nats.
_PER: Mapping[str, tuple[str, Callable[[float], float | None]]] = {
    "characters": ("bits_per_character", _bits),
    "bytes": ("bits_per_byte", _bits),
    "words": ("perplexity_per_word", _perplexity),
    "notes": ("nats_per_note", float),
    "quarters": ("nats_per_quarter", float),
}


@dataclass(frozen=True)
class Loss:
    """How unlikely a text is to something that predicts it.

    Attributes:
        score: the nats, and over how many tokens.
        extent: how much the text is, in the units of its level.
    """

    score: Score
    extent: Mapping[str, float]

    @property
    def perplexity(self) -> float | None:
        """How many tokens it is as unsure between; None where that is beyond all numbers."""
        return _perplexity(self.score.nats_per_token)

    def per(self, unit: str) -> float | None:
        """Return the loss for each of a unit: in bits for characters, as perplexity for words, in nats for notes."""
        amount = self.extent[unit]
        return _PER[unit][1](self.score.nats / amount) if amount else None

    def to_json(self) -> dict[str, Any]:
        """Return it in every unit."""
        by_unit = {_PER[unit][0]: self.per(unit) for unit in self.extent}
        return {"nats_per_token": self.score.nats_per_token, "perplexity": self.perplexity, **by_unit}


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        part: which text: a path, or `SELECTED`.
        loss: of the model.
        interval: the confidence interval of its nats a token; None for too short a text.
        baselines: how well others predict it; None where the training part is gone.
        adapted: the losses of the model that adapts to the text, each with its settings.
        samples: what samples are like.
        overlap: how much of it the run has in its parts; None for the run's own validation part.
    """

    part: str
    loss: Loss
    interval: Interval | None = None
    baselines: Baselines | None = None
    adapted: Mapping[str, tuple[Loss, dict[str, Any]]] = field(default_factory=dict)
    samples: MusicReport | TextReport | None = None
    overlap: Overlap | None = None

    @classmethod
    def of(
        cls, model: LanguageModel, part: Part, name: str, deadline: float = math.inf, progress: Progress = SILENT
    ) -> "Evaluation":
        """Score a part, every document as one stream; raises `TimeoutError` at the deadline (see `surprisals`)."""
        nats = surprisals(model, part, deadline=deadline, progress=progress)
        loss = Loss(Score(float(nats.sum(dtype="float64")), part.num_targets), part.extent)
        return cls(name, loss, interval(part, nats))

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        loss = self.loss.to_json()
        whole: dict[str, Any] = {
            "part": self.part,
            "tokens": self.loss.score.tokens,
            "nats_per_token": loss.pop("nats_per_token"),
            "perplexity": loss.pop("perplexity"),
        }
        if self.interval is not None:
            whole["confidence_interval"] = asdict(self.interval)
        for unit, amount in self.loss.extent.items():
            whole |= {unit: int(amount) if amount == int(amount) else amount, _PER[unit][0]: loss[_PER[unit][0]]}
        whole |= {name: settings | loss.to_json() for name, (loss, settings) in self.adapted.items()}
        if self.baselines is not None:
            ngram = Loss(self.baselines.ngram, self.loss.extent)
            whole["ngram"] = {"order": self.baselines.order, **ngram.to_json()}
            whole |= {name: self._compressed(bits) for name, bits in self.baselines.compressed.items()}
        if self.overlap is not None:
            whole["overlap"] = self.overlap.to_json()
        if self.samples is not None:
            whole[self.samples.kind] = self.samples.to_json()
        return whole

    def _compressed(self, bits_per_byte: float) -> dict[str, Any]:
        extent = self.loss.extent
        return {
            "bits_per_character": bits_per_byte * extent["bytes"] / extent["characters"],
            "bits_per_byte": bits_per_byte,
        }

    @property
    def summary(self) -> str:
        """The loss for each token, and for each of the unit that readers know best."""
        unit = next(iter(self.loss.extent))
        per = self.loss.per(unit)
        aside = "" if per is None else f", {per:.4f} {_PER[unit][0].replace('_', ' ')}"
        return f"{self.loss.score.nats_per_token:.4f} nats per token{aside}"


def evaluate(
    checkpoint: Checkpoint,
    model: LanguageModel,
    held_out: HeldOut,
    config: EvaluationConfig,
    progress: Progress = SILENT,
) -> tuple[Evaluation, list[str]]:
    """Return the evaluation of a checkpoint's model on a corpus, or on its own validation part, and notes for the user.

    Args:
        checkpoint: of the model.
        model: the model.
        held_out: the text to measure it on.
        config: what is asked for.
        progress: shows how far it is.

    Raises:
        CorpusError: the corpus cannot be read, is too short, or is no longer the one that was trained on.
    """
    notes: list[str] = []
    needing = [flag(name) for name in ("dynamic", "cache", "num_samples") if getattr(config, name)]
    if held_out.run.missing and needing:  # refused before the work, not after
        raise CorpusError(f"{held_out.run.missing}: leave out {' and '.join(needing)}, or name the right --data-dir")
    with held_out.encoded() as part:
        if config.cache and config.cache >= part.num_targets:
            raise CorpusError(
                f"--cache {config.cache} looks back over more than the {part.num_targets:,} tokens to measure: give "
                f"less than {part.num_targets}"
            )
        evaluation = Evaluation.of(model, part, held_out.name, progress=progress)
        if held_out.run.missing is None:
            try:
                if not held_out.is_validation:
                    evaluation = replace(evaluation, overlap=Overlap.of(part, held_out.run, progress))
                evaluation = replace(evaluation, baselines=Baselines.of(checkpoint, held_out, part, progress))
            except CorpusError as error:  # no room for what they count: the model's score is not lost by that
                notes.append(f"there are no baselines: {error}")
        else:
            notes.append(
                f"{held_out.run.missing}: there are no baselines, and whether the model was trained on this text is "
                "not known"
            )
        notes += evaluation.overlap.notes if evaluation.overlap else []
        if part.extent.get("bytes", 0) > MAX_BYTES:
            notes.append(f"compressors were given the first {MAX_BYTES:,} bytes of the text alone")
        evaluation = replace(evaluation, adapted=dict(_adapted(model, config, held_out, part, progress)))
    if config.num_samples:
        evaluation = replace(evaluation, samples=_samples(checkpoint, model, held_out, config, progress))
    return evaluation, [*held_out.notes, *notes]


def _adapted(
    model: LanguageModel, config: EvaluationConfig, held_out: HeldOut, part: Part, progress: Progress
) -> Iterator[tuple[str, tuple[Loss, dict[str, Any]]]]:
    """Yield the losses of the model as it adapts in the ways that are asked for."""
    if config.dynamic:
        with held_out.run.encoded(TRAIN) as train:
            yield "dynamic", (Loss(dynamic_score(model, part, train, progress=progress), part.extent), {})
    if config.cache:
        predictions = CachedPredictions.of(model, part, config.cache, progress)
        settings = predictions.best()
        if not held_out.is_validation:
            with held_out.run.encoded(VALID) as valid:
                settings = CachedPredictions.of(model, valid, config.cache, progress).best()
        yield "cache", (Loss(predictions.score(settings), part.extent), {"window": config.cache, **asdict(settings)})


def _samples(
    checkpoint: Checkpoint, model: LanguageModel, held_out: HeldOut, config: EvaluationConfig, progress: Progress
) -> MusicReport | TextReport | None:
    """Return what samples are like beside held-out text or music."""
    level, train, others = checkpoint.level, held_out.run.pieces(TRAIN), held_out.pieces()
    if isinstance(level, NoteLevel):
        return report_on_music(checkpoint, model, level, train, others, config.num_samples, config.seed, progress)
    if isinstance(level, TextLevel):
        return report_on_texts(checkpoint, model, level, train, others, config.num_samples, config.seed, progress)
    return None
