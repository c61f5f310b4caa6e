"""Confidence intervals, compared with the standard error of the mean, and their coverage."""

import numpy as np
import pytest

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.confidence import confidence_interval


def dataset_of(lengths):
    """Return a dataset of documents with these numbers of targets."""
    offsets = np.concatenate([[0], np.cumsum(np.array(lengths) + 1)])
    return Dataset(np.zeros(offsets[-1], dtype=np.uint8), offsets, np.ones(1, dtype=np.int64), {})


def surprisals_of(dataset, means):
    """Return nats that are constant within each document, 0 for its start token."""
    nats = np.repeat(np.asarray(means, dtype=np.float32), np.diff(dataset.offsets))
    nats[dataset.offsets[:-1]] = 0
    return nats


def test_documents_of_one_length_give_the_interval_of_a_mean():
    random = np.random.default_rng(1)
    means = random.normal(2, 0.5, size=400)
    dataset = dataset_of([50] * 400)
    found = confidence_interval(dataset, surprisals_of(dataset, means))
    margin = 1.96 * means.std() / 20
    assert (found.over, found.level) == ("documents", 0.95)
    assert found.low == pytest.approx(means.mean() - margin, abs=0.2 * margin)
    assert found.high == pytest.approx(means.mean() + margin, abs=0.2 * margin)


def test_long_documents_count_for_more():
    """Unlikely documents are a tenth as long, so that the mean over tokens is close to that of the others."""
    dataset = dataset_of([10, 100] * 100)
    found = confidence_interval(dataset, surprisals_of(dataset, [11.0, 1.0] * 100))
    assert found.low < (10 * 11 + 100 * 1) / 110 < found.high
    assert found.high < 3


def test_95_percent_of_intervals_contain_the_true_mean():
    random = np.random.default_rng(2)
    dataset, hits = dataset_of([20] * 60), 0
    for _ in range(300):
        found = confidence_interval(dataset, surprisals_of(dataset, random.gamma(4, 0.5, size=60)))
        hits += found.low <= 2.0 <= found.high
    assert 0.91 <= hits / 300 <= 0.98


def test_many_documents_are_grouped_without_losing_any():
    dataset = dataset_of([3] * 5000)
    found = confidence_interval(dataset, surprisals_of(dataset, [2.0] * 5000))
    assert (found.low, found.high) == (pytest.approx(2), pytest.approx(2))


def test_a_few_long_documents_are_cut_into_blocks():
    dataset = dataset_of([20_000, 20_000])
    nats = np.where(np.arange(len(dataset.ids)) % 400 < 200, 1, 3).astype(np.float32)
    nats[dataset.offsets[:-1]] = 0
    found = confidence_interval(dataset, nats)
    assert found.over == "blocks"
    assert found.low < 2 < found.high
    assert found.high - found.low < 0.5


def test_a_short_text_has_no_interval():
    dataset = dataset_of([100] * 3)
    assert confidence_interval(dataset, surprisals_of(dataset, [1, 2, 3])) is None
