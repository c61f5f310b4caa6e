"""The whole model: embedding, layers and logits."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqgen.config import ModelOptions
from seqgen.errors import UsageError
from seqgen.model import compiled_scan
from seqgen.model.scan import scan
from seqgen.model.stack import drop
from seqgen.model.state import concatenate, reset, select, tensors_of
from seqgen.noise import Noise


def ids(time, batch, vocabulary, generator):
    return torch.randint(vocabulary, (time, batch), generator=generator)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("projection_size", [None, 4])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_deep_lstm_equals_the_lstm_of_torch_nn(make_model, generator, num_layers, projection_size):
    model = make_model(11, num_layers=num_layers, projection_size=projection_size)
    reference = nn.LSTM(8, 16, num_layers, proj_size=projection_size or 0)
    with torch.no_grad():
        for i, cell in enumerate(model.stack.cells):
            getattr(reference, f"weight_ih_l{i}").copy_(cell.input_weight)
            getattr(reference, f"weight_hh_l{i}").copy_(cell.recurrent_weight)
            getattr(reference, f"bias_ih_l{i}").copy_(cell.bias)
            getattr(reference, f"bias_hh_l{i}").zero_()
            if cell.projection is not None:
                getattr(reference, f"weight_hr_l{i}").copy_(cell.projection)
    tokens = ids(6, 4, 11, generator)
    logits, _ = model(tokens, model.initial_state(4))
    hidden, _ = reference(F.embedding(tokens, model.embedding))
    torch.testing.assert_close(logits, F.linear(hidden, model.output_weight, model.output_bias))


def test_a_sequence_in_two_parts_gives_the_same_logits(make_model, generator):
    model = make_model(11, num_layers=2)
    tokens = ids(10, 3, 11, generator)
    whole, _ = model(tokens, model.initial_state(3))
    first, state = model(tokens[:4], model.initial_state(3))
    second, _ = model(tokens[4:], state)
    torch.testing.assert_close(torch.cat((first, second)), whole)


def test_reset_zeroes_only_fresh_streams(make_model, generator):
    model = make_model(11, num_layers=2)
    _, state = model(ids(3, 3, 11, generator), model.initial_state(3))
    after = reset(state, torch.tensor([False, True, False]))
    for tensor, before in zip(tensors_of(after), tensors_of(state), strict=True):
        assert not tensor[1].any()
        assert torch.equal(tensor[[0, 2]], before[[0, 2]])


def test_select_returns_streams_in_the_given_order(make_model, generator):
    model = make_model(11)
    _, state = model(ids(3, 3, 11, generator), model.initial_state(3))
    chosen = select(state, torch.tensor([2, 0, 2]))
    assert torch.equal(chosen[0].cell, state[0].cell[[2, 0, 2]])
    parts = [select(state, slice(0, 1)), select(state, slice(1, 3))]
    torch.testing.assert_close(tensors_of(concatenate(parts)), tensors_of(state), rtol=0, atol=0)


def test_dropout_uses_one_mask_over_time_and_preserves_the_mean():
    ones = torch.ones(5, 200, 64)
    dropped = drop(ones, 0.25, Noise(1, 200))
    assert torch.equal(dropped, dropped[:1].expand_as(dropped))
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert dropped.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.15, 0.22, 0.3, 0.37, 0.45, 0.5, 0.6, 0.75, 0.9])
def test_dropout_in_bfloat16_preserves_the_mean_forward_and_backward(rate, generator):
    values = (1 + torch.rand(20, 50, 200, generator=generator)).bfloat16().requires_grad_()
    gradient = (1 + torch.rand(values.shape, generator=generator)).bfloat16()
    dropped = drop(values, rate, Noise(1, 50))
    dropped.backward(gradient)
    kept = dropped != 0
    for scaled, plain in ((dropped, values), (values.grad, gradient)):
        ratio = scaled[kept].double().mean() / plain[kept].double().mean()
        assert ratio.item() == pytest.approx(1 / (1 - rate), rel=2e-4)


@pytest.mark.parametrize("rate", [0.1, 0.22, 0.37, 0.6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_of_embeddings_and_recurrent_weights_preserves_the_mean(make_model, monkeypatch, rate, dtype):
    model = make_model(11, embedding_size=32, embedding_dropout=rate, recurrent_dropout=rate)
    seen = []
    monkeypatch.setattr(
        "seqgen.model.stack.scan",
        lambda cell, inputs, state, dtype, weights, _: (seen.extend((inputs, weights.recurrent)), (inputs, state))[1],
    )
    tokens = torch.arange(11)[:, None].expand(11, 3)
    model.hidden(tokens, model.initial_state(3), dtype, Noise(1, 3))
    plain = (F.embedding(tokens, model.embedding), model.stack.cells[0].recurrent_weight)
    for dropped, whole in zip(seen, plain, strict=True):
        factors = (dropped / whole)[whole != 0]
        assert factors[factors != 0].mean().item() == pytest.approx(1 / (1 - rate), rel=1e-6)


def test_streams_that_are_read_separately_get_the_same_masks():
    together, apart = Noise(7, 6), [Noise(7, 6), Noise(7, 6, 2), Noise(7, 6, 2).from_stream(3)]
    for _ in range(2):  # also for the second mask
        whole = together.stream_mask(6, 10, 0.5)
        parts = [noise.stream_mask(count, 10, 0.5) for noise, count in zip(apart, (2, 3, 1), strict=True)]
        assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(apart[1].weight_mask(torch.Size([9]), 0.5), together.weight_mask(torch.Size([9]), 0.5))


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.9])
def test_masks_drop_independently_with_the_given_probability(rate):
    kept = Noise(5, 1).weight_mask(torch.Size([999, 1001]), rate).double()
    deviation = (rate * (1 - rate) / kept.numel()) ** 0.5
    assert kept.mean().item() == pytest.approx(1 - rate, abs=4 * deviation)
    neighbours = (kept[:, 1:] * kept[:, :-1]).mean().item()
    assert neighbours == pytest.approx((1 - rate) ** 2, abs=8 * deviation)


def test_dropout_is_off_without_noise_and_determined_by_its_seed(make_model, generator):
    model = make_model(11, dropout=0.5, num_layers=2)
    tokens, state = ids(4, 2, 11, generator), model.initial_state(2)
    plain = [model(tokens, state)[0] for _ in range(2)]
    noisy = [model(tokens, state, noise=Noise(seed, 2))[0] for seed in (1, 1, 2)]
    assert torch.equal(plain[0], plain[1])
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])
    assert not torch.equal(noisy[0], plain[0])


def test_tied_weights_are_one_matrix(make_model, generator):
    tied = make_model(11, tie_weights=True, embedding_size=16)
    assert make_model(11, embedding_size=16).num_parameters - tied.num_parameters == 11 * 16
    hidden = torch.randn(3, 2, 16, generator=generator)
    tokens = ids(3, 2, 11, generator)
    tied.stack.forward = lambda inputs, state, dtype, *_: (hidden, state)
    logits, _ = tied(tokens, tied.initial_state(2))
    torch.testing.assert_close(logits, hidden @ tied.embedding.T + tied.output_bias)


@pytest.mark.parametrize("tie_weights", [True, False])
def test_the_loss_is_the_cross_entropy_of_the_logits(make_model, generator, tie_weights):
    model = make_model(11, tie_weights=tie_weights, embedding_size=16, softmax_cutoff=6)
    with torch.no_grad():
        model.rare_weight.normal_(generator=generator)
    tokens = ids(4, 3, 11, generator)
    logits, _ = model(tokens[:-1], model.initial_state(3))
    hidden, _ = model.hidden(tokens[:-1], model.initial_state(3))
    expected = F.cross_entropy(logits.flatten(0, 1), tokens[1:].flatten())
    torch.testing.assert_close(model.loss(hidden, tokens[1:]), expected)


def test_an_untrained_adaptive_softmax_predicts_token_frequencies(make_model):
    model = make_model(11, softmax_cutoff=6)
    model.initialise(torch.Generator().manual_seed(1), counts := torch.arange(11))
    logits = model.logits(torch.zeros(1, 1, model.config.output_size))
    torch.testing.assert_close(logits.softmax(-1)[0, 0], (counts + 1) / (counts + 1).sum())


def test_tied_weights_of_different_sizes_are_rejected():
    with pytest.raises(UsageError, match="--tie-weights needs --embedding-size equal to --hidden-size, got 8 and 16"):
        ModelOptions(tie_weights=True, embedding_size=8, hidden_size=16)
    with pytest.raises(
        UsageError, match="--tie-weights needs --embedding-size equal to --projection-size, got 16 and 8"
    ):
        ModelOptions(tie_weights=True, embedding_size=16, hidden_size=16, projection_size=8)


@pytest.mark.parametrize("size", [16, 17])
def test_a_projection_that_is_not_smaller_is_rejected(size):
    with pytest.raises(UsageError, match=f"--projection-size must be below --hidden-size 16, got {size}"):
        ModelOptions(hidden_size=16, projection_size=size)


@pytest.mark.parametrize("has_compiler", [True, False])
@pytest.mark.parametrize("size", [4, 32])  # without a compiler, only the second one is folded
@pytest.mark.parametrize("cell", ["lstm", "peephole-lstm", "gru"])
def test_multiplying_each_embedding_only_once_changes_nothing(
    make_model, generator, monkeypatch, cell, size, has_compiler
):
    monkeypatch.setattr(compiled_scan, "HAS_COMPILER", has_compiler)
    model = make_model(5, cell=cell, embedding_size=size)
    tokens = ids(7, 3, 4, generator)  # the last one is never read
    plain, _ = model.stack(F.embedding(tokens, model.embedding), model.initial_state(3), torch.float32, None)
    expected = F.linear(plain, model.output_weight, model.output_bias)
    logits, _ = model(tokens, model.initial_state(3))
    torch.testing.assert_close(logits, expected)
    parameters = list(model.parameters())
    once, each = (torch.autograd.grad(out.square().sum(), parameters) for out in (logits, expected))
    torch.testing.assert_close(once, each, rtol=1e-4, atol=1e-5)


def test_residual_layers_add_their_inputs(make_model, generator):
    model = make_model(11, num_layers=3, residual=True)
    inputs = torch.randn(4, 2, 8, generator=generator)
    outputs, _ = model.stack(inputs, model.initial_state(2), torch.float32, None)
    for index, (cell, state) in enumerate(zip(model.stack.cells, model.initial_state(2), strict=True)):
        above, _ = scan(cell, inputs, state, torch.float32)
        inputs = above + inputs if index else above
    torch.testing.assert_close(outputs, inputs)


def test_layer_norm_normalises_each_layer(make_model, generator):
    model = make_model(11, num_layers=2, layer_norm=True)
    outputs, _ = model.stack(torch.randn(4, 2, 8, generator=generator), model.initial_state(2), torch.float32, None)
    torch.testing.assert_close(outputs.mean(-1), torch.zeros(4, 2), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.var(-1, correction=0), torch.ones(4, 2), atol=1e-2, rtol=0)
    assert model.num_parameters == make_model(11, num_layers=2).num_parameters + 2 * 2 * 16


def test_recurrent_dropout_drops_the_same_weights_at_every_step(make_model, generator):
    model = make_model(11, recurrent_dropout=0.5)
    (cell,) = model.stack.cells
    inputs, state = torch.randn(6, 2, 8, generator=generator), model.initial_state(2)
    dropped, _ = model.stack(inputs, state, torch.float32, Noise(4, 2))
    mask = Noise(4, 2).weight_mask(cell.recurrent_weight.shape, 0.5) * 2
    weights = cell.weights._replace(recurrent=cell.recurrent_weight * mask)
    expected, _ = scan(cell, inputs, state[0], torch.float32, weights)
    torch.testing.assert_close(dropped, expected)
    plain, _ = model.stack(inputs, state, torch.float32, None)
    torch.testing.assert_close(plain, scan(cell, inputs, state[0], torch.float32)[0])


def test_embedding_dropout_drops_the_same_features_of_a_stream_at_every_step(make_model, generator):
    model = make_model(5, embedding_dropout=0.5, embedding_size=32)
    seen = []
    model.stack.forward = lambda inputs, state, *_: (seen.append(inputs), (torch.zeros(6, 3, 16), state))[1]
    tokens = ids(6, 3, 5, generator)
    model(tokens, model.initial_state(3), noise=Noise(1, 3))
    factor = seen[0] / F.embedding(tokens, model.embedding)
    assert torch.equal(factor, factor[:1].expand_as(factor))
    assert factor.unique().tolist() == [0, 2]
    assert not torch.equal(factor[0, 0], factor[0, 1])


def test_an_untrained_model_predicts_token_frequencies(make_model, generator):
    model = make_model(50, hidden_size=128)
    counts = torch.arange(50).square()
    model.initialise(generator, counts)
    logits, _ = model(ids(20, 8, 50, generator), model.initial_state(8))
    expected = (counts + 1) / (counts + 1).sum()
    torch.testing.assert_close(logits.softmax(-1).mean((0, 1)), expected, atol=0.01, rtol=0)
