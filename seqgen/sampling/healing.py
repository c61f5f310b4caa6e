"""Token healing: samples continue the text of a prime, even if it ends in the middle of a token.

The tokens of a prime's last word depend on what follows: if "the ca" is followed by "t", the token is " cat". Therefore
the last word is given as text, and all sequences of tokens that write it are considered:

    P(way | text) = P(way) / sum of P over all ways,    P(t_1 ... t_k) = P(t_1) P(t_2 | t_1) ... P(t_k | t_1 ...)

A way consists of tokens t_1 to t_{k-1}, which write a part of the word, and t_k, which writes the rest and possibly
more. Each stream draws its way from this distribution. The search is pruned: it drops beginnings of ways whose
probability is below `_NEGLIGIBLE` of the probability found, and keeps the `_MAX_PATHS` most likely beginnings with the
same number of tokens. If a word is longer than `_MAX_BYTES`, its first tokens are those of the level's encoder.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqgen.config import SamplingConfig
from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import concatenate, select
from seqgen.sampling.constraint import Constraint, Mask
from seqgen.sampling.filters import probabilities
from seqgen.sampling.generator import Reading, draw

_NEGLIGIBLE = 1e-8
_MAX_PATHS = 64
_MAX_BYTES = 32

Rules = Callable[[Sequence[int]], Constraint]


class Healed(NamedTuple):
    """Streams that have written the last word of the prime.

    Attributes:
        ids: the tokens that write it in each stream.
        nats: the negative log-probabilities of these ways, shape (streams,).
        reading: the reading after these tokens.
    """

    ids: list[list[int]]
    nats: Tensor
    reading: Reading


def split(level: TextLevel, text: str, num_settled: int = 0) -> tuple[list[int], str]:
    """Split a text into the tokens before its last word, and the rest in hexadecimal digits, as the tokens write it.

    Args:
        level: the vocabulary.
        text: a normalised text.
        num_settled: the minimum number of characters that come before the last word.
    """
    ids = level.encode(text).tolist()
    digits = _digits(level.laid_out(text))
    before = level.laid_out(text[: max(num_settled, level.settled(text))])
    begin = max(len(_digits(before)), len(digits) - 2 * _MAX_BYTES)
    ends = np.cumsum([0, *(len(level.hexadecimal[token]) for token in ids)])
    count = int(np.searchsorted(ends, begin, side="right")) - 1
    return ids[:count], digits[ends[count] :]


class _Path(NamedTuple):
    """Tokens that write a part of the rest of the prime.

    Attributes:
        ids: the tokens.
        left: the digits that remain to be written.
        likelihood: log P of the tokens.
        before: the index of the path without its last token.
    """

    ids: list[int]
    left: str
    likelihood: float
    before: int


class _Way(NamedTuple):
    """A path and a last token, which writes the remaining digits and possibly more.

    Attributes:
        path: the index of the path.
        token: the last token.
        likelihood: log P of all tokens.
        allowed: the same; -inf if the rules exclude the text after the prime.
    """

    path: int
    token: int
    likelihood: float
    allowed: float


class Healing:
    """Finds the ways to write the rest of a prime; paths with the same number of tokens are read in one batch.

    Args:
        model: the language model.
        index: the tokens.
        reading: the reading of the tokens before the rest, one stream.
        rest: the rest of the prime in hexadecimal digits, at least one.
        rules: returns the constraint of a stream in which these tokens of the rest are written; it restricts only text
            after the prime.
    """

    @torch.inference_mode()
    def __init__(self, model: LanguageModel, index: "TokenIndex", reading: Reading, rest: str, rules: Rules) -> None:
        self._paths: list[_Path] = []  # that were read
        self._ways: list[_Way] = []  # that were found
        self._model = model
        self._memory = reading.memory
        self._index = index
        self._rules = rules
        self._mask: Mask | None = None
        self._mask_path = -1  # the index of the path to which the mask belongs
        states, front = [], [_Path([], rest, 0.0, 0)]
        while front:
            states.append(reading.state)
            num_before = len(self._paths)
            front = self._likeliest(self._extended(front, reading.logits.double().log_softmax(-1).cpu()))
            before = torch.tensor([path.before - num_before for path in front], device=model.device, dtype=torch.long)
            tokens = torch.tensor([[path.ids[-1] for path in front]], device=model.device, dtype=torch.long)
            if front:
                logits, state = model(tokens, select(reading.state, before), memory=reading.memory)
                reading = Reading(logits[-1], state, reading.memory)
        self._state = concatenate(states)  # after each path, one stream per path

    def drawn(self, numbers: Tensor, config: SamplingConfig) -> Healed:
        """Write the rest in each stream, in a way that is drawn for it.

        Args:
            numbers: uniform random numbers in [0, 1), one per stream, shape (streams, 1).
            config: temperature, top-k and top-p, which apply to the distribution of ways.
        """
        likely = probabilities(self._allowed[None], config)
        return self._healed(draw(likely.expand(len(numbers), -1), numbers))

    def likeliest(self, count: int) -> Healed:
        """Write the rest in the most likely ways, at most `count`, one stream for each, the most likely first."""
        return self._healed(self._allowed.topk(min(count, len(self._ways))).indices)

    @property
    def _allowed(self) -> Tensor:
        """The log-probabilities of the ways, -inf if the rules exclude them, shape (ways,)."""
        return torch.tensor([way.allowed for way in self._ways], dtype=torch.float64)

    @torch.inference_mode()
    def _healed(self, picked: Tensor) -> Healed:
        """Return streams that have written these ways, given by their indices."""
        chosen = [self._ways[place] for place in picked.tolist()]
        paths, tokens = torch.tensor([(way.path, way.token) for way in chosen], device=self._model.device).T
        logits, state = self._model(tokens[None], select(self._state, paths), memory=self._memory)
        likelihood = torch.tensor([way.likelihood for way in self._ways], dtype=torch.float64)
        return Healed(
            [[*self._paths[way.path].ids, way.token] for way in chosen],
            likelihood.logsumexp(0) - likelihood[picked],
            Reading(logits[-1], state, self._memory),
        )

    def _extended(self, front: Sequence[_Path], likelihood: Tensor) -> list[_Path]:
        """Extend paths by one token, given the log-likelihoods of their next tokens; record the ways that are found.

        Args:
            front: the paths.
            likelihood: shape (paths, vocabulary).

        Returns:
            The extended paths that do not write the whole rest.
        """
        longer = []
        for path, following in zip(front, likelihood.numpy(), strict=True):
            number = len(self._paths)
            self._paths.append(path)
            for token, digits in self._index.agreeing(path.left):
                total = path.likelihood + float(following[token])
                if len(digits) < len(path.left):
                    longer.append(_Path([*path.ids, token], path.left[len(digits) :], total, number))
                else:
                    is_excluded = len(digits) > len(path.left) and self._excludes(number, token)
                    self._ways.append(_Way(number, token, total, -math.inf if is_excluded else total))
        return longer

    def _excludes(self, number: int, token: int) -> bool:
        """Return whether the rules exclude a token after a path."""
        if number != self._mask_path:
            self._mask_path, self._mask = number, self._rules(self._paths[number].ids).mask()
        return self._mask is not None and bool(self._mask[0, token] < 0)

    def _likeliest(self, paths: list[_Path]) -> list[_Path]:
        """Return the most likely paths, without those that are negligible compared with the ways found so far."""
        found = np.logaddexp.reduce([-math.inf, *(way.allowed for way in self._ways)])
        likely = [path for path in paths if path.likelihood >= found + math.log(_NEGLIGIBLE)]
        return sorted(likely, key=lambda path: -path.likelihood)[:_MAX_PATHS]


class TokenIndex:
    """Finds tokens by the hexadecimal digits that they write."""

    def __init__(self, hexadecimal: Sequence[str]) -> None:
        entries = sorted((digits, token) for token, digits in enumerate(hexadecimal) if digits)
        self._digits = [digits for digits, _ in entries]
        self._entries = [(token, digits) for digits, token in entries]
        self._lengths = sorted({len(digits) for digits in self._digits})

    def agreeing(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the tokens that write a beginning of the text, or the whole text and possibly more."""
        for length in self._lengths:
            if length < len(text) and (len(text) % 2 == 0 or length == 1):  # half a byte is completed by half a byte
                yield from self._between(text[:length], text[:length] + "!")
        for token, digits in self._between(text, text + "g"):
            if len(text) % 2 == 0 or len(digits) == 1:
                yield token, digits

    def _between(self, low: str, high: str) -> list[tuple[int, str]]:
        """Return the tokens with digits in [low, high), in string order: "!" sorts before all digits, "g" after."""
        return self._entries[bisect_left(self._digits, low) : bisect_left(self._digits, high)]


def _digits(text: str) -> str:
    return text.encode("utf-8").hex()
