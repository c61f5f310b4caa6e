"""Dynamic evaluation, compared with its equations on plain tensors."""

import copy

import pytest
import torch
import torch.nn.functional as F

from seqgen.config import CorpusConfig
from seqgen.evaluation import dynamic_evaluation
from seqgen.evaluation.dynamic_evaluation import (
    CLIP,
    DECAYS,
    FLOOR,
    LEARNING_RATES,
    STRETCH,
    DynamicModel,
    DynamicSettings,
)
from seqgen.evaluation.likelihood import score
from seqgen.levels.character import CharacterLevel
from seqgen.model.state import detach
from tests.conftest import RHYME


def gradients(model, ids, state):
    logits, after = model(ids[:-1, None], state)
    loss = F.cross_entropy(logits[:, 0], ids[1:])
    names, weights = zip(*model.named_parameters(), strict=True)
    return loss.item(), dict(zip(names, torch.autograd.grad(loss, weights), strict=True)), after


def stretches(dataset):
    ids = torch.from_numpy(dataset.ids.astype("int64"))
    return [ids[begin : begin + STRETCH + 1] for begin in range(0, len(ids) - 1, STRETCH)]


def by_hand(model, dataset, train, learning_rate, decay):
    """A dataset and a training set of one document each."""
    model = copy.deepcopy(model).train()
    squares, state = [], model.initial_state(1)
    for piece in stretches(train):
        _, found, state = gradients(model, piece, state)
        state = detach(state)
        squares.append({name: gradient**2 for name, gradient in found.items()})
    usual = {name: (sum(s[name] for s in squares) / len(squares)).sqrt() for name in squares[0]}
    mean = torch.cat([u.flatten() for u in usual.values()]).mean()
    trained = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    total, state = 0.0, model.initial_state(1)
    for piece in stretches(dataset):
        loss, found, state = gradients(model, piece, state)
        state = detach(state)
        total += loss * (len(piece) - 1)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                back = (decay * usual[name] / mean).clamp(max=1) * (trained[name] - weight)
                relative = found[name] / (usual[name] + FLOOR * mean)
                weight += back - learning_rate * relative.clamp(-CLIP, CLIP)
    return total


@pytest.fixture
def dataset(make_dataset):
    return make_dataset(RHYME[: 3 * STRETCH - 5])


@pytest.mark.parametrize("options", [{}, {"cell": "gru"}, {"embedding_size": 200}])
def test_weights_are_updated_by_the_equations(dataset, make_dataset, make_model, options):
    model, train = make_model(100, **options), make_dataset(RHYME[40 : 40 + 4 * STRETCH])
    learner = DynamicModel(model, train)
    for _ in range(2):  # it begins with the trained weights each time
        result = learner.score(dataset, DynamicSettings(0.01, 0.02))
        assert result.tokens == dataset.num_targets
        assert result.nats == pytest.approx(by_hand(model, dataset, train, 0.01, 0.02), rel=1e-4)
    assert abs(result.nats - score(model, dataset).nats) > 0.1


def test_without_learning_the_score_is_that_of_the_model(make_dataset, make_model):
    dataset, model = make_dataset(RHYME * 3, RHYME), make_model(100)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    learner = DynamicModel(model, dataset)
    assert learner.score(dataset, DynamicSettings(0.0, 0.01)).nats == pytest.approx(
        score(model, dataset).nats, rel=1e-5
    )
    learner.score(dataset, DynamicSettings(0.01, 0.01))
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert not model.training


def test_repeated_text_is_learned(make_dataset, make_model):
    dataset, model = make_dataset(RHYME * 20), make_model(100)
    result = DynamicModel(model, dataset).score(dataset, DynamicSettings(0.003, 0.003))
    assert result.nats < 0.8 * score(model, dataset).nats


def test_scoring_may_end_early(make_dataset, make_model):
    level = CharacterLevel.fit([[RHYME]], CorpusConfig())
    whole, begin = (make_dataset(text, level=level) for text in (RHYME * 3, RHYME[: 3 * STRETCH + 9]))
    learner, settings = DynamicModel(make_model(100), whole), DynamicSettings(0.01, 0.01)
    result = learner.score(whole, settings, max_tokens=3 * STRETCH - 5)
    assert result.tokens == 3 * STRETCH
    assert result.nats == pytest.approx(learner.score(begin, settings, max_tokens=3 * STRETCH).nats, rel=1e-5)


@pytest.mark.parametrize("max_tokens", [0, 10**6])
def test_the_settings_are_the_best_learning_rate_and_then_the_best_decay(
    make_dataset, make_model, monkeypatch, max_tokens
):
    monkeypatch.setattr(dynamic_evaluation, "_MIN_TUNING_TOKENS", 5 * STRETCH)
    whole, other = make_dataset(RHYME * 4), make_dataset(RHYME[:20] * 5)
    learner = DynamicModel(make_model(100), other)
    num_tokens = 5 * STRETCH if max_tokens == 0 else None

    def loss(learning_rate, decay):
        return learner.score(whole, DynamicSettings(learning_rate, decay), num_tokens).nats

    learning_rate = min(LEARNING_RATES, key=lambda rate: loss(rate, DECAYS[0]))
    expected = DynamicSettings(learning_rate, min(DECAYS, key=lambda decay: loss(learning_rate, decay)))
    assert learner.best(whole, max_tokens) == expected


def test_gradients_are_taken_from_all_over_the_training_set(make_dataset, make_model, monkeypatch):
    monkeypatch.setattr(dynamic_evaluation, "_TRAINING_TOKENS", 2000)
    dataset, model, begins = make_dataset(RHYME * 200), make_model(100), []
    monkeypatch.setattr(
        dynamic_evaluation, "document_stretches", lambda ids, *_: begins.append((ids, len(ids))) or iter(())
    )
    list(dynamic_evaluation._spread(dataset, model.device))
    assert 1500 < sum(length for _, length in begins) < 2600
    offset = dataset.ids.__array_interface__["data"][0]
    places = [(ids.__array_interface__["data"][0] - offset) / dataset.ids.nbytes for ids, _ in begins]
    assert places[0] < 0.2
    assert places[-1] > 0.8


def test_an_unseen_character_does_not_raise_the_loss_much(make_dataset, make_model):
    level = CharacterLevel.fit([[RHYME + "@"]], CorpusConfig())
    train, dataset = make_dataset(RHYME * 20, level=level), make_dataset(RHYME.replace("w", "@") * 5, level=level)
    model = make_model(level.vocabulary_size)
    with torch.no_grad():
        model.output_bias[make_dataset("@", level=level).ids[1]] = -12  # as after training
    learner = DynamicModel(model, train)
    assert learner.score(dataset, learner.best(dataset, 1000)).nats < 1.05 * score(model, dataset).nats
