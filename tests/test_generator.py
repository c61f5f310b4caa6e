"""The generator: prefill and decode."""

from itertools import islice

import numpy as np
import pytest
import torch

from seqgen.config import SamplingConfig
from seqgen.errors import CheckpointError
from seqgen.model.state import concatenate
from seqgen.sampling import generator as module
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import NONE, Reading, decode, prefill, uniform_numbers

PLAIN = SamplingConfig()


def draw(model, count, seeds=(1,), prime=(0, 5, 3), config=PLAIN, forbidden=(0,)):
    reading, never = prefill(model, prime).repeat(len(seeds)), Never(model.vocabulary_size, forbidden)
    draws = list(islice(decode(model, reading, uniform_numbers(seeds), config, never), count))
    return torch.stack([step.ids for step in draws]), torch.stack([step.nats for step in draws])


def test_greedy_draws_equal_the_argmax_of_the_whole_sequence(make_model):
    model = make_model(20, num_layers=2)
    ids, nats = draw(model, 30, config=SamplingConfig(temperature=0), forbidden=())
    with torch.inference_mode():
        whole = torch.tensor([0, 5, 3, *ids[:, 0].tolist()])[:, None]
        logits, _ = model(whole, model.initial_state(1))
    likelihood = logits[2:-1, 0].log_softmax(-1)
    assert ids[:, 0].tolist() == likelihood.argmax(-1).tolist()
    torch.testing.assert_close(nats[:, 0], -likelihood.amax(-1), atol=1e-5, rtol=1e-5)


def test_a_stream_depends_only_on_its_own_seed(make_model):
    model = make_model(20)
    together, _ = draw(model, 300, seeds=(7, 8, 9))
    for i, seed in enumerate((7, 8, 9)):
        alone, _ = draw(model, 300, seeds=(seed,))
        assert alone[:, 0].tolist() == together[:, i].tolist()
    assert together[:, 0].tolist() != together[:, 1].tolist()


def test_token_frequencies_equal_their_probabilities(make_model):
    model = make_model(6)
    ids, _ = draw(model, 1, seeds=range(20_000), forbidden=())
    with torch.inference_mode():
        logits, _ = model(torch.tensor([[0], [5], [3]]), model.initial_state(1))
    expected = logits[-1, 0].softmax(-1)
    counts = torch.bincount(ids[0], minlength=6) / 20_000
    torch.testing.assert_close(counts, expected, atol=0.015, rtol=0)


def test_random_numbers_do_not_repeat(make_model):
    ids, _ = draw(make_model(20), 2 * 256)
    assert ids[:256].tolist() != ids[256:].tolist()


def test_weights_of_nan_are_a_one_line_error(make_model):
    model = make_model(20)
    model.embedding.data[3] = torch.nan
    with pytest.raises(CheckpointError, match="gives no likelihoods"):
        draw(model, 3)


def test_the_prime_influences_the_continuation(make_model):
    model = make_model(20)
    with torch.no_grad():
        model.output_weight.mul_(20)
    greedy = SamplingConfig(temperature=0)
    assert len({tuple(draw(model, 5, prime=(0, token), config=greedy)[0][:, 0].tolist()) for token in range(2, 12)}) > 1


def test_filters_are_applied(make_model):
    model = make_model(20)
    greedy, _ = draw(model, 30, config=SamplingConfig(temperature=0))
    for config in (SamplingConfig(top_k=1), SamplingConfig(top_p=1e-9)):
        assert draw(model, 30, config=config)[0].tolist() == greedy.tolist()


def test_nats_are_those_of_the_model_without_filters_and_constraints(make_model):
    model = make_model(20)
    ids, nats = draw(model, 1, config=SamplingConfig(top_k=2, temperature=0.3), forbidden=tuple(range(10)))
    with torch.inference_mode():
        logits, _ = model(torch.tensor([[0], [5], [3]]), model.initial_state(1))
    assert nats[0, 0].item() == pytest.approx(-logits[-1, 0].log_softmax(-1)[ids[0, 0]].item(), abs=1e-5)


def test_a_forbidden_token_is_never_drawn_even_if_most_likely(make_model):
    model = make_model(6)
    with torch.no_grad():
        model.output_bias[0] = 50.0
    for config in (PLAIN, SamplingConfig(temperature=0), SamplingConfig(temperature=100.0)):
        ids, _ = draw(model, 50, config=config)
        assert not (ids == 0).any()


def test_reading_a_long_prime_in_chunks_changes_nothing(make_model, monkeypatch):
    model = make_model(20)
    prime = [0, *range(2, 20)] * 3
    whole, _ = draw(model, 20, prime=prime)
    monkeypatch.setattr(module, "_PRIME_CHUNK", 5)
    pieces, _ = draw(model, 20, prime=prime)
    assert pieces.tolist() == whole.tolist()


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_other_cells_carry_their_state(make_model, cell):
    model = make_model(20, cell=cell)
    ids, _ = draw(model, 10, config=SamplingConfig(temperature=0), forbidden=())
    with torch.inference_mode():
        logits, _ = model(torch.tensor([0, 5, 3, *ids[:, 0].tolist()])[:, None], model.initial_state(1))
    assert ids[:, 0].tolist() == logits[2:-1, 0].argmax(-1).tolist()


def test_streams_with_different_primes_continue_independently(make_model):
    model, config = make_model(20, num_layers=2), SamplingConfig(temperature=0)
    primes = ((0, 5, 3), (0, 7), (0, 2, 4, 6))
    readings = [prefill(model, prime) for prime in primes]
    together = Reading(torch.cat([reading.logits for reading in readings]), concatenate([r.state for r in readings]))
    draws = islice(decode(model, together, uniform_numbers(range(3)), config, Never(20, [])), 12)
    ids = torch.stack([step.ids for step in draws])
    for stream, prime in enumerate(primes):
        assert ids[:, stream].tolist() == draw(model, 12, prime=prime, config=config, forbidden=())[0][:, 0].tolist()


@pytest.mark.parametrize("config", [PLAIN, SamplingConfig(temperature=0), SamplingConfig(top_k=3, top_p=0.5)])
def test_a_stream_has_no_token_if_all_are_excluded(make_model, config):
    model = make_model(6)

    class FirstStreamStops(Never):
        def mask(self):
            return np.array([[-np.inf] * 6, [0] * 6], dtype=np.float32)

    reading = prefill(model, [0]).repeat(2)
    step = next(decode(model, reading, uniform_numbers([1, 2]), config, FirstStreamStops(6, [])))
    assert step.ids[0] == NONE
    assert step.ids[1] >= 0
