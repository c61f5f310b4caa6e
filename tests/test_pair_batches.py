"""Batches of pairs: whole texts of similar length with what they are given."""

import tracemalloc
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus.dataset import Dataset
from seqgen.levels.base import PADDING
from seqgen.training.pair_batches import PairBatches

LONG = 1 << 30


def dataset_of(lengths, dtype=np.uint32):
    """Return pairs with these numbers of targets and given tokens; all ids differ, so that an id shows its position."""
    texts, givens = (np.cumsum([0, *sizes]) for sizes in ([n + 1 for n, _ in lengths], [n for _, n in lengths]))
    given = Dataset(np.arange(givens[-1], dtype=dtype), givens, np.array([]), {})
    return Dataset(np.arange(texts[-1], dtype=dtype), texts, np.array([]), {}, given)


def epoch(batches, number=0):
    return list(islice(batches.from_step(number * batches.steps_per_epoch), batches.steps_per_epoch))


def pairs_of(batch, dataset):
    """Return the indices of the pairs of a batch, whose content is checked."""
    found = []
    for stream, length in enumerate(batch.given.lengths.tolist()):
        document = int(np.searchsorted(dataset.offsets, int(batch.inputs[0, stream])))
        begin, end = dataset.offsets[document : document + 2].tolist()
        assert batch.inputs[: end - begin - 1, stream].tolist() == list(range(begin, end - 1))
        assert batch.targets[: end - begin - 1, stream].tolist() == list(range(begin + 1, end))
        assert (batch.targets[end - begin - 1 :, stream] == PADDING).all()
        assert batch.given.rows[:length, stream].tolist() == list(
            range(*dataset.given.offsets[document : document + 2].tolist())
        )
        found.append(document)
    return found


any_pairs = given(
    lengths=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=25),
    batch_size=st.integers(1, 5),
    number=st.integers(0, 2),
    shard_size=st.sampled_from([3, 1 << 20]),
    max_length=st.sampled_from([LONG, 12, 8, 3]),
)


@any_pairs
def test_an_epoch_contains_every_pair_once_that_is_short_enough(lengths, batch_size, number, shard_size, max_length):
    dataset = dataset_of(lengths)
    batches = PairBatches(dataset, batch_size, max_length, 1, shard_size)
    expected = [i for i, pair in enumerate(lengths) if max(pair) <= max_length]
    assert batches.num_too_long == len(lengths) - len(expected)
    if not expected:
        assert batches.steps_per_epoch == 0
        return
    found = epoch(batches, number)
    assert sorted(i for batch in found for i in pairs_of(batch, dataset)) == expected
    assert all(batch.is_whole and batch.is_fresh.all() for batch in found)
    assert sum(batch.num_targets for batch in found) == pytest.approx(batches.tokens_per_step * len(found))


def by_hand(pairs, capacity):
    """Fill one batch after the other with sorted pairs while the tokens, with padding, fit."""
    batches = []
    for pair in sorted(pairs):
        larger = [*batches[-1], pair] if batches else [pair]
        if len(larger) * sum(map(max, zip(*larger, strict=True))) <= capacity and batches:
            batches[-1] = larger
        else:
            batches.append([pair])
    return batches


