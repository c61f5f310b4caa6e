"""Batches for truncated back-propagation through time."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import PADDING
from seqgen.training.stream_batches import StreamBatches


def dataset_of(lengths):
    """Return documents with these numbers of targets; all ids differ, so that a target shows its position."""
    offsets = np.cumsum([0, *(length + 1 for length in lengths)])
    return Dataset(np.arange(offsets[-1], dtype=np.uint32), offsets, np.array([]), {})


def epoch(batches, number=0):
    return list(islice(batches.from_step(number * batches.steps_per_epoch), batches.steps_per_epoch))


any_batches = given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    batch_size=st.integers(1, 5),
    sequence_length=st.integers(1, 12),
    number=st.integers(0, 2),
    shard_size=st.sampled_from([3, 1 << 20]),
)


@any_batches
@example(lengths=[1, 1], batch_size=3, sequence_length=1, number=0, shard_size=3)
def test_an_epoch_contains_every_target_once_with_its_own_input(
    lengths, batch_size, sequence_length, number, shard_size
):
    dataset = dataset_of(lengths)
    sequence = StreamBatches(dataset, batch_size, sequence_length, seed=1, shard_size=shard_size)
    batches = epoch(sequence, number)
    targets = np.concatenate([batch.targets[batch.targets != PADDING] for batch in batches])
    starts = set(dataset.offsets.tolist())
    assert sorted(targets.tolist()) == [i for i in range(len(dataset.ids)) if i not in starts]
    for batch in batches:
        scored = batch.targets != PADDING
        if sequence.starts_inside:  # the start token, which is 0 here, means that nothing is known yet
            assert not batch.inputs[0, batch.is_fresh].any()
            scored[0, batch.is_fresh] = False
        assert (batch.inputs[scored] + 1 == batch.targets[scored]).all()


@any_batches
def test_a_stream_continues_its_previous_chunk_unless_it_is_fresh(
    lengths, batch_size, sequence_length, number, shard_size
):
    dataset = dataset_of(lengths)
    last = {}
    for batch in epoch(StreamBatches(dataset, batch_size, sequence_length, seed=1, shard_size=shard_size), number):
        if batch.is_whole:
            assert batch.is_fresh.all()
            assert set(batch.inputs[0].tolist()) <= set(dataset.offsets.tolist())  # whole from the start token on
            continue
        for stream in range(batch_size):
            scored = batch.targets[:, stream] != PADDING
            if scored.any():
                assert batch.is_fresh[stream] or batch.inputs[0, stream] == last[stream]
                last[stream] = batch.targets[scored, stream][-1]
            begins_document = int(batch.inputs[0, stream]) in dataset.offsets and scored.any()
            assert batch.is_fresh[stream] or not begins_document


@any_batches
def test_batches_from_a_step_equal_those_of_a_whole_epoch(lengths, batch_size, sequence_length, number, shard_size):
    batches = StreamBatches(dataset_of(lengths), batch_size, sequence_length, seed=1, shard_size=shard_size)
    total = 2 * batches.steps_per_epoch + 1
    expected = list(islice(batches.from_step(0), total))
    for step in range(0, total, 1 + number + total // 8):
        for batch, other in zip(islice(batches.from_step(step), total - step), expected[step:], strict=True):
            for name, tensor in vars(batch).items():
                np.testing.assert_array_equal(tensor, getattr(other, name))


def test_a_single_text_fills_all_streams_evenly():
    batches = epoch(StreamBatches(dataset_of([1000]), batch_size=4, sequence_length=25, seed=1))
    assert len(batches) == 10
    assert all((batch.targets != PADDING).all() for batch in batches)
    assert [int(batch.is_fresh.sum()) for batch in batches] == [4] + [0] * 9


def test_short_documents_stay_whole_and_are_grouped_by_length():
    lengths = [3] * 8 + [9] * 8
    batches = epoch(StreamBatches(dataset_of(lengths), batch_size=4, sequence_length=10, seed=1))
    assert sorted(len(batch.inputs) for batch in batches) == [3, 3, 9, 9]
    assert all(batch.is_whole and (batch.targets != PADDING).all() for batch in batches)


def test_the_order_of_documents_changes_with_epoch_and_seed():
    dataset = dataset_of([20] * 10)
    orders = [
        [int(batch.inputs[0, 0]) for batch in epoch(StreamBatches(dataset, 1, 10, seed), number)]
        for seed, number in ((1, 0), (1, 1), (2, 0), (1, 0))
    ]
    assert orders[0] == orders[3]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def test_streams_that_begin_inside_a_document_keep_its_factors():
    dataset = dataset_of([41])
    dataset = replace(dataset, factored=np.stack([dataset.ids, dataset.ids], 1))
    for batch in epoch(StreamBatches(dataset, 2, 10, seed=1)):
        tokens, factors = batch.inputs.unbind(-1)
        is_fresh = batch.is_fresh[None] & (torch.arange(len(tokens)) == 0)[:, None]
        assert torch.equal(tokens, factors.masked_fill(is_fresh, 0))
        is_scored = batch.targets != PADDING
        assert torch.equal(factors[is_scored] + 1, batch.targets[is_scored])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_ids_of_any_type_become_int64(kind):
    dataset = Dataset(np.arange(11, dtype=kind), np.array([0, 11]), np.array([]), {})
    (batch,) = epoch(StreamBatches(dataset, 1, 10, seed=1))
    assert batch.inputs.dtype == batch.targets.dtype == torch.int64


@pytest.mark.parametrize("has_factors", [False, True])
def test_each_document_is_read_in_one_variant_drawn_in_each_epoch(has_factors):
    """The variants add 0, 1,000 or 2,000 to every id: taken off again, the batches are what they are without them."""
    lengths = [3, 5, 20, 50, 4, 33]
    dataset = dataset_of(lengths)
    if has_factors:
        dataset = replace(dataset, factored=np.stack([dataset.ids, dataset.ids[::-1]], 1))
    variants = np.arange(len(dataset.ids)) + np.array([[0], [1000], [2000]])
    plain, varied = (StreamBatches(dataset, 2, 8, seed=1, variants=each) for each in (None, variants))
    drawn = []
    for number in range(6):
        way_of = {}
        for before, after in zip(epoch(plain, number), epoch(varied, number), strict=True):
            is_scored = before.targets != PADDING
            for name in ("inputs", "targets"):
                assert torch.equal(getattr(after, name)[is_scored] % 1000, getattr(before, name)[is_scored])
            assert (after.targets[~is_scored] == PADDING).all()
            for row, column in is_scored.nonzero().tolist():
                document = np.searchsorted(dataset.offsets, int(before.targets[row, column]), side="right")
                way = int(after.targets[row, column]) // 1000
                assert way == way_of.setdefault(document, way)
                assert (after.inputs[row, column] // 1000 == way).all()
        assert len(way_of) == len(lengths)
        drawn.append(tuple(way_of.values()))
    assert len(set(drawn)) > 3
    on = list(islice(varied.from_step(0), 8))[-1]
    assert (next(varied.from_step(7)).inputs == on.inputs).all()


def test_the_parts_of_a_batch_make_up_the_batch():
    (batch,) = epoch(StreamBatches(dataset_of([40] * 5), 5, 40, seed=1))
    by_stream, by_time = list(batch.split_streams(2)), list(batch.split_time(3))
    assert [part.num_streams for part in by_stream] == [3, 2]
    for name in ("inputs", "targets"):
        assert torch.equal(torch.cat([getattr(part, name) for part in by_stream], 1), getattr(batch, name))
        assert torch.equal(torch.cat([getattr(part, name) for part in by_time]), getattr(batch, name))
    assert [part.is_fresh.tolist() for part in by_time] == [[True] * 5, [False] * 5, [False] * 5]
    assert sum(part.num_targets for part in by_time) == batch.num_targets == 200
