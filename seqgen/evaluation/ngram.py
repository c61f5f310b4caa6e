"""An n-gram model with interpolated modified Kneser-Ney smoothing, which serves as a baseline.

    p_n(w | h) = max(c(h w) - D(c(h w)), 0) / sum_v c(h v)  +  gamma(h) p_{n-1}(w | h'),    p_0(w) = 1 / (V - 1)
    gamma(h)   = sum_v D(c(h v)) / sum_v c(h v)
    D(1) = 1 - 2 Y n_2 / n_1,   D(2) = 2 - 3 Y n_3 / n_2,   D(3 and more) = 3 - 4 Y n_4 / n_3,   Y = n_1 / (n_1 + 2 n_2)

where h is the context, the n - 1 tokens before w, and h' is h without its first token. At the highest order, c(h w) is
the number of occurrences of h w; at lower orders it is the number of different tokens that precede h w or, if there are
none (at the beginning of a document), the number of occurrences. n_k is the number of n-grams with count k. Contexts
that never occur have gamma = 1. The start token occurs only as context: it is the one of the V tokens that is never
predicted (Kneser & Ney 1995; discounts from Chen & Goodman 1999, "An empirical study of smoothing techniques for
language modeling"; beginning of a document as in Heafield et al. 2013).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.ngram_table import NgramTable
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.surprisal_array import surprisal_array
from seqgen.levels.base import Ids, Level

MAX_TOKENS = 1 << 23  # that are counted: 0.6 GB with order 6 for characters, at most 2.2 GB with order 8
_NUM_STRETCHES = 64  # taken from a larger dataset
_BLOCK = 1 << 18  # tokens scored at once
# For counts 0, 1, 2, and 3 or more, if they cannot be estimated: in small texts or for single characters (as KenLM).
_USUAL_DISCOUNTS = np.array([0.0, 0.5, 1.0, 1.5])

Numbers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class NgramModel:
    """Models of the orders 1 to `max_order`, which share their counts.

    Attributes:
        vocabulary_size: V, including the start token.
        num_tokens: number of tokens that were counted.
    """

    vocabulary_size: int
    num_tokens: int
    _orders: tuple["_Order", ...] = field(repr=False)

    @classmethod
    def fit(
        cls, dataset: Dataset, max_order: int = 6, max_tokens: int = MAX_TOKENS, progress: Progress = SILENT
    ) -> Self:
        """Count the n-grams of a dataset.

        Args:
            dataset: the training set.
            max_order: length of the longest n-grams, at least 1.
            max_tokens: number of tokens of a larger dataset that are counted, in evenly spaced stretches, each treated
                as a document. This bounds time and memory.
            progress: receives the progress.
        """
        ids = _sample(dataset.ids, max_tokens)
        vocabulary_size = len(dataset.counts)
        orders = progress.track("counting n-grams", _count(ids, vocabulary_size, max_order), max_order)
        return cls(vocabulary_size, len(ids), tuple(orders))

    @property
    def max_order(self) -> int:
        """The highest order."""
        return len(self._orders)

    def probabilities(self, ids: Ids, order: int | None = None) -> NDArray[np.float64]:
        """Return the probability of each token after those before it in its document.

        Args:
            ids: documents, each beginning with its start token, shape (tokens,).
            order: the highest order; None for that of the model.

        Returns:
            Shape (orders, tokens); values at start tokens are meaningless.
        """
        result = np.empty((order or self.max_order, len(ids)))
        below = np.full(len(ids), 1 / (self.vocabulary_size - 1))
        numbers = np.zeros(len(ids), dtype=np.int32)
        for row, (table, *weights) in zip(result, self._orders, strict=False):
            table.interpolate(ids, numbers, (weights[0], weights[1]), below, row)
        return result

    def scores(self, dataset: Dataset, progress: Progress = SILENT) -> list[Likelihood]:
        """Return the score of a dataset by order, from 1; every token except start tokens is a target."""
        nats = np.zeros(self.max_order)
        for _, probabilities in self._probabilities(dataset, self.max_order, progress):
            nats -= np.log(probabilities).sum(1)
        return [Likelihood(total, dataset.num_targets) for total in nats.tolist()]

    def surprisals(self, dataset: Dataset, order: int, progress: Progress = SILENT) -> NDArray[np.float32]:
        """Return the nats of each token of a dataset by one order, shape (tokens,); 0 for start tokens."""
        nats = surprisal_array(len(dataset.ids))
        for begin, probabilities in self._probabilities(dataset, order, progress):
            nats[begin : begin + probabilities.shape[1]] = -np.log(probabilities[-1])
        return nats

    def best_order(self, dataset: Dataset, progress: Progress = SILENT) -> int:
        """Return the order with the lowest loss on a dataset; the lowest order of several."""
        return 1 + int(np.argmin([score.nats for score in self.scores(dataset, progress)]))

    def _probabilities(
        self, dataset: Dataset, order: int, progress: Progress
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the beginning of each block of tokens, and their probabilities, 1 for start tokens."""
        blocks = range(0, len(dataset.ids), _BLOCK)
        for begin in progress.track("scoring with n-grams", blocks, len(blocks)):
            first = max(0, begin - order + 1)  # tokens before a block are only context
            ids = np.asarray(dataset.ids[first : begin + _BLOCK])
            probabilities = self.probabilities(ids, order)
            probabilities[:, ids == Level.START] = 1
            yield begin, probabilities[:, begin - first :]


