"""Token healing: samples continue the text of a prime, even if it ends in the middle of a token.

The tokens of a prime's last word depend on what follows: if "the ca" is followed by "t", the token is " cat". Therefore
the last word is given as text, and all sequences of tokens that write it are considered:

    P(way | text) = P(way) / sum of P over all ways,    P(t_1 ... t_k) = P(t_1) P(t_2 | t_1) ... P(t_k | t_1 ...)

A way consists of tokens t_1 to t_{k-1}, which write a part of the word, and t_k, which writes the rest and possibly
more. Each stream draws its way from this distribution. The search is pruned: it drops beginnings of ways whose
probability is below `_NEGLIGIBLE` of the probability found, and keeps the `_MAX_PATHS` most likely beginnings that
write equally much. If a word is longer than `_MAX_BYTES`, its first tokens are those of the level's encoder.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.config import SamplingConfig
from seqgen.levels.base import TextLevel
from seqgen.model.state import concatenate, select
from seqgen.model.stepper import Stepper
from seqgen.sampling.constraint import Constraint
from seqgen.sampling.filters import probabilities
from seqgen.sampling.generator import Reading, draw
from seqgen.sampling.token_index import TokenIndex

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
    count, place = len(ids), len(digits)
    while place > begin:
        count -= 1
        place -= len(level.hexadecimal[ids[count]])
    return ids[:count], digits[place:]


class _Path(NamedTuple):
    """Tokens that write a part of the rest of the prime.

    Attributes:
        ids: the tokens.
        likelihood: log P of the tokens.
    """

    ids: tuple[int, ...]
    likelihood: float


class _Following(NamedTuple):
    """What was read after a path.

    Attributes:
        entries: the tokens that may follow it, as entries of the index, in ascending order.
        likelihoods: log P of each of them.
        state: the state after the path, one stream.
    """

    entries: NDArray[np.int64]
    likelihoods: NDArray[np.float64]
    state: list[State]


class _Ways(NamedTuple):
    """Paths with a last token, which writes the remaining digits and possibly more; all have shape (ways,).

    Attributes:
        paths: the indices of the paths.
        tokens: the last tokens.
        likelihoods: log P of all tokens.
        allowed: the same; -inf if the rules exclude the text after the prime.
    """

    paths: NDArray[np.int64]
    tokens: NDArray[np.int64]
    likelihoods: NDArray[np.float64]
    allowed: NDArray[np.float64]


class Healing:
    """Finds the ways to write the rest of a prime; paths that write equally much are read in one batch.

    Args:
        step: the stepper of the model, whose state is replaced.
        index: the tokens.
        reading: the reading of the tokens before the rest, one stream.
        rest: the rest of the prime in hexadecimal digits, at least one.
        rules: returns the constraint of a stream in which these tokens of the rest are written; it restricts only text
            after the prime.
        before: the healing of a beginning of the rest after the same tokens; what it has read is not read again.
    """

    @torch.inference_mode()
    def __init__(
        self,
        step: Stepper,
        index: TokenIndex,
        reading: Reading,
        rest: str,
        rules: Rules,
        before: "Healing | None" = None,
    ) -> None:
        self._step = step
        self._index = index
        self._memory = reading.memory
        self._device = reading.logits.device
        self._rules = rules
        self._paths: list[_Path] = []  # that were read
        self._following: dict[tuple[int, ...], _Following] = {} if before is None else before._following.copy()
        self._found = -math.inf  # log P of all allowed ways
        if before is None:
            self._keep([()], reading, index.agreeing(rest))
        waiting = {0: [_Path((), 0.0)]}  # by the number of digits that they write
        self._ways = self._ordered(
            [
                self._extended(paths, rest, num_written, waiting)
                for num_written in range(len(rest))
                if (paths := self._likeliest(waiting.pop(num_written, [])))
            ]
        )

    def drawn(self, numbers: Tensor, config: SamplingConfig) -> Healed:
        """Write the rest in each stream, in a way that is drawn for it.

        Args:
            numbers: uniform random numbers in [0, 1), one per stream, shape (streams, 1).
            config: temperature, top-k and top-p, which apply to the distribution of ways.
        """
        likely = probabilities(torch.from_numpy(self._ways.allowed)[None], config)
        return self._healed(draw(likely.expand(len(numbers), -1), numbers).numpy())

    def likeliest(self, count: int) -> Healed:
        """Write the rest in the most likely ways, at most `count`, one stream for each, the most likely first."""
        return self._healed(np.argsort(-self._ways.allowed, kind="stable")[:count])

    @torch.inference_mode()
    def _healed(self, picked: NDArray[np.int64]) -> Healed:
        """Return streams that have written these ways, given by their indices."""
        paths = [self._paths[number].ids for number in self._ways.paths[picked].tolist()]
        tokens, likelihoods = self._ways.tokens[picked].tolist(), self._ways.likelihoods
        nats = np.logaddexp.reduce(likelihoods) - likelihoods[picked]
        ids = [[*path, token] for path, token in zip(paths, tokens, strict=True)]
        return Healed(ids, torch.from_numpy(nats), self._read(paths, tokens))

    def _extended(self, paths: list[_Path], rest: str, num_written: int, waiting: dict[int, list[_Path]]) -> _Ways:
        """Extend paths by one token, and return those that write the whole rest.

        Args:
            paths: which write equally much.
            rest: of the prime.
            num_written: the number of its digits that they write.
            waiting: receives the extended paths that do not write the whole rest, by the number of digits.
        """
        entries = self._index.agreeing(rest[num_written:])
        tokens, ends = self._index.tokens[entries], num_written + self._index.num_digits[entries]
        likelihoods = self._likelihoods(paths, entries)
        num_parts = np.count_nonzero(ends < len(rest))  # tokens that do not write the whole rest
        parts = list(zip(tokens[:num_parts].tolist(), ends[:num_parts].tolist(), strict=True))
        for path, totals in zip(paths, likelihoods[:, :num_parts].tolist(), strict=True):
            for (token, end), total in zip(parts, totals, strict=True):
                waiting.setdefault(end, []).append(_Path((*path.ids, token), total))
        numbers = np.arange(len(self._paths), len(self._paths) + len(paths))
        self._paths += paths
        tokens, likelihoods = tokens[num_parts:], likelihoods[:, num_parts:]
        allowed = np.where(self._excluded(paths, tokens, ends[num_parts:] > len(rest)), -np.inf, likelihoods)
        self._found = float(np.logaddexp.reduce(allowed, axis=None, initial=self._found))
        return _Ways(np.repeat(numbers, len(tokens)), np.tile(tokens, len(paths)), likelihoods.ravel(), allowed.ravel())

    def _likelihoods(self, paths: list[_Path], entries: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return log P of all tokens with one more token, shape (paths, entries); read the paths that were not read."""
        if unread := [path.ids for path in paths if path.ids not in self._following]:
            self._keep(unread, self._read([ids[:-1] for ids in unread], [ids[-1] for ids in unread]), entries)
        rows = [self._following[path.ids] for path in paths]
        return np.stack(
            [
                path.likelihood + row.likelihoods[np.searchsorted(row.entries, entries)]
                for path, row in zip(paths, rows, strict=True)
            ]
        )

    def _keep(self, paths: list[tuple[int, ...]], reading: Reading, entries: NDArray[np.int64]) -> None:
        """Keep what was read after each path, for these next tokens."""
        likelihoods = reading.logits.double().log_softmax(-1).cpu().numpy()[:, self._index.tokens[entries]]
        for stream, ids in enumerate(paths):
            state = select(reading.state, slice(stream, stream + 1))
            self._following[ids] = _Following(entries, likelihoods[stream], state)

    def _read(self, paths: Sequence[tuple[int, ...]], tokens: Sequence[int]) -> Reading:
        """Return the reading after paths and one more token for each."""
        self._step.state = concatenate([self._following[ids].state for ids in paths])
        logits = self._step(torch.tensor(tokens, device=self._device))
        return Reading(logits, self._step.state, self._memory)

    def _excluded(self, paths: list[_Path], tokens: NDArray[np.int64], is_more: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which tokens the rules exclude after each path if they write more than the rest."""
        if not is_more.any():
            return np.zeros((len(paths), len(tokens)), dtype=np.bool_)
        masks = [self._rules(path.ids).mask() for path in paths]
        rows = [np.zeros(len(tokens), dtype=np.bool_) if mask is None else mask[0, tokens] < 0 for mask in masks]
        return np.stack(rows) & is_more

    def _likeliest(self, paths: list[_Path]) -> list[_Path]:
        """Return the most likely paths, without those that are negligible compared with the ways found so far."""
        least = self._found + math.log(_NEGLIGIBLE)
        likely = [path for path in paths if path.likelihood >= least]
        return sorted(likely, key=lambda path: -path.likelihood)[:_MAX_PATHS]

    def _ordered(self, found: Sequence[_Ways]) -> _Ways:
        """Return all ways: those with fewer tokens come first, then those of likelier paths."""
        ways = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        lengths = np.array([len(path.ids) for path in self._paths])[ways[0]]
        likelihoods = np.array([path.likelihood for path in self._paths])[ways[0]]
        order = np.lexsort((-likelihoods, lengths))
        return _Ways(*(part[order] for part in ways))


def _digits(text: str) -> str:
    return text.encode("utf-8").hex()
