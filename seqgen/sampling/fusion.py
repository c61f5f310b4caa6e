"""Shallow fusion: a language model adds its log-probabilities to those of a search (Gülçehre et al. 2015).

The score of a text is

    log p(text | given) + weight * log p(text)

where the second model has learned from texts alone, of which there may be many more than pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.cells.base import State
from seqgen.checkpoint import Checkpoint
from seqgen.errors import UsageError
from seqgen.levels.base import Level, TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import concatenate, select

_LACKING = -12.0  # log-probability of a token that the language model does not have

Prefix = tuple[int, ...]


@dataclass(frozen=True)
class Fusion:
    """A language model with a weight.

    Attributes:
        model: the language model.
        ids: its id of each token of the search, shape (vocabulary,); -1 if it has none.
        weight: of its log-probabilities.
        has_ends: whether it has learned where texts end; otherwise it adds nothing to the end token.
    """

    model: LanguageModel
    ids: NDArray[np.int64]
    weight: float
    has_ends: bool = True

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: LanguageModel, level: TextLevel, weight: float) -> "Fusion":
        """Return a language model for the search of texts of a level.

        Args:
            checkpoint: of the language model.
            model: the language model itself.
            level: the vocabulary of the search.
            weight: of its log-probabilities.

        Raises:
            UsageError: it is given something itself, is a model of music, or its tokens are of another level.
        """
        if checkpoint.given_coding is not None:
            raise UsageError("--language-model names a model that writes from something given: name one of plain text")
        own = checkpoint.level
        if not isinstance(own, TextLevel) or own.name != level.name:
            raise UsageError(
                f"--language-model names a model of --level {own.name}, but the texts are of --level {level.name}"
            )
        return cls(model, _shared_ids(own, level), weight, Level.END not in checkpoint.unseen)

    def scorer(self) -> "PrefixScorer":
        """Return a scorer of the texts of one search."""
        return PrefixScorer(self.model, self.ids, self.weight, has_ends=self.has_ends)


class PrefixScorer:
    """The weighted log-probabilities of the tokens that may follow the texts of a search.

    Args:
        model: the language model.
        ids: its id of each token of the search, shape (vocabulary,); -1 if it has none.
        weight: of the log-probabilities.
        has_ends: whether it has learned where texts end.
    """

    def __init__(self, model: LanguageModel, ids: NDArray[np.int64], weight: float, *, has_ends: bool = True) -> None:
        self._model = model
        self._ids = ids
        self._weight = weight
        self._has_ends = has_ends
        self._known: dict[Prefix, tuple[list[State], NDArray[np.float64]]] = {}
        self._read([()], torch.tensor([Level.START]), model.initial_state(1))

    def following(self, prefix: Prefix) -> NDArray[np.float64]:
        """Return the weighted log-probability of each token after a text that was added, shape (vocabulary,)."""
        return self._known[prefix][1]

    def keep(self, prefixes: Sequence[Prefix]) -> None:
        """Add texts, each of which continues a known one by one token, and forget all others."""
        new = [prefix for prefix in prefixes if prefix not in self._known]
        if new:
            ids = torch.tensor([max(0, int(self._ids[prefix[-1]])) for prefix in new])
            self._read(new, ids, concatenate([self._known[prefix[:-1]][0] for prefix in new]))
        self._known = {prefix: self._known[prefix] for prefix in prefixes}

    @torch.inference_mode()
    def _read(self, prefixes: Sequence[Prefix], ids: torch.Tensor, state: list[State]) -> None:
        """Remember what follows texts, given their last tokens and the state before these."""
        logits, after = self._model(ids[None].to(self._model.device), state)
        values = torch.log_softmax(logits[0].double(), -1).cpu().numpy()
        found = np.where(self._ids >= 0, values[:, self._ids.clip(0)], _LACKING)
        if not self._has_ends:
            found[:, Level.END] = 0
        for place, prefix in enumerate(prefixes):
            row = select(after, slice(place, place + 1))
            self._known[prefix] = row, self._weight * found[place].clip(_LACKING)


def _shared_ids(own: TextLevel, level: TextLevel) -> NDArray[np.int64]:
    """Return an array that maps ids of `level` to ids of `own` with the same text, and to -1 where `own` has none."""
    texts = {digits: token for token, digits in reversed(list(enumerate(own.hexadecimal)))}
    ids = np.array([texts.get(digits, -1) for digits in level.hexadecimal])
    ids[Level.START], ids[Level.END] = -1, Level.END
    return ids
