"""Dynamic evaluation, compared with its equations on plain tensors."""

import copy

import pytest
import torch
import torch.nn.functional as F

from seqgen.config import CorpusConfig
from seqgen.evaluation import dynamic_evaluation
from seqgen.evaluation.dynamic_evaluation import CLIP, FLOOR, STRETCH, dynamic_score
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
    result = dynamic_score(model, dataset, train, learning_rate=0.01, decay=0.02)
    assert result.tokens == dataset.num_targets
    assert result.nats == pytest.approx(by_hand(model, dataset, train, 0.01, 0.02), rel=1e-4)
    assert abs(result.nats - score(model, dataset).nats) > 0.1


def test_without_learning_the_score_is_that_of_the_model(make_dataset, make_model):
    dataset, model = make_dataset(RHYME * 3, RHYME), make_model(100)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert dynamic_score(model, dataset, dataset, learning_rate=0.0).nats == pytest.approx(
        score(model, dataset).nats, rel=1e-5
    )
    dynamic_score(model, dataset, dataset)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert not model.training


def test_repeated_text_is_learned(make_dataset, make_model):
    dataset, model = make_dataset(RHYME * 20), make_model(100)
    assert dynamic_score(model, dataset, dataset, learning_rate=0.003).nats < 0.8 * score(model, dataset).nats


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
    assert dynamic_score(model, dataset, train).nats < 1.05 * score(model, dataset).nats
