"""The model of texts that are given something: encoder, bridge, attention and decoder together."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from seqgen.levels.base import PADDING
from seqgen.model.encoder import Given
from seqgen.noise import Noise
from seqgen.training.batch import Batch
from tests.test_cells import every_variant

VOCABULARY, GIVEN_VOCABULARY = 7, 6
GIVEN_LENGTHS, LENGTHS = torch.tensor([5, 1, 9, 3, 2]), torch.tensor([2, 6, 1, 4, 3])
EVERYTHING = {"num_layers": 3, "encoder_layers": 2, "residual": True, "layer_norm": True}

every_alignment = pytest.mark.parametrize("alignment", ["attention", "none"])


@pytest.fixture
def conditional_model(make_model):
    def make(**options):
        model = make_model(VOCABULARY, GIVEN_VOCABULARY, **{"num_layers": 2, "encoder_layers": 1} | options)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():  # including biases and norms
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        return model

    return make


@pytest.fixture
def batch(generator):
    """Return a batch of pairs; the ids of padding are random."""
    given = torch.randint(GIVEN_VOCABULARY, (9, 5), generator=generator)
    ids = torch.randint(VOCABULARY, (7, 5), generator=generator)
    targets = torch.where(torch.arange(6)[:, None] < LENGTHS, ids[1:], PADDING)
    fresh = torch.ones(5, dtype=torch.bool)
    return Batch(ids[:-1], targets, fresh, is_whole=True, given=Given(given, GIVEN_LENGTHS))


def alone(batch, i):
    """Return a pair of the batch without padding."""
    given = Given(batch.given.rows[: GIVEN_LENGTHS[i], [i]], GIVEN_LENGTHS[[i]])
    ids = (part[: LENGTHS[i], [i]] for part in (batch.inputs, batch.targets))
    return Batch(*ids, batch.is_fresh[[i]], is_whole=True, given=given)


def loss(model, batch, dtype=torch.float32, noise=None, smoothing=0.0):
    return batch.loss(model, model.initial_state(batch.num_streams), dtype, noise, smoothing)[0]


def gradients(model, total):
    return torch.autograd.grad(total, list(model.parameters()), materialize_grads=True)


@every_variant
def test_padding_has_no_effect(conditional_model, batch, name, projection):
    model = conditional_model(cell=name, projection_size=projection, **EVERYTHING)
    together = loss(model, batch)
    pairs = [alone(batch, i) for i in range(batch.num_streams)]
    apart = sum(loss(model, pair) * pair.num_targets for pair in pairs) / batch.num_targets
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(gradients(model, together), gradients(model, apart), rtol=1e-3, atol=1e-5)


@every_alignment
def test_the_ids_of_padding_have_no_effect(conditional_model, batch, alignment):
    model = conditional_model(alignment=alignment, **EVERYTHING)
    is_padding = torch.arange(9)[:, None] >= GIVEN_LENGTHS
    other = replace(batch, given=Given(torch.where(is_padding, 0, batch.given.rows), GIVEN_LENGTHS))
    assert not torch.equal(other.given.rows, batch.given.rows)
    results = [(total := loss(model, each), *gradients(model, total)) for each in (batch, other)]
    for mine, theirs in zip(*results, strict=True):
        assert torch.equal(mine, theirs)


@every_alignment
def test_the_given_matters(conditional_model, batch, alignment):
    model = conditional_model(alignment=alignment)
    other = replace(batch, given=Given(batch.given.rows.flip(0), torch.full_like(GIVEN_LENGTHS, 9)))
    assert (loss(model, batch) - loss(model, other)).abs() > 1e-3
    assert model.has_attention == (alignment == "attention") == hasattr(model, "attention")
    encoder = [grad for grad, (name, _) in zip(gradients(model, loss(model, batch)), model.named_parameters(),
                                               strict=True) if name.startswith("encoder")]  # fmt: skip
    assert all(grad.any() for grad in encoder)


@every_alignment
@pytest.mark.parametrize("options", [{}, {"cell": "gru", "residual": True, "layer_norm": True}, {"softmax_cutoff": 4}])
def test_gradients_agree_with_finite_differences(conditional_model, batch, alignment, options):
    sizes = {"hidden_size": 2, "embedding_size": 2, "alignment": alignment} | options
    module = _Loss(conditional_model(**sizes).double())
    names = [name for name, _ in module.named_parameters()]
    few = batch.streams(slice(1, 4))

    def run(*parameters):
        return torch.func.functional_call(module, dict(zip(names, parameters, strict=True)), (few,))

    arguments = [parameter.detach().requires_grad_() for parameter in module.parameters()]
    assert torch.autograd.gradcheck(run, arguments, fast_mode=True)


class _Loss(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, batch):
        return loss(self.model, batch, torch.float64)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 0.15)])
@every_variant
def test_every_path_is_close_to_the_equations_in_float64(conditional_model, batch, name, projection, dtype, tolerance):
    model = conditional_model(cell=name, projection_size=projection, **EVERYTHING)
    exact = copy.deepcopy(model).double()
    expected = gradients(exact, reference := loss(exact, batch, torch.float64))
    found = gradients(model, value := loss(model, batch, dtype))
    assert abs(value.item() - reference.item()) < 0.1 * tolerance
    mine, theirs = (torch.cat([each.double().flatten() for each in parts]) for parts in (found, expected))
    assert (mine - theirs).norm() < tolerance * theirs.norm()


@pytest.mark.parametrize("num_parts", [2, 5])
def test_dropout_does_not_depend_on_which_pairs_are_read_together(conditional_model, batch, num_parts):
    rates = {"dropout": 0.4, "embedding_dropout": 0.3, "recurrent_dropout": 0.2}
    model = conditional_model(**EVERYTHING, **rates)
    together, apart, first = loss(model, batch, noise=Noise(1, 5)), 0, 0
    for part in batch.split_streams(num_parts):
        nats = loss(model, part, noise=Noise(1, 5).from_stream(first))
        apart += nats * part.num_targets / batch.num_targets
        first += part.num_streams
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(gradients(model, together), gradients(model, apart), rtol=1e-3, atol=1e-5)
    assert (together - loss(model, batch, noise=Noise(2, 5))).abs() > 1e-4
    assert (together - loss(model, batch)).abs() > 1e-4


def test_encoder_and_decoder_have_masks_of_their_own(conditional_model, batch):
    for name in ("embedding_dropout", "dropout", "recurrent_dropout"):
        model, masks = conditional_model(**EVERYTHING, **{name: 0.5}), []
        noise = Noise(1, 5)
        draw = noise.weight_mask
        noise.weight_mask = lambda shape, rate, draw=draw, masks=masks: masks.append(draw(shape, rate)) or masks[-1]
        loss(model, batch, noise=noise)
        assert len(masks) == {"embedding_dropout": 2, "dropout": 6, "recurrent_dropout": 7}[name]
        flat = [tuple(mask.flatten().tolist()) for mask in masks]
        assert len(set(flat)) == len(flat)


def test_smoothing_reaches_the_loss_of_the_model(conditional_model, batch):
    model = conditional_model()
    plain, smoothed = loss(model, batch), loss(model, batch, smoothing=0.2)
    torch.testing.assert_close(plain, smoothed)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(gradients(model, plain), gradients(model, smoothed))


def test_the_parameters_of_all_parts_are_counted(conditional_model):
    for options in (EVERYTHING, {"tie_weights": True, "embedding_size": 16}, {"alignment": "none"}):
        model = conditional_model(**options)
        counts = model.parameters_by_layer
        assert sum(counts.values()) == model.num_parameters
        assert counts["encoder"] == sum(parameter.numel() for parameter in model.encoder.parameters())
        output = model.output_bias.numel() + (0 if model.config.tie_weights else model.output_weight.numel())
        assert counts["output"] == output
