"""The neural cache, compared with explicit sums."""

import numpy as np
import pytest
import torch

from seqgen.evaluation import neural_cache
from seqgen.evaluation.likelihood import score
from seqgen.evaluation.neural_cache import SHARPNESS, CachedPredictions, CacheSettings
from tests.conftest import RHYME


def states(model, dataset):
    """Return the output before each target, and the target."""
    found = []
    with torch.inference_mode():
        for begin, end in zip(dataset.offsets[:-1], dataset.offsets[1:], strict=True):
            state = model.initial_state(1)
            for position in range(begin, end - 1):
                hidden, state = model.hidden(torch.tensor([[int(dataset.ids[position])]]), state)
                found.append((hidden[0, 0].double().numpy(), int(dataset.ids[position + 1])))
    return found


@pytest.mark.parametrize("stretch", [16, 1000])
def test_probabilities_agree_with_the_equations(make_dataset, make_model, monkeypatch, stretch):
    monkeypatch.setattr(neural_cache, "_STRETCH", stretch)
    dataset, model, window = make_dataset(RHYME[:60], RHYME[20:50]), make_model(100), 40
    found = CachedPredictions.of(model, dataset, window)
    known = states(model, dataset)
    assert -np.log(found.model).mean() == pytest.approx(score(model, dataset).nats_per_token, rel=1e-5)
    assert np.isnan(found.cache[:, 0]).all()  # the cache is empty
    for place in (1, 7, 45, len(known) - 1):
        hidden, target = known[place]
        past = known[max(0, place - window) : place]
        for row, sharpness in enumerate(SHARPNESS):
            weights = np.exp([sharpness * (hidden @ other) / len(hidden) for other, _ in past])
            matching = sum(w for w, (_, t) in zip(weights, past, strict=True) if t == target)
            assert found.cache[row, place] == pytest.approx(matching / weights.sum(), rel=1e-3, abs=1e-6)


def test_weight_zero_is_the_model_and_the_best_settings_are_not_worse(make_dataset, make_model):
    dataset, model = make_dataset(RHYME * 5), make_model(100)
    found = CachedPredictions.of(model, dataset, 100)
    plain = found.score(CacheSettings(1.0, 0.0))
    assert plain.nats == pytest.approx(score(model, dataset).nats, rel=1e-5)
    best = found.best()
    assert found.score(best).nats < plain.nats  # the same four lines repeated
    mixed = 0.9 * found.model[1:] + 0.1 * found.cache[3, 1:]
    by_hand = -np.log(found.model[0]) - np.log(mixed).sum()
    assert found.score(CacheSettings(SHARPNESS[3], 0.1)).nats == pytest.approx(by_hand)


def test_a_window_may_be_longer_than_the_text(make_dataset, make_model):
    dataset, model = make_dataset(RHYME), make_model(100)
    longer, long = (CachedPredictions.of(model, dataset, window) for window in (500, dataset.num_targets))
    np.testing.assert_array_equal(longer.cache, long.cache)
