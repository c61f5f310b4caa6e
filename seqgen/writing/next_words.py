"""The search for the most likely next words, which consist of several tokens of a character or subword model.

The probability of a word is that of all sequences of tokens that write it, followed by anything that does not continue
it. The search is a beam search: it keeps the `_WIDTH` most likely beginnings with the same number of tokens, and stops
when the remaining beginnings are negligible.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqgen.levels.base import TextLevel
from seqgen.model.state import select
from seqgen.model.stepper import Stepper
from seqgen.sampling.healing import Healed
from seqgen.writing.words import begins_inside_word, first_word, is_whole

_WIDTH = 16
_NUM_TOKENS = 32  # the most likely tokens after each beginning
_LENGTH = 32  # the maximum number of tokens of a word
_NEGLIGIBLE = 0.01  # probability of a beginning, compared with that of the least likely of the words that are needed


@dataclass(frozen=True)
class NextWord:
    """A word that may come next.

    Attributes:
        text: the word or punctuation mark, with the white space before it, or the rest of a word.
        nats: its negative log-probability.
    """

    text: str
    nats: float

    @property
    def bits(self) -> float:
        """The surprisal in bits."""
        return self.nats / math.log(2)


class _Beginning(NamedTuple):
    """The beginning of a word.

    Attributes:
        text: what its tokens write.
        likelihood: their log-probability.
        parent: the stream that it continues.
        token: its last token.
    """

    text: str
    likelihood: float
    parent: int
    token: int


class NextWords:
    """Finds the next words with the vocabulary of a level.

    Characters outside the vocabulary, which are spelled, do not occur in them.

    Args:
        level: the vocabulary.
        unseen_ids: ids that were never a target in training, which do not occur either.
    """

    def __init__(self, level: TextLevel, unseen_ids: Sequence[int]) -> None:
        self._hexadecimal = level.hexadecimal
        self._texts = [_text_of(digits) for digits in level.hexadecimal]
        for token in unseen_ids:
            self._texts[token] = ""
        self._is_text = np.array([bool(text) for text in self._texts])
        self._continues = np.array([begins_inside_word(text) for text in self._texts])
        self._ends = self._is_text & ~self._continues
        self._ends[level.END] = True

    def after(self, step: Stepper, ways: Healed, num_written: int, count: int) -> list[NextWord]:
        """Return the most likely words, the most likely first.

        Args:
            step: the stepper of the model, whose state is replaced.
            ways: in which the last word of the text may be written, one stream each.
            num_written: the number of hexadecimal digits of this word; what a way writes after them belongs to the
                next word.
            count: the maximum number of words.
        """
        found = _Found(count)
        begun = []
        for stream, (ids, nats) in enumerate(zip(ways.ids, ways.nats.tolist(), strict=True)):
            digits = "".join(self._hexadecimal[token] for token in ids)[num_written:]
            if _text_of(digits) or not digits:
                begun.append(_Beginning(_text_of(digits), -nats, stream, -1))
        front = found.sort_out(begun)
        streams = torch.tensor([each.parent for each in front], dtype=torch.long, device=ways.reading.logits.device)
        step.state, logits = select(ways.reading.state, streams), ways.reading.logits[streams]
        for _ in range(_LENGTH):
            front = found.sort_out(self._longer(front, logits, found))
            if not front:
                break
            step.select(torch.tensor([each.parent for each in front], device=logits.device))
            logits = step(torch.tensor([each.token for each in front], device=logits.device))
        return found.best

    def _longer(self, front: Sequence[_Beginning], logits: Tensor, found: "_Found") -> list[_Beginning]:
        """Return beginnings with one more token; record the words that end instead.

        Args:
            front: the beginnings.
            logits: of the next tokens, shape (beginnings, vocabulary).
            found: receives the words.
        """
        longer = []
        for stream, (before, row) in enumerate(zip(front, logits.double().log_softmax(-1).cpu().numpy(), strict=True)):
            is_word = bool(first_word(before.text))
            if is_word:
                found.add(before.text, before.likelihood + float(np.logaddexp.reduce(row[self._ends])))
            allowed = np.flatnonzero(self._continues if is_word else self._is_text)
            for token in allowed[np.argsort(-row[allowed])[:_NUM_TOKENS]].tolist():
                likelihood = before.likelihood + float(row[token])
                longer.append(_Beginning(before.text + self._texts[token], likelihood, stream, token))
        return longer


class _Found:
    """The words that were found.

    Args:
        count: the number of words that are needed.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._likelihoods: dict[str, float] = {}

    @property
    def best(self) -> list[NextWord]:
        """The most likely words, the most likely first."""
        ordered = sorted(self._likelihoods.items(), key=lambda item: -item[1])
        return [NextWord(text, -likelihood) for text, likelihood in ordered[: self._count]]

    def add(self, word: str, likelihood: float) -> None:
        """Add the log-probability of one way to write a word."""
        self._likelihoods[word] = float(np.logaddexp(self._likelihoods.get(word, -math.inf), likelihood))

    def sort_out(self, beginnings: Sequence[_Beginning]) -> list[_Beginning]:
        """Record whole words; return the most likely other beginnings, unless negligible for the best words."""
        others = []
        for each in beginnings:
            word = first_word(each.text)
            if is_whole(word, each.text):
                self.add(word, each.likelihood)
            else:
                others.append(each)
        best = self.best
        least = -best[-1].nats if len(best) == self._count else -math.inf
        likely = [each for each in others if each.likelihood > least + math.log(_NEGLIGIBLE)]
        return sorted(likely, key=lambda each: -each.likelihood)[:_WIDTH]


def _text_of(digits: str) -> str:
    """Return the text of a token; empty if it writes only a part of a character."""
    try:
        return bytes.fromhex(digits).decode("utf-8")
    except ValueError:
        return ""