class _Order(NamedTuple):
    """The n-grams of one length, with weights as the highest order and as a lower one.

    Attributes:
        table: the n-grams.
        shares: first term of the equation, shape (n-grams + 1, 2); the last, at index -1, is 0 for unknown n-grams.
        backoffs: gamma of each context, shape (contexts + 1, 2); the last, at index -1, is 1 for unknown contexts.
    """

    table: NgramTable
    shares: NDArray[np.float32]
    backoffs: NDArray[np.float32]

    @classmethod
    def of(cls, table: NgramTable, lower: Numbers, num_contexts: int) -> Self:
        """Return the order.

        Args:
            table: the n-grams.
            lower: c(h w) of each n-gram if there is a higher order.
            num_contexts: number of contexts.
        """
        shares, backoffs = (np.zeros((size + 1, 2), dtype=np.float32) for size in (len(lower), num_contexts))
        backoffs[-1] = 1
        for place, counts in enumerate((table.counts, lower)):
            columns = shares[:, place], backoffs[:, place]
            _weigh(table.keys, table.vocabulary_size, counts, _discounts(counts), num_contexts, *columns)
        return cls(table, shares, backoffs)


@compiled()
def _weigh(
    keys: Any, vocabulary_size: int, counts: Any, discounts: Any, num_contexts: int, shares: Any, backoffs: Any
) -> None:
    """Write the weights of n-grams with these counts."""
    totals, held_back = np.zeros(num_contexts), np.zeros(num_contexts)
    for number in range(len(keys)):
        context = keys[number] // vocabulary_size
        totals[context] += counts[number]
        held_back[context] += discounts[min(counts[number], 3)]
    for number in range(len(keys)):
        context = keys[number] // vocabulary_size
        if totals[context] > 0:
            shares[number] = (counts[number] - discounts[min(counts[number], 3)]) / totals[context]
    for context in range(num_contexts):
        backoffs[context] = held_back[context] / totals[context] if totals[context] > 0 else 1


def _count(ids: Ids, vocabulary_size: int, max_order: int) -> Iterator[_Order]:
    """Yield the orders; counts of lower orders come from the n-grams of the next order."""
    numbers = np.zeros(len(ids), dtype=np.int32)
    table, _ = NgramTable.of(ids, numbers, vocabulary_size)
    table.counts[table.keys == Level.START] = 0
    num_contexts = 1
    for _ in range(max_order - 1):
        longer, preceding = NgramTable.of(ids, numbers, vocabulary_size, len(table.keys))
        yield _Order.of(table, np.where(preceding == 0, table.counts, preceding), num_contexts)
        num_contexts = len(table.keys)
        table = longer
    yield _Order.of(table, table.counts, num_contexts)


def _discounts(counts: Numbers) -> NDArray[np.float64]:
    """Return the discounts of counts 0, 1, 2, and 3 or more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(
        np.float64
    )  # n[k] is the number of n-grams with count k
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
