"""Calibration against worked examples and brute force."""

import numpy as np
import pytest
import torch

from seqgen.config import CorpusConfig
from seqgen.corpus.dataset import encoded
from seqgen.corpus.documents import Passage
from seqgen.evaluation.calibration import Bin, Calibration
from seqgen.evaluation.likelihood import estimate, surprisals
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from tests.conftest import RHYME
from tests.scores import random_melody


def test_a_worked_example():
    confidences = np.array([0.55, 0.6, 0.9, 0.95, 1.0])
    found = Calibration.of_predictions(confidences, np.array([True, False, True, True, False]), num_bins=2)
    # All are above 0.5: the mean confidence is 4.0 / 5 and 3 of 5 are correct.
    assert found.bins == [Bin(0, None, None), Bin(5, pytest.approx(0.8), pytest.approx(0.6))]
    assert found.error == pytest.approx(0.2)
    found = Calibration.of_predictions(confidences, np.array([True, False, True, True, False]), num_bins=4)
    # (0.5, 0.75]: 0.575 and 1 of 2; (0.75, 1]: 2.85 / 3 and 2 of 3. 0.4 * 0.075 + 0.6 * (0.95 - 2 / 3) = 0.2
    assert [each.num_tokens for each in found.bins] == [0, 0, 2, 3]
    assert found.error == pytest.approx(0.4 * 0.075 + 0.6 * (0.95 - 2 / 3))


def test_the_upper_edge_belongs_to_an_interval_and_the_lower_does_not():
    found = Calibration.of_predictions(np.array([0.25, 0.5, 0.5001, 1.0]), np.ones(4, bool), num_bins=4)
    assert [each.num_tokens for each in found.bins] == [1, 1, 1, 1]


def test_random_predictions_agree_with_the_definition():
    random = np.random.default_rng(1)
    confidences = random.random(2000)
    is_correct = random.random(2000) < confidences**2
    error = 0.0
    for m in range(1, 16):
        own = [place for place, p in enumerate(confidences) if (m - 1) / 15 < p <= m / 15]
        accuracy, confidence = np.mean(is_correct[own]), np.mean(confidences[own])
        error += len(own) / 2000 * abs(accuracy - confidence)
    found = Calibration.of_predictions(confidences, is_correct)
    assert found.error == pytest.approx(error)
    assert found.confidence == pytest.approx(confidences.mean())
    assert found.accuracy == pytest.approx(is_correct.mean())


def predictions(model, level, dataset):
    """Return the confidence and the correctness of each prediction, one token after the other."""
    found = []
    for index in range(dataset.num_documents):
        ids, state = dataset.document(index), model.initial_state(1)
        read = level.inputs(ids)
        for place in range(len(ids) - 1):
            logits, state = model(torch.tensor(read[place].astype(np.int64))[None, None], state)
            best = logits[0, 0].softmax(-1).max(0)
            found.append((float(best.values), int(best.indices) == ids[place + 1]))
    return found


@pytest.mark.parametrize("kind", ["text", "music"])
@torch.no_grad()
def test_a_model_is_calibrated_like_its_predictions_one_by_one(make_model, generator, kind):
    if kind == "text":
        level = CharacterLevel.fit([[RHYME]], CorpusConfig())
        documents = [Passage("text", text) for text in (RHYME * 8, "Twinkle", RHYME)]
    else:
        level, documents = NoteLevel(12), [Piece(number) for number in range(3)]
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    with encoded(level, documents) as dataset:
        found = Calibration.of(model, dataset, dataset.num_targets)
        one_by_one = predictions(model, level, dataset)
        assert found.num_tokens == len(one_by_one) == dataset.num_targets
        expected = Calibration.of_predictions(*map(np.array, zip(*one_by_one, strict=True)))
    assert [each.num_tokens for each in found.bins] == [each.num_tokens for each in expected.bins]
    assert found.error == pytest.approx(expected.error, abs=1e-5)
    assert found.accuracy == pytest.approx(expected.accuracy)


class Piece(Passage):
    """A random melody as a document."""

    def __init__(self, seed):
        super().__init__(f"{seed}.mid", "")
        self._score = random_melody(seed)

    def chunks(self):
        yield self._score


def test_pairs_are_calibrated_on_their_texts(make_model):
    level = CharacterLevel.fit([[RHYME]], CorpusConfig())
    documents = [Passage("text", text) for text in RHYME.splitlines()]
    for document in documents:
        document.given = Passage("given", document.text[::-1])
    model = make_model(level.vocabulary_size, level.vocabulary_size, encoder_layers=1, alignment="attention")
    with encoded(level, documents, level) as dataset:
        found = Calibration.of(model, dataset, dataset.num_targets)
        assert found.num_tokens == dataset.num_targets
        nats = surprisals(model, dataset)
        assert found.confidence >= np.exp(-nats[nats > 0]).mean()  # the most likely token is at least as likely


def test_a_part_of_a_large_dataset_is_what_is_scored(make_model, make_dataset):
    dataset = make_dataset(RHYME * 40, RHYME * 90)
    model = make_model(int(dataset.ids.max()) + 1)
    found = Calibration.of(model, dataset, 3000)
    assert found.num_tokens == estimate(model, dataset, torch.float32, 3000).tokens < dataset.num_targets / 2
    whole = Calibration.of(model, dataset, dataset.num_targets)
    assert found.confidence == pytest.approx(whole.confidence, rel=0.02)
