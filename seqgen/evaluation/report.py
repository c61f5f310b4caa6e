"""What `seqgen evaluate` tells: one object for a model and a text."""

import math
from dataclasses import dataclass
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.split import Piece
from seqgen.corpus.store import Part, Plan, encoded, whole_documents
from seqgen.errors import CorpusError
from seqgen.evaluation.likelihood import score
from seqgen.model.language_model import LanguageModel

SELECTED = "validation, used to select the checkpoint"


@dataclass(frozen=True)
class Evaluation:
    """How well a model predicts a text.

    Attributes:
        part: which text: a path, or `SELECTED`.
        tokens: how many tokens were predicted, end tokens included.
        nats: how unlikely they were together.
        characters: how many characters the text has, newlines counted.
        bytes: how many bytes it has in UTF-8.
    """

    part: str
    tokens: int
    nats: float
    characters: int
    bytes: int

    @classmethod
    def of(cls, model: LanguageModel, part: Part, name: str) -> "Evaluation":
        """Score a part, every document as one stream."""
        result = score(model, part)
        return cls(name, result.tokens, result.nats, part.characters, part.bytes)

    @property
    def perplexity(self) -> float | None:
        """How many tokens it is as unsure between; None where that is beyond all numbers."""
        try:
            return math.exp(self.nats / self.tokens)
        except OverflowError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        bits = self.nats / math.log(2)
        return {
            "part": self.part,
            "tokens": self.tokens,
            "nats_per_token": self.nats / self.tokens,
            "perplexity": self.perplexity,
            "characters": self.characters,
            "bits_per_character": bits / self.characters,
            "bytes": self.bytes,
            "bits_per_byte": bits / self.bytes,
        }


def evaluate(checkpoint: Checkpoint, model: LanguageModel, corpus: str | None) -> tuple[Evaluation, list[str]]:
    """Return the evaluation of a checkpoint's model on a corpus, or on its own validation part, and notes for the user.

    Raises:
        CorpusError: the corpus cannot be read, or is no longer the one that was trained on.
    """
    pieces, name, notes = _own_validation(checkpoint) if corpus is None else _other(checkpoint, corpus)
    with encoded(checkpoint.level, pieces) as part:
        return Evaluation.of(model, part, name), notes


def _other(checkpoint: Checkpoint, corpus: str) -> tuple[list[Piece], str, list[str]]:
    notes: list[str] = []
    return whole_documents(corpus, checkpoint.config.corpus.encoding, notes), corpus, notes


def _own_validation(checkpoint: Checkpoint) -> tuple[list[Piece], str, list[str]]:
    try:
        plan = Plan.of(checkpoint.config.corpus)
    except CorpusError as error:
        raise CorpusError(
            f"the corpus of this run is not there any more ({error}); name a text with --corpus"
        ) from error
    if plan.fingerprint != checkpoint.fingerprint:
        raise CorpusError(
            f"the corpus {', '.join(checkpoint.config.corpus.corpus)} has changed since this run (fingerprint "
            f"{checkpoint.fingerprint} then, {plan.fingerprint} now), so its validation part is gone: name a text with "
            "--corpus"
        )
    return plan.valid, SELECTED, plan.notes
