"""The stepper, compared with the model over whole sequences."""

import pytest
import torch

from seqgen import registry
from seqgen.cells import cell_class
from seqgen.model import stepper as module
from seqgen.model.encoder import Given
from seqgen.model.state import select, tensors_of
from seqgen.model.stepper import stepper

every_cell = pytest.mark.parametrize("name", registry.names("cells"))


def whole_and_stepped(model, num_streams, generator, dtype=torch.float32):
    """Return the logits of ten steps after three others, computed at once and step by step."""
    ids = torch.randint(model.vocabulary_size, (13, num_streams), generator=generator)
    if model.num_factors:
        factors = torch.randint(model.num_factors, (13, num_streams, 4), generator=generator)
        ids = torch.cat([ids[..., None], model.vocabulary_size + factors], -1)
    with torch.inference_mode():
        _, state = model(ids[:3], model.initial_state(num_streams))
        whole, _ = model(ids[3:], state)
        step = stepper(model, state, dtype)
        return whole, torch.stack([step(row).clone() for row in ids[3:]])


def shake(model, generator):
    with torch.no_grad():
        for parameter in model.parameters():  # peepholes and biases are zero initially
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model


@every_cell
@pytest.mark.parametrize("num_streams", [1, 3, 70])
def test_steps_equal_the_whole_sequence(make_model, generator, name, num_streams):
    model = shake(make_model(11, cell=name), generator)
    whole, stepped = whole_and_stepped(model, num_streams, generator)
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in registry.names("cells") if cell_class(name).takes_projection])
@pytest.mark.parametrize("has_table", [True, False])
def test_steps_through_deep_projected_residual_normalised_layers_equal_the_whole_sequence(
    make_model, generator, monkeypatch, name, has_table
):
    monkeypatch.setattr(module, "_MAX_TABLE", 4096 if has_table else 0)
    options = {"num_layers": 3, "projection_size": 8, "residual": True, "layer_norm": True, "tie_weights": True}
    model = shake(make_model(11, cell=name, **options), generator)
    whole, stepped = whole_and_stepped(model, 3, generator)
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2, "residual": True, "layer_norm": True}, {"projection_size": 8}]
)
def test_steps_that_attend_to_the_past_equal_the_whole_sequence(
    make_model, generator, monkeypatch, is_compiled, options
):
    if not is_compiled:
        monkeypatch.setattr(module, "can_compile", lambda *_: False)
    model = shake(make_model(11, attention=4, **options), generator)
    whole, stepped = whole_and_stepped(model, 3, generator)
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-5)


def test_the_state_of_steps_that_attend_to_the_past_is_that_of_the_whole_sequence(make_model, generator):
    model = shake(make_model(11, attention=4), generator)
    ids = torch.randint(11, (9, 3), generator=generator)
    with torch.inference_mode():
        step = stepper(model, model.initial_state(3), torch.float32)
        for end, row in enumerate(ids, start=1):
            step(row)
            _, state = model(ids[:end], model.initial_state(3))
            torch.testing.assert_close(tensors_of(step.state), tensors_of(state), rtol=1e-4, atol=1e-5)
        step.state = select(state, torch.tensor([2, 0]))
        torch.testing.assert_close(tensors_of(step.state), tensors_of(select(state, torch.tensor([2, 0]))))


@pytest.mark.parametrize("is_compiled", [True, False])
def test_steps_with_factors_equal_the_whole_sequence(make_model, generator, monkeypatch, is_compiled):
    if not is_compiled:
        monkeypatch.setattr(module, "can_compile", lambda *_: False)
    model = shake(make_model(11, num_factors=9, num_layers=2, residual=True), generator)
    whole, stepped = whole_and_stepped(model, 3, generator)
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-5)


def test_steps_of_an_adaptive_softmax_equal_the_whole_sequence(make_model, generator):
    model = shake(make_model(11, softmax_cutoff=6), generator)
    whole, stepped = whole_and_stepped(model, 3, generator)
    torch.testing.assert_close(stepped, whole, rtol=1e-4, atol=1e-5)


def test_steps_in_bfloat16_are_close_to_the_sequence_in_float32(make_model, generator):
    model = make_model(11, num_layers=2, hidden_size=64, embedding_size=32)
    whole, stepped = whole_and_stepped(model, 5, generator, torch.bfloat16)
    assert not torch.equal(stepped, whole)
    torch.testing.assert_close(stepped.softmax(-1), whole.softmax(-1), rtol=0.05, atol=1e-3)


