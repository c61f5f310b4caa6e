"""What `seqgen evaluate` tells: one object for a model and a text."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.plan import Plan, Texts
from seqgen.corpus.split import VALID, Piece
from seqgen.corpus.store import Part, encoded
from seqgen.errors import CorpusError
from seqgen.evaluation.likelihood import score
from seqgen.model.language_model import LanguageModel

SELECTED = "validation, used to select the checkpoint"
_PER = {
    "characters": ("bits_per_character", math.log(2)),
    "bytes": ("bits_per_byte", math.log(2)),
    "notes": ("nats_per_note", 1.0),
    "quarters": ("nats_per_quarter", 1.0),
}
_CACHE = Path(FoldersConfig().data_dir) / "parsed"  # of music that was read slowly


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        part: which text: a path, or `SELECTED`.
        tokens: how many tokens were predicted, end tokens included.
        nats: how unlikely they were together.
        extent: how much it is, in the units of the level.
    """

    part: str
    tokens: int
    nats: float
    extent: Mapping[str, float]

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
        whole = {
            "part": self.part,
            "tokens": self.tokens,
            "nats_per_token": self.nats / self.tokens,
            "perplexity": self.perplexity,
        }
        for unit, amount in self.extent.items():
            whole |= {unit: round(amount, 3), _PER[unit][0]: self.per(unit)}
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


def evaluate(checkpoint: Checkpoint, model: LanguageModel, corpus: str | None) -> tuple[Evaluation, list[str]]:
    """Return the evaluation of a checkpoint's model on a corpus, or on its own validation part, and notes for the user.

    Raises:
        CorpusError: the corpus cannot be read, or is no longer the one that was trained on.
    """
    with text_for(checkpoint, corpus) as (part, name, notes):
        return Evaluation.of(model, part, name), notes


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
    texts = Texts.read([corpus], replace(checkpoint.config.corpus, corpus=(corpus,), valid=None), _CACHE)
    return map(Piece, texts), corpus, texts.reading.summary


def _own_validation(checkpoint: Checkpoint) -> tuple[Iterator[Piece], str, list[str]]:
    config = checkpoint.requested.corpus
    try:
        plan = Plan.of(config, _CACHE)
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
    return (piece for part, piece in plan.pieces() if part == VALID), SELECTED, plan.summary
