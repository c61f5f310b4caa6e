"""The baseline: an n-gram model with modified Kneser-Ney smoothing, all orders interpolated.

    p_n(w | h) = max(c(h w) - D(c(h w)), 0) / sum_v c(h v)  +  gamma(h) p_{n-1}(w | h'),    p_0(w) = 1 / (V - 1)
    gamma(h)   = sum_v D(c(h v)) / sum_v c(h v)
    D(1) = 1 - 2 Y n_2 / n_1,   D(2) = 2 - 3 Y n_3 / n_2,   D(3 and more) = 3 - 4 Y n_4 / n_3,   Y = n_1 / (n_1 + 2 n_2)

where h is the context, the n - 1 tokens before w, and h' is h without its first token. c(h w) is how often h w came at
the highest order; below, it is how many different tokens came before h w, or how often it came where none did (at the
beginning of a document). n_k is how many n-grams have a count of k. A context that never came has gamma = 1. The start
token is context alone: of the V tokens it is the one that is never predicted (Kneser & Ney 1995; Chen & Goodman 1999,
"An empirical study of smoothing techniques for language modeling", whose discounts these are; Heafield et al. 2013 for
the beginning of a document).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.part import Part
from seqgen.evaluation.likelihood import Score
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import Ids, Level

MAX_TOKENS = 1 << 23  # of the training part are counted: 0.6 GB with order 6 for characters, at worst 2.2 GB with 8
_NUM_STRETCHES = 64  # that are taken of a larger part
_BLOCK = 1 << 18  # tokens that are scored at once
_NO_KEY = np.iinfo(np.int64).max
# Of counts 0, 1, 2, 3 and more, where counts of counts do not tell: in a small text, or of single characters (KenLM's).
_USUAL_DISCOUNTS = np.array([0.0, 0.5, 1.0, 1.5])

Numbers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class NgramModel:
    """Models of the orders 1 to `max_order`, which share what they count.

    Attributes:
        vocabulary_size: V, the start token among them.
        num_tokens: how many tokens of the training part were counted.
    """

    vocabulary_size: int
    num_tokens: int
    _orders: tuple["_Order", ...] = field(repr=False)

    @classmethod
    def fit(cls, part: Part, max_order: int = 6, max_tokens: int = MAX_TOKENS, progress: Progress = SILENT) -> Self:
        """Count the n-grams of a part.

        Args:
            part: to learn from.
            max_order: the length of the longest n-grams, at least 1.
            max_tokens: of a larger part only about as many are counted, in stretches spread evenly over it, each as if
                it were a document. This bounds time and memory.
            progress: shows how far it is.
        """
        ids = _sample(part.ids, max_tokens)
        vocabulary_size = len(part.counts)
        orders = progress.track("counting n-grams", _count(ids, vocabulary_size, max_order), max_order)
        return cls(vocabulary_size, len(ids), tuple(orders))

    @property
    def max_order(self) -> int:
        """The highest order."""
        return len(self._orders)

    def probabilities(self, ids: Ids) -> NDArray[np.float64]:
        """Return the probability of each token after those before it in its document.

        Args:
            ids: documents, each from its start token on, shape (tokens,).

        Returns:
            Shape (orders, tokens); what it says of a start token has no meaning.
        """
        result = np.empty((self.max_order, len(ids)))
        below = np.full(len(ids), 1 / (self.vocabulary_size - 1))
        contexts: Numbers = np.zeros(len(ids), dtype=np.int64)
        for row, order in zip(result, self._orders, strict=True):
            numbers = order.find(ids, contexts, self.vocabulary_size)
            row[:] = order.highest.interpolated(numbers, contexts, below)
            below = order.lower.interpolated(numbers, contexts, below)
            contexts = _before(numbers, ids)
        return result

    def scores(self, part: Part, progress: Progress = SILENT) -> list[Score]:
        """Return the score of a part by each order, from 1 on; every token but the start tokens is a target."""
        nats = np.zeros(self.max_order)
        blocks = range(0, len(part.ids), _BLOCK)
        for begin in progress.track("scoring with n-grams", blocks, len(blocks)):
            first = max(0, begin - self.max_order + 1)  # what stands before a block is context alone
            ids = part.ids[first : begin + _BLOCK]
            is_target = ids != Level.START
            is_target[: begin - first] = False
            nats -= np.log(self.probabilities(ids)[:, is_target]).sum(1)
        return [Score(total, part.num_targets) for total in nats.tolist()]

    def score(self, part: Part, order: int) -> Score:
        """Return the score of a part by one order."""
        return self.scores(part)[order - 1]

    def best_order(self, part: Part, progress: Progress = SILENT) -> int:
        """Return the order that predicts a validation part best; the lowest of equally good ones."""
        return 1 + int(np.argmin([score.nats for score in self.scores(part, progress)]))


class _Weights(NamedTuple):
    """The two terms of the equation, as far as they can be known beforehand.

    Attributes:
        shares: of each n-gram, the first term; one 0 more at the end, where number -1 finds it: an unknown n-gram's.
        backoffs: of each context, gamma; one 1 more at the end, an unknown context's.
    """

    shares: NDArray[np.float32]
    backoffs: NDArray[np.float32]

    @classmethod
    def of(cls, counts: Numbers, contexts: Numbers, num_contexts: int) -> Self:
        """Return the weights of n-grams.

        Args:
            counts: c(h w) of each.
            contexts: the number of its h.
            num_contexts: how many numbers there are.
        """
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        held_back = np.bincount(contexts, discounts, num_contexts)
        totals = np.bincount(contexts, counts, num_contexts)
        is_known = totals > 0
        totals[~is_known] = held_back[~is_known] = 1
        shares = (counts - discounts) / totals[contexts]
        return cls(*(np.append(terms, end).astype(np.float32) for terms, end in ((shares, 0), (held_back / totals, 1))))

    def interpolated(self, numbers: Numbers, contexts: Numbers, below: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return p_n, given p_{n-1}."""
        return self.shares[numbers] + self.backoffs[contexts] * below


