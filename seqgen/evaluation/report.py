"""What `seqgen evaluate` tells: one object for a model and a text."""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.plan import Plan, Texts
from seqgen.corpus.split import TRAIN, VALID, Piece
from seqgen.corpus.store import Part, encoded
from seqgen.errors import CorpusError, UsageError
from seqgen.evaluation.likelihood import score
from seqgen.evaluation.music import Baseline, SampleReport, Work, baseline, report_on_samples
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel

SELECTED = "validation, used to select the checkpoint"
_PER = {
    "characters": ("bits_per_character", math.log(2)),
    "bytes": ("bits_per_byte", math.log(2)),
    "notes": ("nats_per_note", 1.0),
    "quarters": ("nats_per_quarter", 1.0),
}


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        part: which text: a path, or `SELECTED`.
        tokens: how many tokens were predicted, end tokens included.
        nats: how unlikely they were together.
        extent: how much it is, in the units of the level.
        baseline: of music, how well n-grams predict it.
        samples: of music, what samples are like.
    """

    part: str
    tokens: int
    nats: float
    extent: Mapping[str, float]
    baseline: Baseline | None = None
    samples: SampleReport | None = None

    @classmethod
    def of(cls, model: LanguageModel, part: Part, name: str) -> "Evaluation":
        """Score a part, every document as one stream."""
        result = score(model, part)
        return cls(name, result.tokens, result.nats, part.extent)

    @property
    def perplexity(self) -> float | None:
        """How many tokens it is as unsure between; None where that is beyond all numbers."""
        try:
            return math.exp(self.nats / self.tokens)
        except OverflowError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        whole: dict[str, Any] = {
            "part": self.part,
            "tokens": self.tokens,
            "nats_per_token": self.nats / self.tokens,
            "perplexity": self.perplexity,
        }
        for unit, amount in self.extent.items():
            whole |= {unit: int(amount) if amount == int(amount) else amount, _PER[unit][0]: self.per(unit)}
        if self.baseline is not None:
            whole["ngram"] = asdict(self.baseline)
        if self.samples is not None:
            whole["music"] = self.samples.to_json()
        return whole

    def per(self, unit: str) -> float | None:
        """Return the loss for each character or byte in bits, for each note or quarter in nats."""
        amount = self.extent[unit]
        return self.nats / _PER[unit][1] / amount if amount else None

    @property
    def summary(self) -> str:
        """The loss for each token, and for each of the unit that readers know best."""
        unit = next(iter(self.extent))
        per = self.per(unit)
        aside = "" if per is None else f", {per:.4f} {_PER[unit][0].replace('_', ' ')}"
        return f"{self.nats / self.tokens:.4f} nats per token{aside}"


def evaluate(
    checkpoint: Checkpoint, model: LanguageModel, corpus: str | None, num_samples: int = 0, seed: int = 1
) -> tuple[Evaluation, list[str]]:
    """Return the evaluation of a checkpoint's model on a corpus, or on its own validation part, and notes for the user.

    Args:
        checkpoint: of the model.
        model: the model.
        corpus: the SOURCE; None for the run's own validation part.
        num_samples: of music, how many samples to compare with it.
        seed: of the first sample.

    Raises:
        CorpusError: the corpus cannot be read, or is no longer the one that was trained on.
        UsageError: samples are asked of a model of text.
    """
    level = checkpoint.level
    if num_samples and not isinstance(level, NoteLevel):
        raise UsageError("--num-samples compares samples of music, and this model writes text")
    with text_for(checkpoint, corpus) as (part, name, notes):
        evaluation = Evaluation.of(model, part, name)
        if not isinstance(level, NoteLevel):
            return evaluation, notes
        train, held_out = _pieces_of_music(checkpoint, corpus)
        if train:
            evaluation = replace(evaluation, baseline=baseline(level, checkpoint, train, part))
    if num_samples:
        known, new = list(_works(train)), list(_works(held_out))
        samples = report_on_samples(checkpoint, model, level, known, new, num_samples, seed)
        evaluation = replace(evaluation, samples=samples)
    return evaluation, notes


def _works(pieces: Iterable[Piece]) -> Iterator[Work]:
    for piece in pieces:
        yield from (Work(piece.document.name, score) for score in piece.chunks())


def _pieces_of_music(checkpoint: Checkpoint, corpus: str | None) -> tuple[list[Piece], list[Piece]]:
    """Return what was trained on, if it is still there, and what is held out."""
    train: list[Piece] = []
    held_out: list[Piece] = [] if corpus is None else list(_other(checkpoint, corpus)[0])
    with suppress(CorpusError):
        for part, piece in _own_plan(checkpoint).pieces():
            if part == TRAIN:
                train.append(piece)
            elif corpus is None:
                held_out.append(piece)
    return train, held_out


@contextmanager
def text_for(checkpoint: Checkpoint, corpus: str | None) -> Iterator[tuple[Part, str, list[str]]]:
    """Lend a corpus, encoded for a checkpoint's model, its name, and notes for the user.

    Args:
        checkpoint: whose level encodes it.
        corpus: the SOURCE; None for the run's own validation part.

    Raises:
        CorpusError: the corpus cannot be read, or is no longer the one that was trained on.
    """
    pieces, name, notes = _own_validation(checkpoint) if corpus is None else _other(checkpoint, corpus)
    with encoded(checkpoint.level, pieces) as part:
        yield part, name, notes


def _other(checkpoint: Checkpoint, corpus: str) -> tuple[Iterator[Piece], str, list[str]]:
    texts = Texts.read(
        [corpus], replace(checkpoint.config.corpus, corpus=(corpus,), valid=None), FoldersConfig().parsed
    )
    return map(Piece, texts), corpus, texts.reading.summary


def _own_validation(checkpoint: Checkpoint) -> tuple[Iterator[Piece], str, list[str]]:
    plan = _own_plan(checkpoint)
    return (piece for part, piece in plan.pieces() if part == VALID), SELECTED, plan.summary


def _own_plan(checkpoint: Checkpoint) -> Plan:
    """Return the division of the corpus that the model was trained on."""
    config = checkpoint.requested.corpus
    try:
        plan = Plan.of(config, FoldersConfig().parsed)
    except CorpusError as error:
        raise CorpusError(
            f"the corpus of this run is not there any more ({error}); name a text with --corpus"
        ) from error
    if plan.fingerprint != checkpoint.fingerprint:
        raise CorpusError(
            f"the corpus {', '.join(config.corpus)} has changed since this run (fingerprint "
            f"{checkpoint.fingerprint} then, {plan.fingerprint} now), so its validation part is gone: name a text with "
            "--corpus"
        )
    return plan
