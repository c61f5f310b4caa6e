"""Token healing: a prime goes on as its text does, wherever it is cut and whatever its last tokens would be.

The tokens of a prime's last word depend on what follows: after "the ca" comes a t, and the token is " cat". So the last
word is given to the model as text. All ways in which tokens write it are considered, each as likely as the model says:

    P(way | text) = P(way) / sum of P over all ways,    P(t_1 ... t_k) = P(t_1) P(t_2 | t_1) ... P(t_k | t_1 ...)

where t_1 to t_{k-1} write less than the word, and t_k the rest of it and possibly more. The way of each stream is drawn
from these. Ways that begin with tokens of less than `_NEGLIGIBLE` of the probability found are left out, and of
those that have equally many tokens, all but the `_MAX_PATHS` likeliest; of a word that is longer than `_MAX_BYTES` the
first tokens are as the level writes them.
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
    """Streams in which the last word of the prime is written.

    Attributes:
        ids: the tokens that write it in each stream.
        nats: how unlikely they were among all that write it, shape (streams,).
        reading: after these tokens.
    """

    ids: list[list[int]]
    nats: Tensor
    reading: Reading


def split(level: TextLevel, text: str, num_settled: int = 0) -> tuple[list[int], str]:
    """Return the tokens of a text up to its last word, and the rest in hexadecimal digits, as the tokens write it.

    Args:
        level: the vocabulary.
        text: a normalised text.
        num_settled: how many characters at the beginning do not belong to its last word.
    """
    ids = level.encode(text).tolist()
    digits = _digits(level.laid_out(text))
    before = level.laid_out(text[: max(num_settled, level.settled(text))])
    begin = max(len(_digits(before)), len(digits) - 2 * _MAX_BYTES)
    ends = np.cumsum([0, *(len(level.hexadecimal[token]) for token in ids)])
    num_kept = int(np.searchsorted(ends, begin, side="right")) - 1
    return ids[:num_kept], digits[ends[num_kept] :]


@torch.inference_mode()
def heal(
    model: LanguageModel,
    hexadecimal: Sequence[str],
    reading: Reading,
    rest: str,
    numbers: Tensor,
    config: SamplingConfig,
    rules: Rules,
) -> Healed:
    """Return streams that have written the rest of a prime, each in its own way.

    Args:
        model: the language model.
        hexadecimal: what each token writes.
        reading: of what comes before, one stream.
        rest: what is to be written, in hexadecimal digits, at least one.
        numbers: one per stream in [0, 1), which decides its way; shape (streams, 1).
        config: temperature, top-k and top-p, which choose among the ways.
        rules: returns what may come next in a stream that has these tokens of the rest; it limits only what is written
            after the prime.
    """
    search = _Search(model, _Index(hexadecimal), reading, rest, rules)
    ways = search.ways
    allowed = torch.tensor([[way.allowed for way in ways]], dtype=torch.float64)
    picked = draw(probabilities(allowed, config).expand(len(numbers), -1), numbers)
    chosen = [ways[place] for place in picked.tolist()]
    paths, tokens = torch.tensor([(way.path, way.token) for way in chosen], device=model.device).T
    logits, state = model(tokens[None], select(search.state, paths))
    likelihood = torch.tensor([way.likelihood for way in ways], dtype=torch.float64)
    return Healed(
        [[*search.paths[way.path].ids, way.token] for way in chosen],
        likelihood.logsumexp(0) - likelihood[picked],
        Reading(logits[-1], state),
    )


class _Path(NamedTuple):
    """Tokens that write less than the rest of the prime.

    Attributes:
        ids: the tokens.
        left: the digits that they do not write.
        likelihood: log P of the tokens.
        before: the number of the path without its last token.
    """

    ids: list[int]
    left: str
    likelihood: float
    before: int


class _Way(NamedTuple):
    """A path, and a token after it that writes all that is left and possibly more.

    Attributes:
        path: its number.
        token: the token.
        likelihood: log P of all tokens.
        allowed: the same, -inf where the rules exclude what is written after the prime.
    """

    path: int
    token: int
    likelihood: float
    allowed: float


class _Search:
    """Finds the ways to write a text; paths of equally many tokens are read in one batch.

    Attributes:
        paths: those that were read.
        ways: all that were found.
        state: after each path.
    """

    def __init__(self, model: LanguageModel, index: "_Index", reading: Reading, rest: str, rules: Rules) -> None:
        self.paths: list[_Path] = []
        self.ways: list[_Way] = []
        self._index = index
        self._rules = rules
        self._mask: Mask | None = None
        self._mask_of = -1  # the number of the path after which it says what may come
        states, front = [], [_Path([], rest, 0.0, 0)]
        while front:
            states.append(reading.state)
            num_before = len(self.paths)
            front = self._likeliest(self._extended(front, reading.logits.double().log_softmax(-1).cpu()))
            before = torch.tensor([path.before - num_before for path in front], device=model.device, dtype=torch.long)
            tokens = torch.tensor([[path.ids[-1] for path in front]], device=model.device, dtype=torch.long)
            if front:
                logits, state = model(tokens, select(reading.state, before))
                reading = Reading(logits[-1], state)
        self.state = concatenate(states)

    def _extended(self, front: Sequence[_Path], likelihood: Tensor) -> list[_Path]:
        """Take paths with the log-likelihoods of what follows each, and return those that are longer by a token."""
        longer = []
        for path, following in zip(front, likelihood.numpy(), strict=True):
            number = len(self.paths)
            self.paths.append(path)
            for token, digits in self._index.agreeing(path.left):
                total = path.likelihood + float(following[token])
                if len(digits) < len(path.left):
                    longer.append(_Path([*path.ids, token], path.left[len(digits) :], total, number))
                else:
                    is_excluded = len(digits) > len(path.left) and self._excludes(number, token)
                    self.ways.append(_Way(number, token, total, -math.inf if is_excluded else total))
        return longer

    def _excludes(self, number: int, token: int) -> bool:
        """Tell whether the rules exclude a token after a path."""
        if number != self._mask_of:
            self._mask_of, self._mask = number, self._rules(self.paths[number].ids).mask()
        return self._mask is not None and bool(self._mask[0, token] < 0)

    def _likeliest(self, paths: list[_Path]) -> list[_Path]:
        """Return the paths that are worth going on with; before any way is found, all are."""
        found = np.logaddexp.reduce([-math.inf, *(way.allowed for way in self.ways)])
        kept = [path for path in paths if path.likelihood >= found + math.log(_NEGLIGIBLE)]
        return sorted(kept, key=lambda path: -path.likelihood)[:_MAX_PATHS]


class _Index:
    """Finds tokens by what they write, in hexadecimal digits."""

    def __init__(self, hexadecimal: Sequence[str]) -> None:
        entries = sorted((digits, token) for token, digits in enumerate(hexadecimal) if digits)
        self._digits = [digits for digits, _ in entries]
        self._entries = [(token, digits) for digits, token in entries]
        self._lengths = sorted({len(digits) for digits in self._digits})

    def agreeing(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the tokens that write the beginning of a text, or all of it and possibly more."""
        for length in self._lengths:
            if length < len(text) and (len(text) % 2 == 0 or length == 1):  # half a byte goes on with half a byte
                yield from self._between(text[:length], text[:length] + "!")
        for token, digits in self._between(text, text + "g"):
            if len(text) % 2 == 0 or len(digits) == 1:
                yield token, digits

    def _between(self, low: str, high: str) -> list[tuple[int, str]]:
        """Return the tokens whose digits are from `low` on and below `high`: "!" sorts before digits, "g" after."""
        return self._entries[bisect_left(self._digits, low) : bisect_left(self._digits, high)]


def _digits(text: str) -> str:
    return text.encode("utf-8").hex()
