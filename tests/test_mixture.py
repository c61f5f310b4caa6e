"""The mixture of a network and n-grams, compared with predictions token by token."""

import numpy as np
import pytest

from seqgen.evaluation import mixture
from seqgen.evaluation.mixture import WEIGHTS, Mixture
from tests.conftest import RHYME


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(RHYME * 5, RHYME)


def drawn(dataset, seed, mean):
    """Return nats of each token, 0 for start tokens."""
    nats = np.random.default_rng(seed).exponential(mean, len(dataset.ids)).astype(np.float32)
    nats[dataset.offsets[:-1]] = 0
    return nats


def by_hand(network, ngrams):
    """Predict each token with the mean of the weights, each weighted by its likelihood so far."""
    belief, nats = np.full(len(WEIGHTS), 1 / len(WEIGHTS)), 0.0
    for p, q in zip(np.exp(-network.astype(float)), np.exp(-ngrams.astype(float)), strict=True):
        joint = belief * ((1 - WEIGHTS) * p + WEIGHTS * q)
        nats -= np.log(joint.sum())
        belief = joint / joint.sum()
    return nats, WEIGHTS[belief.argmax()]


@pytest.mark.parametrize("means", [(1.0, 1.1), (0.5, 2.0), (2.0, 0.5)])
def test_each_token_is_predicted_with_the_weights_that_suited_those_before(dataset, monkeypatch, means):
    monkeypatch.setattr(mixture, "_BLOCK", 100)
    network, ngrams = (drawn(dataset, seed, mean) for seed, mean in enumerate(means))
    found = Mixture.of(network, ngrams, dataset)
    nats, weight = by_hand(network, ngrams)
    assert found.loss.score.nats == pytest.approx(nats)
    assert found.loss.score.tokens == dataset.num_targets
    assert found.weight == weight


def test_the_loss_of_the_best_weight_is_reached_within_three_nats(dataset):
    network, ngrams = drawn(dataset, 1, 1.0), drawn(dataset, 2, 1.0)
    found = Mixture.of(network, ngrams, dataset)
    p, q = np.exp(-network), np.exp(-ngrams)
    best = min(-np.log((1 - weight) * p + weight * q).sum() for weight in WEIGHTS)
    assert best <= found.loss.score.nats <= best + np.log(len(WEIGHTS))
    assert best < 0.9 * min(network.sum(), ngrams.sum())


def test_totals_that_would_underflow_can_be_mixed(dataset):
    network, ngrams = 100 * drawn(dataset, 1, 1.0), 100 * drawn(dataset, 2, 2.0)
    assert np.exp(-float(network.sum())) == 0
    assert Mixture.of(network, ngrams, dataset).loss.score.nats < min(network.sum(), ngrams.sum())
