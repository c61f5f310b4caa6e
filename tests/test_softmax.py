"""The cross entropy over a large vocabulary, compared with torch's."""

import pytest
import torch
import torch.nn.functional as F

from seqgen.levels.base import PADDING
from seqgen.model import softmax
from seqgen.model.softmax import adaptive_cross_entropy, adaptive_logits, cross_entropy

TIME, BATCH, FEATURES, VOCABULARY = 5, 3, 8, 600


@pytest.fixture
def tensors(generator):
    """Hidden states, matrix and bias that require gradients, and targets with padding."""
    hidden = torch.randn(TIME, BATCH, FEATURES, generator=generator)
    matrix = torch.randn(VOCABULARY, FEATURES, generator=generator)
    bias = 3 * torch.randn(VOCABULARY, generator=generator)
    targets = torch.randint(VOCABULARY, (TIME, BATCH), generator=generator)
    targets[3, 1] = targets[4, :] = PADDING
    return [part.requires_grad_() for part in (hidden, matrix, bias)], targets


def loss_and_gradients(function, inputs, targets, *options):
    loss = function(*inputs, targets, *options)
    return [loss.detach(), *torch.autograd.grad(2 * loss, inputs)]


def by_torch(hidden, matrix, bias, targets, smoothing=0.0):
    logits = F.linear(hidden, matrix, bias).flatten(0, 1)
    return F.cross_entropy(logits, targets.flatten(), ignore_index=PADDING, label_smoothing=smoothing)


def test_loss_and_gradients_equal_those_of_torch(tensors):
    inputs, targets = tensors
    expected = loss_and_gradients(by_torch, inputs, targets)
    found = loss_and_gradients(cross_entropy, inputs, targets, torch.float32)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_loss_and_gradients_in_bfloat16_agree_within_its_rounding(tensors):
    inputs, targets = tensors
    expected = loss_and_gradients(by_torch, inputs, targets)
    found = loss_and_gradients(cross_entropy, inputs, targets, torch.bfloat16)
    for mine, theirs in zip(found, expected, strict=True):
        assert (mine - theirs).norm() < 0.02 * theirs.norm()
        assert mine.dtype == torch.float32


@pytest.mark.parametrize("size", [softmax.SMALL, softmax.SMALL + 1, softmax.SMALL + softmax._LANES + 1])
def test_vocabularies_of_any_size_are_summed_completely(generator, size):
    hidden, matrix, bias = torch.zeros(1, 1, 2), torch.zeros(size, 2), torch.zeros(size)
    for target in (0, size - 1):
        loss = cross_entropy(hidden, matrix, bias, torch.tensor([[target]]), torch.float32)
        assert loss.item() == pytest.approx(torch.tensor(float(size)).log().item())