def test_the_model_itself_is_stepped_without_a_compiler(make_model, generator, monkeypatch):
    monkeypatch.setattr(module, "can_compile", lambda *_: False)
    whole, stepped = whole_and_stepped(make_model(11, num_layers=2), 3, generator)
    torch.testing.assert_close(stepped, whole)


@pytest.mark.parametrize("attention", [0, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_stream_does_not_depend_on_the_number_of_streams(make_model, generator, dtype, attention):
    model = make_model(11, num_layers=2, hidden_size=64, embedding_size=32, attention=attention)
    ids = torch.randint(11, (9, 40), generator=generator)
    with torch.inference_mode():
        together, alone = (stepper(model, model.initial_state(n), dtype) for n in (40, 1))
        for row in ids:
            torch.testing.assert_close(together(row)[35:36], alone(row[35:36]), rtol=1e-5, atol=1e-5)


GIVENS = Given.of([[0, 4, 6, 1], [0, 2, 1], [0, 3, 3, 5, 2, 1]])
DEEP = {"num_layers": 3, "residual": True, "layer_norm": True}


def conditional(make_model, generator, **options):
    return shake(make_model(11, 7, encoder_layers=1, **options), generator)


def alone_and_selected(model, generator, precision=torch.float32):
    """Return the last logits of six streams that are continued by others twice, and those of each stream by itself.

    There are two streams for each of three givens at first, then three for each of two of them, then one for the last.
    """
    ids = torch.randint(11, (3, 6), generator=generator)
    with torch.inference_mode():
        state, memory = model.encode(GIVENS)
        step = stepper(model, select(state, torch.tensor([0, 0, 1, 1, 2, 2])), precision, memory)
        step(ids[0])
        step.select(torch.tensor([5, 4, 4, 1, 0, 1]), torch.tensor([2, 0]))
        step(ids[1])
        step.select(torch.tensor([4]), torch.tensor([1]))
        selected = step(ids[2, :1])
        path = torch.stack([ids[0, 0], ids[1, 4], ids[2, 0]])
        state, memory = model.encode(GIVENS.select(slice(0, 1)))
        whole, _ = model(path[:, None], state, memory=memory)
    return whole[-1], selected


@every_cell
@pytest.mark.parametrize("alignment", ["attention", "none"])
@pytest.mark.parametrize("attention", [0, 2])
def test_selected_streams_continue_those_they_name_and_attend_to_what_these_are_given(
    make_model, generator, name, alignment, attention
):
    model = conditional(make_model, generator, cell=name, alignment=alignment, attention=attention, **DEEP)
    whole, selected = alone_and_selected(model, generator)
    torch.testing.assert_close(selected, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in registry.names("cells") if cell_class(name).takes_projection])
def test_projected_streams_are_selected(make_model, generator, name):
    model = conditional(make_model, generator, cell=name, projection_size=8, **DEEP)
    whole, selected = alone_and_selected(model, generator)
    torch.testing.assert_close(selected, whole, rtol=1e-4, atol=1e-4)


def test_streams_of_the_model_itself_are_selected(make_model, generator, monkeypatch):
    monkeypatch.setattr(module, "can_compile", lambda *_: False)
    whole, selected = alone_and_selected(conditional(make_model, generator, **DEEP), generator)
    torch.testing.assert_close(selected, whole)


def test_conditional_steps_in_bfloat16_are_close_to_the_sequence_in_float32(make_model, generator):
    model = make_model(11, 7, encoder_layers=1, num_layers=2, hidden_size=64, embedding_size=32)
    whole, selected = alone_and_selected(model, generator, torch.bfloat16)
    assert not torch.equal(selected, whole)
    torch.testing.assert_close(selected.softmax(-1), whole.softmax(-1), rtol=0.05, atol=1e-3)


def test_more_than_one_block_of_streams_is_reduced_to_less_than_one(make_model, generator):
    model = conditional(make_model, generator, **DEEP)
    ids = torch.randint(11, (2, 70), generator=generator)
    with torch.inference_mode():
        state, memory = model.encode(Given.of([[0, 2 + index % 5, 1] for index in range(35)]))
        step = stepper(model, select(state, torch.arange(35).repeat_interleave(2)), torch.float32, memory)
        step(ids[0])
        kept = torch.tensor([8, 30])
        step.select(torch.tensor([16, 17, 61, 60]), kept)
        logits = step(ids[1, :4])
        state, memory = select(state, torch.tensor([8, 8, 30, 30])), memory.select(kept)
        whole, _ = model(torch.stack([ids[0, [16, 17, 61, 60]], ids[1, :4]]), state, memory=memory)
    torch.testing.assert_close(logits, whole[-1], rtol=1e-4, atol=1e-4)
