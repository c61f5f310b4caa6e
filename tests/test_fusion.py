"""Shallow fusion: scores by brute force in both searches, and the choice of the weight."""

import itertools

import numpy as np
import pytest
import torch

from seqgen.config import CorpusConfig
from seqgen.errors import UsageError
from seqgen.levels.base import Level
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling.beam import search
from seqgen.sampling.ctc import prefix_search
from seqgen.sampling.fusion import Fusion, PrefixScorer, _shared_ids
from tests.test_ctc import by_brute_force, some_outputs

VOCABULARY = 5


@pytest.fixture
def language_model(make_model, generator):
    model = make_model(VOCABULARY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    return model


def log_probability(model, text):
    """Return the log-probability of each token of a text, the end token included."""
    ids = torch.tensor([Level.START, *text])
    logits, _ = model(ids[:, None], model.initial_state(1))
    values = torch.log_softmax(logits[:, 0].double(), -1).detach().numpy()
    return sum(values[place, token] for place, token in enumerate([*text, Level.END]))


def test_the_scorer_gives_the_weighted_log_probabilities_of_the_next_tokens(language_model):
    scorer = PrefixScorer(language_model, np.array([-1, 1, 3, 2, -1]), 0.5)
    scorer.keep([(2,), (3,), ()])
    scorer.keep([(2, 3), (3, 3), (2,)])
    logits, _ = language_model(torch.tensor([[0], [3], [2]]), language_model.initial_state(1))
    expected = torch.log_softmax(logits[2, 0].double(), -1).detach().numpy()
    found = scorer.following((2, 3))
    np.testing.assert_allclose(found[1:4], 0.5 * expected[[1, 3, 2]], rtol=1e-4)
    assert found[0] == found[4] == 0.5 * -12
    with pytest.raises(KeyError):
        scorer.following((3,))


def test_a_search_without_a_decoder_ranks_by_both_models(language_model, generator):
    outputs, weight = some_outputs(4, VOCABULARY, generator), 0.7
    scorer = PrefixScorer(language_model, np.array([-1, 1, 2, 3, 4]), weight)
    found = {tuple(each.ids[:-1]): each.log_probability for each in prefix_search(outputs, 10_000, scorer)}
    expected = {
        text: np.log(value) + weight * log_probability(language_model, text)
        for text, value in by_brute_force(outputs).items()
        if value > 0
    }
    assert found == pytest.approx(expected, rel=1e-4)
    assert list(found) == sorted(found, key=lambda text: -found[text])


class Anything:
    """Allows every token."""

    def mask(self):
        return None

    def advance(self, ids):
        pass

    def select(self, streams):
        pass


def test_a_beam_search_ranks_by_both_models(language_model, make_model, generator):
    model = make_model(VOCABULARY, 6, num_layers=2, hidden_size=16, embedding_size=16, encoder_layers=1,
                       alignment="attention")  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))
    given, weight, length = [0, 3, 4, 1], 0.6, 3
    fusion = Fusion(language_model, np.array([-1, 1, 2, 3, 4]), weight)
    ((best, *_),) = search(model, [given], [length], lambda _: Anything(), VOCABULARY**length, precision="float32",
                           fusion=fusion)  # fmt: skip
    from seqgen.model.encoder import Given

    state, memory = model.encode(Given.of([given]))
    scores = {}
    for size in range(length):
        for text in itertools.product(range(2, VOCABULARY), repeat=size):
            ids = torch.tensor([Level.START, *text])
            logits, _ = model(ids[:, None], state, memory=memory)
            values = torch.log_softmax(logits[:, 0].double(), -1).detach().numpy()
            own = sum(values[place, token] for place, token in enumerate([*text, Level.END]))
            scores[text] = (own + weight * log_probability(language_model, text)) / (size + 1)
    expected = max(scores, key=scores.__getitem__)
    assert tuple(best.ids[:-1]) == expected
    assert best.score == pytest.approx(scores[expected], rel=1e-3)


def test_tokens_are_matched_by_their_text():
    one, other = (CharacterLevel.fit([[text]], CorpusConfig()) for text in ("abc", "dcba"))
    ids = _shared_ids(other, one)
    for character in "abc":
        assert ids[one.encode(character)[0]] == other.encode(character)[0]
    back = _shared_ids(one, other)
    assert back[other.encode("d")[0]] == -1
    assert (ids[Level.START], ids[Level.END]) == (-1, Level.END)


def test_a_language_model_of_another_level_is_refused(language_model):
    class Other:
        given_coding = None
        level = WordLevel.fit([["a b"]], CorpusConfig())

    level = CharacterLevel.fit([["abc"]], CorpusConfig())
    with pytest.raises(UsageError, match="a model of --level word, but the texts are of --level character"):
        Fusion.of(Other, language_model, level, 0.3)
    Other.given_coding = level
    with pytest.raises(UsageError, match="writes from something given: name one of plain text"):
        Fusion.of(Other, language_model, level, 0.3)
