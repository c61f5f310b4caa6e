"""How much of a text repeats what came shortly before."""

import numpy as np
import pytest

from seqgen.corpus.dataset import Dataset
from seqgen.training import repetitiveness as module
from seqgen.training.repetitiveness import repetitiveness


def dataset_of(*documents):
    offsets = np.cumsum([0, *map(len, documents)])
    return Dataset(np.concatenate(documents), offsets, np.zeros(0, dtype=np.int64), {})


def copied_share(dataset, span):
    """The definition, token by token."""
    hits, count = 0, 0
    for begin, end in zip(dataset.offsets[:-1], dataset.offsets[1:], strict=True):
        document = dataset.ids[begin:end].tolist()
        for i in range(6, len(document)):
            earlier = [j for j in range(6, i) if document[j - 6 : j] == document[i - 6 : i]]
            count += 1
            hits += bool(earlier) and i - earlier[-1] <= span and document[earlier[-1]] == document[i]
    return hits, count


@pytest.mark.parametrize("span", [7, 20, 300])
def test_repetitiveness_equals_its_definition(span):
    documents = [np.random.default_rng(seed).integers(2, 4, size=200) for seed in range(3)]
    hits, _ = copied_share(dataset := dataset_of(*documents), span)
    assert hits > 20
    assert repetitiveness(dataset, span) == pytest.approx(hits / (600 - 6))  # of all tokens but the first six


def test_a_repeated_text_is_copied_unless_the_repetition_is_far_away_or_in_another_document():
    text = np.random.default_rng(1).integers(2, 1000, size=100)
    again = dataset_of(np.concatenate([text, text]))
    assert repetitiveness(again, 100) == pytest.approx(94 / 194)
    assert repetitiveness(again, 99) == 0
    assert repetitiveness(dataset_of(text, text), 100) == 0


def test_a_long_text_is_measured_on_samples_from_all_of_its_parts(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE_SIZE", 500)
    random = np.random.default_rng(1)
    plain, cycle = random.integers(2, 10**6, size=50_000), np.tile(random.integers(2, 10**6, size=50), 1000)
    assert repetitiveness(dataset_of(np.concatenate([plain, cycle])), 100) == pytest.approx(0.45, abs=0.03)


def test_a_text_shorter_than_a_context_repeats_nothing():
    assert repetitiveness(dataset_of(np.array([1, 5, 5, 5])), 100) == 0