@pytest.mark.parametrize("high", [0, softmax.SMALL // 2, softmax.SMALL])
def test_logits_whose_exponential_exceeds_float32_are_handled(high):
    hidden, matrix, bias = torch.zeros(1, 1, 2), torch.zeros(softmax.SMALL + 1, 2), torch.zeros(softmax.SMALL + 1)
    bias[high] = 300.0
    assert cross_entropy(hidden, matrix, bias, torch.tensor([[high]]), torch.float32).item() == 0
    assert cross_entropy(hidden, matrix, bias, torch.tensor([[1]]), torch.float32).item() == 300


def test_padding_alone_has_no_loss_and_nan_propagates(tensors):
    inputs, targets = tensors
    nothing = loss_and_gradients(cross_entropy, inputs, torch.full_like(targets, PADDING), torch.float32)
    assert all(not part.any() for part in nothing)
    with torch.no_grad():
        inputs[0][0, 0, 0] = float("nan")
    assert cross_entropy(*inputs, targets, torch.float32).isnan()


@pytest.mark.parametrize("size", [40, VOCABULARY])  # by torch and by the kernel
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_label_smoothing_changes_the_gradient_as_in_torch_but_not_the_value(tensors, size, dtype, tolerance):
    (hidden, matrix, bias), targets = tensors
    inputs, targets = [hidden, matrix[:size], bias[:size]], targets.clamp(max=size - 1)
    value, *gradients = loss_and_gradients(cross_entropy, inputs, targets, dtype, 0.3)
    torch.testing.assert_close(value, by_torch(*inputs, targets), rtol=tolerance, atol=0)
    _, *expected = loss_and_gradients(by_torch, inputs, targets, 0.3)
    for mine, theirs in zip(gradients, expected, strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).norm() < tolerance * theirs.norm()


CUTOFF = 520  # large enough for the kernel to compute the frequent ones


@pytest.fixture
def rare(generator):
    return [part.requires_grad_() for part in (torch.randn(1, FEATURES, generator=generator), torch.tensor([0.7]))]


def by_hand(hidden, matrix, bias, rare_weight, rare_bias, targets):
    """Compute the loss by its definition: first the token or the cluster, then the token within the cluster."""
    head = F.linear(hidden, torch.cat([matrix[:CUTOFF], rare_weight]), torch.cat([bias[:CUTOFF], rare_bias]))
    tail = F.linear(hidden, matrix[CUTOFF:], bias[CUTOFF:]).log_softmax(-1)
    likelihood = torch.cat([head.log_softmax(-1)[..., :-1], head.log_softmax(-1)[..., -1:] + tail], -1)
    return F.nll_loss(likelihood.flatten(0, 1), targets.flatten(), ignore_index=PADDING)


every_range = pytest.mark.parametrize("target_range", [range(VOCABULARY), range(CUTOFF), range(CUTOFF, VOCABULARY)])


@every_range
def test_the_adaptive_softmax_equals_its_definition(tensors, rare, target_range):
    inputs, targets = tensors
    targets = torch.where(torch.isin(targets, torch.tensor(target_range)), targets, PADDING)
    expected = loss_and_gradients(by_hand, [*inputs, *rare], targets)
    found = loss_and_gradients(adaptive_cross_entropy, [*inputs, *rare], targets, CUTOFF, torch.float32)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


@every_range
def test_label_smoothing_of_the_adaptive_softmax_applies_to_both_choices(tensors, rare, target_range):
    inputs, targets = [*tensors[0], *rare], tensors[1]
    targets = torch.where(torch.isin(targets, torch.tensor(target_range)), targets, PADDING)

    def smoothed(hidden, matrix, bias, rare_weight, rare_bias, targets):
        head = torch.cat([matrix[:CUTOFF], rare_weight]), torch.cat([bias[:CUTOFF], rare_bias])
        nats = by_torch(hidden, *head, targets.clamp(max=CUTOFF), 0.3)
        is_rare = targets >= CUTOFF
        if not is_rare.any():
            return nats
        rare_targets = torch.where(is_rare, targets - CUTOFF, PADDING)
        rare_nats = by_torch(hidden, matrix[CUTOFF:], bias[CUTOFF:], rare_targets, 0.3)
        return nats + rare_nats * is_rare.sum() / (targets != PADDING).sum()

    value, *gradients = loss_and_gradients(adaptive_cross_entropy, inputs, targets, CUTOFF, torch.float32, 0.3)
    torch.testing.assert_close(value, by_hand(*inputs, targets))
    expected = torch.autograd.grad(2 * smoothed(*inputs, targets), inputs, materialize_grads=True)
    torch.testing.assert_close(gradients, list(expected), atol=1e-6, rtol=1e-5)


def test_the_softmax_of_adaptive_logits_is_the_adaptive_softmax(tensors, rare):
    (hidden, matrix, bias), targets = tensors
    logits = adaptive_logits(F.linear(hidden, matrix, bias), F.linear(hidden, *rare), CUTOFF)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PADDING)
    torch.testing.assert_close(loss, by_hand(hidden, matrix, bias, *rare, targets))