class _Order(NamedTuple):
    """What is known of the n-grams of one length.

    Attributes:
        keys: each different n-gram as a key, in order: its place is the n-gram's number; `_NO_KEY` at the end.
        highest: the weights where it is the highest order.
        lower: the weights where there is a higher one.
    """

    keys: NDArray[np.int64]
    highest: _Weights
    lower: _Weights

    def find(self, ids: Ids, contexts: Numbers, vocabulary_size: int) -> Numbers:
        """Return the number of the n-gram that ends at each token; -1 where it is unknown."""
        keys = _keys(ids, contexts, vocabulary_size)
        places = np.searchsorted(self.keys, keys)
        return np.where(self.keys[places] == keys, places, -1)


def _count(ids: Ids, vocabulary_size: int, max_order: int) -> Iterator[_Order]:
    """Yield the orders; the counts below the highest come from the n-grams that are longer by one."""
    counted, numbers = _Counted.of(ids, np.zeros(len(ids), dtype=np.int32), vocabulary_size)
    counted.counts[counted.keys == Level.START] = 0
    num_contexts = 1
    for _ in range(max_order - 1):
        longer, longer_numbers = _Counted.of(ids, _before(numbers, ids), vocabulary_size)
        preceding = np.bincount(numbers[longer.examples], minlength=len(counted.keys))
        lower = np.where(preceding == 0, counted.counts, preceding)
        contexts = counted.keys // vocabulary_size
        weights = (_Weights.of(counts, contexts, num_contexts) for counts in (counted.counts, lower))
        yield _Order(np.append(counted.keys, _NO_KEY), *weights)
        num_contexts = len(counted.keys)
        counted, numbers = longer, longer_numbers
    highest = _Weights.of(counted.counts, counted.keys // vocabulary_size, num_contexts)
    yield _Order(np.append(counted.keys, _NO_KEY), highest, highest)


class _Counted(NamedTuple):
    """The different n-grams of one length in a text.

    Attributes:
        keys: each as one number, in order.
        examples: a place in the text where each ends.
        counts: how often each came.
    """

    keys: NDArray[np.int64]
    examples: Numbers
    counts: Numbers

    @classmethod
    def of(cls, ids: Ids, contexts: Numbers, vocabulary_size: int) -> tuple[Self, Numbers]:
        """Count, and return also the number of the n-gram that ends at each token; -1 where there is none."""
        places = np.flatnonzero(contexts >= 0)
        keys, examples, inverse, counts = np.unique(
            _keys(ids[places], contexts[places], vocabulary_size),
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        numbers = np.full(len(ids), -1, dtype=np.int32)
        numbers[places] = inverse
        return cls(keys, places[examples], counts), numbers


def _keys(ids: Ids, contexts: Numbers, vocabulary_size: int) -> NDArray[np.int64]:
    """Return one number for each context and token, negative where the context is unknown."""
    return contexts.astype(np.int64) * vocabulary_size + ids


def _before(numbers: Numbers, ids: Ids) -> Numbers:
    """Return the number of the n-gram that ends before each token: the context of one that is longer by one."""
    contexts = np.concatenate([[-1], numbers[:-1]])
    contexts[ids == Level.START] = -1  # nothing of the document before counts
    return contexts


def _discounts(counts: Numbers) -> NDArray[np.float64]:
    """Return the discounts of counts 0, 1, 2, 3 and more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(np.float64)  # n[k] n-grams have a count of k
    if not n[1:].all():
        return _USUAL_DISCOUNTS
    y = n[1] / (n[1] + 2 * n[2])
    discounts = np.array([0.0, *(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))])
    return discounts if (discounts[1:] > 0).all() else _USUAL_DISCOUNTS


def _sample(ids: Ids, max_tokens: int) -> Ids:
    if len(ids) <= max_tokens:
        return np.asarray(ids)
    size = -(-max_tokens // _NUM_STRETCHES)
    begins = np.linspace(0, len(ids) - size, _NUM_STRETCHES).astype(np.int64)
    stretches = np.stack([ids[begin : begin + size] for begin in begins])
    stretches[:, 0] = Level.START
    return stretches.ravel()
