"""The likelihood of texts that are given something, compared with scoring each pair alone."""

from itertools import chain, pairwise
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus.dataset import Dataset, encoded
from seqgen.corpus.documents import Pair
from seqgen.evaluation import pair_likelihood
from seqgen.evaluation.likelihood import estimate, score, surprisals
from seqgen.evaluation.pair_likelihood import evenly_spaced, pair_surprisals
from seqgen.evaluation.progress import Task
from seqgen.levels.character import CharacterLevel
from seqgen.model.encoder import Given

WORDS = ["a", "bcd", "efgh" * 3, "hbc", "da", "gacfed", "h", "abcdefgh", "feed", "cab"]
LEVEL = CharacterLevel.fit([WORDS], CorpusConfig())


@pytest.fixture
def dataset():
    pairs = [Pair(word, word[::-1] * 2, word) for word in WORDS]
    with encoded(LEVEL, pairs, LEVEL) as dataset:
        yield dataset


@pytest.fixture(params=["attention", "none"])
def model(request, make_model):
    size = LEVEL.vocabulary_size
    return make_model(size, size, num_layers=2, encoder_layers=1, alignment=request.param)


@torch.inference_mode()
def one_by_one(model, dataset):
    """Compute the surprisals by their definition: token by token, each pair alone."""
    nats = []
    for i in range(dataset.num_documents):
        text, given = (part.ids[part.offsets[i] : part.offsets[i + 1]].tolist() for part in (dataset, dataset.given))
        state, memory = model.encode(Given.of([given]))
        nats.append(0.0)
        for token, following in pairwise(text):
            logits, state = model(torch.tensor([[token]]), state, memory=memory)
            nats.append(-logits[0, 0].log_softmax(-1)[following].item())
    return nats


@pytest.mark.parametrize(
    "limits", [{}, {"_MAX_PAIRS": 3}, {"_MAX_LOGITS": 1000}, {"_MAX_LOGITS": 1}, {"_MAX_GIVEN_TOKENS": 30}]
)
def test_every_target_is_scored_as_in_its_pair_alone(model, dataset, monkeypatch, limits):
    for name, limit in limits.items():
        monkeypatch.setattr(pair_likelihood, name, limit)
    found = surprisals(model, dataset)
    np.testing.assert_allclose(found, one_by_one(model, dataset), rtol=1e-4, atol=1e-5)


@example([(1, 1)] * 9, 4, 99, 99)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=30),
    max_pairs=st.integers(1, 8),
    max_logits=st.integers(1, 500),
    max_given=st.integers(1, 60),
)
def test_groups_hold_as_many_pairs_of_similar_length_as_the_limits_allow(lengths, max_pairs, max_logits, max_given):
    def fits(group):
        texts, givens = zip(*group, strict=True)
        logits, given_tokens = 10 * len(group) * max(texts), len(group) * max(givens)
        return len(group) <= max_pairs and logits <= max_logits and given_tokens <= max_given

    offsets, given_offsets = (np.cumsum([0, *sizes]) for sizes in zip(*lengths, strict=True))
    none = np.array([])
    dataset = Dataset(none, offsets, none, {}, Dataset(none, given_offsets, none, {}))
    limits = {"_MAX_PAIRS": max_pairs, "_MAX_LOGITS": max_logits, "_MAX_GIVEN_TOKENS": max_given}
    with patch.multiple(pair_likelihood, **limits):
        groups = [group.tolist() for group in pair_likelihood._groups(dataset, np.arange(len(lengths)), 10)]
    assert sorted(chain.from_iterable(groups)) == list(range(len(lengths)))
    groups = [[lengths[i] for i in group] for group in groups]
    assert list(chain.from_iterable(groups)) == sorted(lengths)
    assert all(len(group) == 1 or fits(group) for group in groups)
    assert not any(fits([*group, following[0]]) for group, following in pairwise(groups))


def test_the_score_of_a_dataset_is_the_sum(model, dataset):
    result = score(model, dataset)
    assert result.tokens == sum(2 * len(word) + 1 for word in WORDS)
    assert result.nats == pytest.approx(sum(one_by_one(model, dataset)), rel=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 20])
def test_the_shares_of_several_processes_add_up(model, dataset, size):
    shares = [estimate(model, dataset, torch.float32, 10**9, slice(rank, None, size)) for rank in range(size)]
    whole = score(model, dataset)
    assert sum(share.tokens for share in shares) == whole.tokens
    assert sum(share.errors for share in shares) == estimate(model, dataset, torch.float32, 10**9).errors
    assert sum(share.nats for share in shares) == pytest.approx(whole.nats, rel=1e-5)


def test_an_estimate_reads_evenly_spaced_pairs(model, dataset):
    pairs = evenly_spaced(dataset, 40)
    assert 1 < len(pairs) < len(WORDS)
    result = estimate(model, dataset, torch.float32, 40)
    texts = [slice(*dataset.offsets[i : i + 2]) for i in pairs.tolist()]
    assert result.tokens == sum(text.stop - text.start - 1 for text in texts)
    nats = one_by_one(model, dataset)
    assert result.nats == pytest.approx(sum(sum(nats[text]) for text in texts), rel=1e-5)


@given(st.integers(1, 300), st.integers(1, 1000))
def test_evenly_spaced_pairs_differ_and_cover_the_dataset(num_documents, max_tokens):
    offsets = np.arange(num_documents + 1) * 4
    pairs = evenly_spaced(Dataset(np.zeros(offsets[-1]), offsets, np.array([]), {}), max_tokens)
    assert len(set(pairs.tolist())) == len(pairs) == max(1, min(num_documents, round(max_tokens / 3)))
    assert pairs[0] == 0
    assert len(pairs) == 1 or pairs[-1] == num_documents - 1
    assert len(set(np.diff(pairs))) <= 2


def test_scoring_in_bfloat16_is_close(model, dataset):
    exact, rounded = (estimate(model, dataset, dtype, 10**9) for dtype in (torch.float32, torch.bfloat16))
    assert rounded.nats_per_token == pytest.approx(exact.nats_per_token, rel=0.02)


def test_scoring_stops_at_the_deadline_and_reports_what_it_reads(model, dataset):
    task, pairs = Task(), np.array([2, 5])
    with pytest.raises(TimeoutError):
        pair_surprisals(model, dataset, pairs, torch.float32, task, deadline=0.0)
    assert task.done == 0
    nats, _ = pair_surprisals(model, dataset, pairs, torch.float32, task)
    assert task.done == np.count_nonzero(nats) == 25 + 13


def test_errors_are_the_tokens_that_were_not_the_most_likely_ones(model, dataset):
    wrong = 0
    for i in range(dataset.num_documents):
        text, given = (part.ids[part.offsets[i] : part.offsets[i + 1]].tolist() for part in (dataset, dataset.given))
        state, memory = model.encode(Given.of([given]))
        logits, _ = model(torch.tensor(text[:-1])[:, None], state, memory=memory)
        wrong += int((logits[:, 0].argmax(-1) != torch.tensor(text[1:])).sum())
    assert 0 < wrong == estimate(model, dataset, torch.float32, 10**9).errors
