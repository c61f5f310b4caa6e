"""The likelihood of documents, compared with reading each as a single stream."""

import math
import time

import pytest
import torch

from seqgen.evaluation import likelihood
from seqgen.evaluation.likelihood import estimate, score, surprisals
from tests.conftest import RHYME


def one_by_one(model, dataset):
    """Compute the score by its definition: token by token, with one state per document."""
    total = 0.0
    with torch.inference_mode():
        for begin, end in zip(dataset.offsets, dataset.offsets[1:], strict=False):
            state = model.initial_state(1)
            for position in range(begin, end - 1):
                logits, state = model(torch.tensor([[int(dataset.ids[position])]]), state)
                total -= logits[0, 0].log_softmax(-1)[int(dataset.ids[position + 1])].item()
    return total


def never_forgets(model):
    """Open all forget gates, so that the initial state of a segment is never forgotten."""
    with torch.no_grad():
        for cell in model.stack.cells:
            cell.bias.chunk(4)[1].fill_(30.0)
    return model


@pytest.mark.parametrize("options", [{}, {"num_layers": 2}, {"cell": "gru"}, {"cell": "rnn"}, {"attention": 40}])
def test_every_target_is_scored_once_as_in_a_single_stream(make_dataset, make_model, options):
    dataset = make_dataset(RHYME * 14, "short", RHYME)
    model = make_model(100, **options)
    result = score(model, dataset, num_streams=4)
    assert result.tokens == dataset.num_targets == len(dataset.ids) - 3
    assert result.nats == pytest.approx(one_by_one(model, dataset), rel=1e-6)


@pytest.mark.parametrize("num_streams", [1, 3, 64])
@pytest.mark.parametrize("sequence_length", [7, 128])
@pytest.mark.parametrize("attention", [0, 700])
def test_the_result_does_not_depend_on_how_it_is_computed(
    make_dataset, make_model, num_streams, sequence_length, attention
):
    dataset = make_dataset(RHYME * 20, RHYME * 3)
    model = make_model(100, num_layers=2, attention=attention)
    reference = score(model, dataset, num_streams=1, sequence_length=1000).nats_per_token
    result = score(model, dataset, num_streams=num_streams, sequence_length=sequence_length).nats_per_token
    assert result == pytest.approx(reference, abs=1e-5)


def test_a_model_that_never_forgets_is_scored_exactly(make_dataset, make_model):
    dataset = make_dataset(RHYME * 40)
    model = never_forgets(make_model(100))
    reference = score(model, dataset, num_streams=1).nats_per_token
    assert score(model, dataset, num_streams=8).nats_per_token == pytest.approx(reference, abs=1e-5)
    # Without a second pass from the correct state, the error would be larger.
    guessed = estimate(model, dataset, torch.float32, max_tokens=10**9, num_streams=8).nats_per_token
    assert abs(guessed - reference) > 1e-4


def test_segments_are_merged_if_a_model_does_not_forget(make_dataset, make_model, monkeypatch):
    dataset = make_dataset(RHYME * 150, "short", RHYME * 50, RHYME)
    model = never_forgets(make_model(100))
    reference = score(model, dataset, num_streams=1).nats_per_token
    read, read_group = [], likelihood._SegmentReader._read_group

    def counted(reader, group, state):
        read.append(sum(segment.length for segment in group))
        return read_group(reader, group, state)

    monkeypatch.setattr(likelihood._SegmentReader, "_read_group", counted)
    # The cell grows to 4,900, where float32 itself is off: by 1e-5 in one stream, by 4.5e-5 in several and in torch.
    assert score(model, dataset, num_streams=64).nats_per_token == pytest.approx(reference, abs=1e-4)
    assert (
        dataset.num_targets * 2 < sum(read) < dataset.num_targets * 5
    )  # one segment per pass would read 14 times as many


def test_scoring_stops_at_the_deadline(make_dataset, make_model):
    with pytest.raises(TimeoutError):
        surprisals(make_model(100), make_dataset(RHYME), deadline=time.perf_counter())


def test_an_estimate_is_close_and_reads_about_the_allowed_number_of_tokens(make_dataset, make_model):
    dataset = make_dataset(RHYME * 100)
    model = make_model(100)
    exact = score(model, dataset)
    whole = estimate(model, dataset, torch.float32, max_tokens=10**9)
    assert whole.tokens == exact.tokens
    assert whole.nats_per_token == pytest.approx(exact.nats_per_token, abs=1e-3)
    some = estimate(model, dataset, torch.float32, max_tokens=3000)
    assert 2000 <= some.tokens <= 4000
    assert some.nats_per_token == pytest.approx(exact.nats_per_token, abs=0.05)


def test_the_loss_of_a_uniform_model_is_the_logarithm_of_the_vocabulary_size(make_dataset, make_model):
    dataset = make_dataset(RHYME)
    model = make_model(100)
    with torch.no_grad():
        model.output_weight.zero_()
    assert score(model, dataset).nats_per_token == pytest.approx(math.log(100))


def test_the_memory_for_logits_is_bounded(make_dataset, make_model, monkeypatch):
    dataset, model = make_dataset(RHYME * 3), make_model(100)
    expected = score(model, dataset).nats
    monkeypatch.setattr(likelihood, "_MAX_LOGITS", 1)
    assert score(model, dataset).nats == pytest.approx(expected, rel=1e-6)