@any_pairs
def test_batches_are_filled_with_pairs_of_similar_length(lengths, batch_size, number, shard_size, max_length):
    dataset = dataset_of(lengths)
    batches = PairBatches(dataset, batch_size, max_length, 1, shard_size)
    fitting = [pair for pair in lengths if max(pair) <= max_length]
    if not fitting:
        return
    mean = -(-sum(map(sum, fitting)) // len(fitting))
    assert batches.sequence_length == mean
    shards = [lengths[first : first + shard_size] for first in range(0, len(lengths), shard_size)]
    expected = [
        part
        for shard in shards
        for part in by_hand([pair for pair in shard if max(pair) <= max_length], batch_size * mean)
    ]
    found = [sorted(lengths[i] for i in pairs_of(batch, dataset)) for batch in epoch(batches, number)]
    assert sorted(found) == sorted(expected)


@any_pairs
def test_batches_from_a_step_equal_those_of_a_whole_epoch(lengths, batch_size, number, shard_size, max_length):
    dataset = dataset_of(lengths)
    batches = PairBatches(dataset, batch_size, max_length, 1, shard_size)
    if not batches.steps_per_epoch:
        return
    total = 2 * batches.steps_per_epoch + 1
    expected = [pairs_of(batch, dataset) for batch in islice(batches.from_step(0), total)]
    again = PairBatches(dataset, batch_size, max_length, 1, shard_size)
    for step in range(0, total, 1 + number + total // 8):
        found = [pairs_of(batch, dataset) for batch in islice(again.from_step(step), total - step)]
        assert found == expected[step:]


def test_a_pair_longer_than_a_batch_is_read_alone():
    dataset = dataset_of([(2, 2)] * 20 + [(150, 90)])
    batches = PairBatches(dataset, 3, LONG, 1)
    assert batches.sequence_length * 3 < 240
    assert [len(pairs_of(batch, dataset)) for batch in epoch(batches) if len(batch.inputs) == 150] == [1]


def test_batches_of_equal_pairs_have_the_size_of_a_batch():
    dataset = dataset_of([(3, 4)] * 12)
    assert [len(pairs_of(batch, dataset)) for batch in epoch(PairBatches(dataset, 4, LONG, 1))] == [4, 4, 4]


def test_order_and_companions_change_with_epoch_and_seed():
    dataset = dataset_of([(3, 4)] * 12 + [(8, 9)] * 12)
    orders = [
        [pairs_of(batch, dataset) for batch in epoch(PairBatches(dataset, 4, LONG, seed), number)]
        for seed, number in ((1, 0), (1, 1), (2, 0), (1, 0))
    ]
    assert orders[0] == orders[3]
    companions = [{frozenset(pairs) for pairs in order} for order in orders]
    lengths = [[max(pairs) < 12 for pairs in order] for order in orders]
    for other in (1, 2):
        assert companions[0] != companions[other]
        assert lengths[0] != lengths[other]


def test_shards_are_read_in_another_order_in_every_epoch():
    dataset = dataset_of([(3, 4)] * 40)
    batches = PairBatches(dataset, 2, LONG, 1, shard_size=4)
    orders = [[min(pairs_of(batch, dataset)) // 4 for batch in epoch(batches, number)] for number in (0, 1)]
    assert all(order[::2] == order[1::2] and sorted(order[::2]) == list(range(10)) for order in orders)
    assert orders[0] != orders[1]


def test_the_lengths_of_one_shard_at_a_time_are_held_in_memory():
    num_pairs = 200_000
    batches = PairBatches(dataset_of([(3, 4), (5, 2)] * (num_pairs // 2)), 100, LONG, 1, shard_size=1000)
    tracemalloc.start()
    try:
        assert batches.steps_per_epoch >= num_pairs / 100
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < num_pairs * 2 * 8 / 4  # a quarter of two lengths per pair


def test_shards_are_sorted_once_to_count_the_steps_and_those_that_are_done_never_again(monkeypatch):
    sort, num_sorts = np.lexsort, []
    monkeypatch.setattr(np, "lexsort", lambda keys: num_sorts.append(1) or sort(keys))
    batches = PairBatches(dataset_of([(3, 4)] * 40), 2, LONG, 1, shard_size=4)
    assert (batches.steps_per_epoch, len(num_sorts)) == (20, 10)
    next(batches.from_step(19))
    assert len(num_sorts) == 11


def test_every_step_teaches_how_texts_begin():
    assert PairBatches(dataset_of([(3, 4)]), 2, LONG, 1).show_beginnings(0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_ids_of_any_type_become_int64(kind):
    (batch,) = epoch(PairBatches(dataset_of([(3, 4)] * 2, kind), 2, LONG, 1))
    assert batch.inputs.dtype == batch.targets.dtype == batch.given.rows.dtype == torch.int64


def test_the_parts_of_a_batch_keep_what_their_texts_are_given():
    dataset = dataset_of([(3, 4)] * 5)
    (batch,) = epoch(PairBatches(dataset, 5, LONG, 1))
    parts = list(batch.split_streams(2))
    assert [part.num_streams for part in parts] == [3, 2]
    assert [i for part in parts for i in pairs_of(part, dataset)] == pairs_of(batch, dataset)
    empty = batch.streams(slice(5, 5))
    assert (empty.targets == PADDING).all()
    assert empty.given.lengths.tolist() == [4]
