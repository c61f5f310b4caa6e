"""Dynamic evaluation, against its equations written out with plain tensors."""

import copy

import pytest
import torch
import torch.nn.functional as F

from seqgen.evaluation import dynamic
from seqgen.evaluation.dynamic import STRETCH, dynamic_score
from seqgen.evaluation.likelihood import score
from tests.conftest import RHYME


def gradients(model, ids, state):
    logits, after = model(ids[:-1, None], state)
    loss = F.cross_entropy(logits[:, 0], ids[1:])
    names, weights = zip(*model.named_parameters(), strict=True)
    return loss.item(), dict(zip(names, torch.autograd.grad(loss, weights), strict=True)), after


def by_hand(model, part, learning_rate, decay):
    """Two stretches of a single document that is the training part, too."""
    model = copy.deepcopy(model).train()
    ids = torch.from_numpy(part.ids.astype("int64"))
    pieces = [ids[begin : begin + STRETCH + 1] for begin in range(0, len(ids) - 1, STRETCH)]
    squares, state = [], model.initial_state(1)
    for piece in pieces:
        _, found, state = gradients(model, piece, state)
        state = [type(layer)(*(p.detach() for p in layer)) for layer in state]
        squares.append({name: gradient**2 for name, gradient in found.items()})
    usual = {name: (sum(s[name] for s in squares) / len(squares)).sqrt() for name in squares[0]}
    mean = torch.cat([u.flatten() for u in usual.values()]).mean()
    trained = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    total, state = 0.0, model.initial_state(1)
    for piece in pieces:
        loss, found, state = gradients(model, piece, state)
        state = [type(layer)(*(p.detach() for p in layer)) for layer in state]
        total += loss * (len(piece) - 1)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                back = (decay * usual[name] / mean).clamp(max=1) * (trained[name] - weight)
                weight += back - learning_rate * found[name] / (usual[name] + 1e-5 * mean)
    return total


@pytest.fixture
def part(make_part):
    return make_part(RHYME[: 3 * STRETCH - 5])


@pytest.mark.parametrize("options", [{}, {"cell": "gru"}, {"embedding_size": 200}])
def test_the_weights_change_as_the_equations_say(part, make_model, options):
    model = make_model(100, **options)
    result = dynamic_score(model, part, part, learning_rate=0.01, decay=0.02)
    assert result.tokens == part.num_targets
    assert result.nats == pytest.approx(by_hand(model, part, 0.01, 0.02), rel=1e-4)
    assert abs(result.nats - score(model, part).nats) > 0.1


def test_without_learning_it_is_the_score(make_part, make_model):
    part, model = make_part(RHYME * 3, RHYME), make_model(100)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert dynamic_score(model, part, part, learning_rate=0.0).nats == pytest.approx(score(model, part).nats, rel=1e-5)
    dynamic_score(model, part, part)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert not model.training


def test_what_comes_again_and_again_is_learned(make_part, make_model):
    part, model = make_part(RHYME * 20), make_model(100)
    assert dynamic_score(model, part, part, learning_rate=0.003).nats < 0.8 * score(model, part).nats


def test_gradients_are_looked_at_all_over_the_training_part(make_part, make_model, monkeypatch):
    """A training part whose beginning alone is another text gives nearly the same."""
    monkeypatch.setattr(dynamic, "_TRAINING_TOKENS", 2000)
    text, model = RHYME * 200, make_model(100)
    seen = []
    monkeypatch.setattr(dynamic, "_loss", lambda m, s, h, loss=dynamic._loss: (seen.append(s), loss(m, s, h))[1])
    dynamic._usual_gradients(copy.deepcopy(model).train(), make_part(text))
    assert 1500 < sum(len(stretch.targets) for stretch in seen) < 2600
    assert sum(stretch.is_first for stretch in seen) >= 8
