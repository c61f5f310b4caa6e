"""N-gram models, compared with an implementation by dictionaries and with worked examples."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation import ngram
from seqgen.evaluation.ngram import NgramModel

VOCABULARY_SIZE = 5
A, B, C = 2, 3, 4
documents = st.lists(st.lists(st.integers(1, VOCABULARY_SIZE - 1), max_size=30), min_size=1, max_size=6)


def dataset_of(*contents, vocabulary_size=VOCABULARY_SIZE):
    """Return a dataset of these documents, with start tokens."""
    offsets = np.cumsum([0, *(len(content) + 1 for content in contents)])
    ids = np.array([token for content in contents for token in (0, *content)], dtype=np.uint16)
    counts = np.bincount(ids, minlength=vocabulary_size)
    counts[0] = 0
    return Dataset(ids, offsets, counts, {})


def total(model, dataset, order):
    """Return the nats of a dataset."""
    return model.scores(dataset)[order - 1].nats


class Slow:
    """Compute the equations with dictionaries of tuples."""

    def __init__(self, contents, order, vocabulary_size=VOCABULARY_SIZE):
        self.order, self.vocabulary_size = order, vocabulary_size
        counts, before = Counter(), defaultdict(set)
        for content in contents:
            tokens = (0, *content)
            for length in range(1, order + 1):
                for start in range(len(tokens) - length + 1):
                    gram = tokens[start : start + length]
                    counts[gram] += gram != (0,)
                    if start:
                        before[gram].add(tokens[start - 1])
        self.counts = {
            gram: len(before[gram]) if len(gram) < order and before[gram] else count
            for gram, count in counts.items()
            if count
        }
        self.following = defaultdict(dict)
        for gram, count in self.counts.items():
            self.following[gram[:-1]][gram[-1]] = count
        self.discounts = {length: self._discounts(length) for length in range(1, order + 1)}

    def _discounts(self, length):
        n = Counter(count for gram, count in self.counts.items() if len(gram) == length)
        if not all(n[k] for k in (1, 2, 3, 4)):
            return 0, 0.5, 1, 1.5
        y = n[1] / (n[1] + 2 * n[2])
        found = 0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]
        return found if min(found[1:]) > 0 else (0, 0.5, 1, 1.5)

    def probability(self, token, context):
        context = tuple(context)[max(0, len(context) - self.order + 1) :]
        return self._probability(token, context)

    def _probability(self, token, context):
        below = self._probability(token, context[1:]) if context else 1 / (self.vocabulary_size - 1)
        counts = self.following.get(context)
        if not counts:
            return below
        discount = self.discounts[len(context) + 1]
        total = sum(counts.values())
        held_back = sum(discount[min(count, 3)] for count in counts.values())
        count = counts.get(token, 0)
        return max(count - discount[min(count, 3)], 0) / total + held_back / total * below


@given(train=documents, scored=documents, order=st.integers(1, 5))
def test_every_order_agrees_with_the_equations(train, scored, order):
    model = NgramModel.fit(dataset_of(*train), max_order=order)
    for lower in range(1, order + 1):
        slow = Slow(train, lower)
        for content in scored:
            tokens = [0, *content]
            probabilities = model.probabilities(np.array(tokens))[lower - 1, 1:]
            expected = [slow.probability(tokens[place], tokens[:place]) for place in range(1, len(tokens))]
            assert probabilities.tolist() == pytest.approx(expected, rel=1e-5)


def test_discounts_are_estimated_if_there_are_enough_counts():
    # A skewed distribution of letters, so that every order has n-grams with counts 1, 2, 3 and 4.
    letters = np.random.default_rng(1).geometric(0.2, size=3000).clip(max=39).tolist()
    train, scored = letters[:2500], letters[2500:]
    slow = Slow([train], 3, vocabulary_size=40)
    assert all(discounts != (0, 0.5, 1, 1.5) for discounts in slow.discounts.values())
    model = NgramModel.fit(dataset_of(train, vocabulary_size=40), max_order=3)
    tokens = [0, *scored]
    expected = -sum(math.log(slow.probability(tokens[place], tokens[:place])) for place in range(1, len(tokens)))
    assert total(model, dataset_of(scored, vocabulary_size=40), 3) == pytest.approx(expected, rel=1e-6)


@given(train=documents, context=st.lists(st.integers(1, VOCABULARY_SIZE - 1), max_size=6))
def test_the_probabilities_of_all_tokens_sum_to_one_after_any_context(train, context):
    model = NgramModel.fit(dataset_of(*train), max_order=4)
    by_token = [model.probabilities(np.array([0, *context, token]))[:, -1] for token in range(1, VOCABULARY_SIZE)]
    assert np.sum(by_token, axis=0) == pytest.approx(1, abs=1e-6)
    assert np.min(by_token) > 0


def test_a_bigram_model_agrees_with_a_worked_example():
    # a a b: the bigrams 0a, aa and ab occur once; a follows two different tokens (0, a), b one.
    model = NgramModel.fit(dataset_of([A, A, B]), max_order=2)
    unigram = {
        A: 1 / 3 + 0.5 * 1 / 4,
        B: 0.5 / 3 + 0.5 * 1 / 4,
        C: 0.5 * 1 / 4,
    }  # with discounts 1 and 0.5, 1.5 of 3 remains
    p_of = {token: model.probabilities(np.array([0, A, token]))[1, -1] for token in (A, B, C)}
    assert p_of[A] == pytest.approx(0.5 / 2 + 0.5 * unigram[A])
    assert p_of[B] == pytest.approx(0.5 / 2 + 0.5 * unigram[B])
    assert p_of[C] == pytest.approx(0.5 * unigram[C])
    assert model.probabilities(np.array([0, C, A]))[1, -1] == pytest.approx(unigram[A])


def test_unigrams_as_the_highest_order_use_plain_counts():
    model = NgramModel.fit(dataset_of([A, A, A, B]), max_order=2)
    # Counts are 3 and 1 of 4; discounts of 1.5 and 0.5 are spread over four tokens.
    assert model.probabilities(np.array([0, A]))[0, 1] == pytest.approx(1.5 / 4 + 0.5 / 4)
    assert model.probabilities(np.array([0, C]))[0, 1] == pytest.approx(0.5 / 4)


def test_an_untrained_model_is_uniform_over_all_but_the_start_token():
    score = NgramModel.fit(dataset_of([]), max_order=3).scores(dataset_of([A, B], [C]))[2]
    assert score.nats_per_token == pytest.approx(math.log(4))
    assert score.tokens == 3


@given(train=documents, scored=documents, block=st.integers(1, 9))
def test_the_score_does_not_depend_on_how_it_is_computed(train, scored, block):
    model = NgramModel.fit(dataset_of(*train), max_order=4)
    dataset = dataset_of(*scored)
    expected, by_token = [score.nats for score in model.scores(dataset)], model.surprisals(dataset, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngram, "_BLOCK", block)
        assert [score.nats for score in model.scores(dataset)] == pytest.approx(expected)
        np.testing.assert_array_equal(model.surprisals(dataset, 3), by_token)
    assert by_token.sum() == pytest.approx(expected[2], rel=1e-5)
    assert not by_token[dataset.ids == 0].any()


def test_the_best_order_is_that_of_the_text():
    # Each token determines the next but one: order 3 is sufficient.
    random = np.random.default_rng(0)
    following = random.permutation(9) + 1
    tokens = random.integers(1, 10, 2).tolist()
    while len(tokens) < 4000:
        tokens.append(int(following[tokens[-2] - 1]) if random.random() < 0.9 else int(random.integers(1, 10)))
    train, valid = (dataset_of(half, vocabulary_size=10) for half in (tokens[:3000], tokens[3000:]))
    model = NgramModel.fit(train, max_order=6)
    assert model.best_order(valid) == 3
    assert total(model, valid, 3) == pytest.approx(min(score.nats for score in model.scores(valid)))


def test_only_a_sample_of_a_large_part_is_counted():
    tokens = np.random.default_rng(0).integers(1, 4, 20_000).tolist()
    train, valid = (dataset_of(half) for half in (tokens[:19_000], tokens[19_000:]))
    whole, some = NgramModel.fit(train, 2), NgramModel.fit(train, 2, max_tokens=6400)
    assert (whole.num_tokens, some.num_tokens) == (19_001, 6400)
    assert total(some, valid, 2) == pytest.approx(total(whole, valid, 2), rel=0.01)
    # The sample covers the whole text, including its end.
    ended = NgramModel.fit(dataset_of([*tokens, *[4] * 50]), 1, max_tokens=6400)
    assert ended.probabilities(np.array([0, 4]))[0, 1] == pytest.approx(50 / 6400, rel=0.1)


def test_the_stretches_of_a_sample_are_separate_documents():
    model = NgramModel.fit(dataset_of([A, B] * 500), 2, max_tokens=128)  # a start token and another, 64 times
    assert model.num_tokens == 128
    after_a, after_unknown = (model.probabilities(np.array([0, context, B]))[1, -1] for context in (A, C))
    assert after_a == after_unknown


def test_a_real_text_is_learned(make_dataset):
    dataset = make_dataset("the cat sat on the mat. " * 40)
    model = NgramModel.fit(dataset)
    scores = model.scores(dataset)
    assert scores[5].nats_per_token < 0.1 < 1 < scores[0].nats_per_token
