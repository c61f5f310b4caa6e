"""The transcriber and the constraint that texts begin with a prime."""

import math
import re

import pytest
import torch

from seqgen.config import CorpusConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.subword import SubwordLevel
from seqgen.sampling.beam import search
from seqgen.sampling.beginning import Beginning
from seqgen.sampling.transcriber import EMPTY, Transcriber
from seqgen.sampling.whole_characters import WholeCharacters

WORDS = "the cat sat on the mat and the dog ate the café "
GIVENS = ["cab", "b", "", "abcabca", "b", "  "]


@pytest.fixture
def transcriber(make_model):
    """Return a function that creates an untrained conditional model of a level."""

    def make(kind=CharacterLevel, unseen_ids=()):
        level = kind.fit([[WORDS * 5]], CorpusConfig(vocabulary_size=300))
        given_coding = CharacterLevel.fit([["abc"]], CorpusConfig())
        model = make_model(level.vocabulary_size, given_coding.vocabulary_size, encoder_layers=1)
        with torch.no_grad():
            model.output_weight.mul_(10)
        return Transcriber(model, level, given_coding, list(unseen_ids))

    return make


def test_texts_come_in_the_order_of_their_givens_and_empty_givens_have_empty_texts(transcriber):
    writer, counts = transcriber(), []
    found = writer.best(GIVENS, length=20, progress=counts.append)
    assert [len(best) for best in found] == [1] * 6
    assert found[2] == found[5] == [EMPTY]
    assert found[1] == found[4]
    assert sum(counts) == 3
    for given, best in zip(GIVENS, found, strict=True):
        (alone,) = writer.best([given], length=20)
        assert [each.text for each in alone] == [each.text for each in best]


def test_scores_are_log_probabilities_per_token_and_the_best_come_first(transcriber):
    (best,) = transcriber().best(["cab"], num_best=7, beam_size=2, length=9)
    assert len({each.text for each in best}) == len(best) == 7
    assert [each.score for each in best] == sorted((each.log_probability / each.tokens for each in best), reverse=True)


@pytest.mark.parametrize("num_best", [2, 20, 60])
def test_a_text_that_is_found_in_several_tokenisations_is_returned_once(transcriber, num_best):
    level, beam_size = transcriber(SubwordLevel).level, 60
    others = [token for token, digits in enumerate(level.hexadecimal) if not re.fullmatch("(74|68|65)*", digits)]
    writer = transcriber(SubwordLevel, others)

    def rules(num_left):
        return WholeCharacters(level.hexadecimal, level.END, [level.START, *others], num_left)

    (found,) = search(writer.model, [writer.rows("cab")], [6], rules, beam_size, beam_size)
    scores = {}
    for each in found:
        text = level.decode(each.ids if each.is_cut else each.ids[:-1])
        scores[text] = max(each.score, scores.get(text, -math.inf))
    assert len(scores) < len(found)
    (best,) = writer.best(["cab"], num_best, beam_size, length=6)
    assert [(each.text, each.score) for each in best] == sorted(scores.items(), key=lambda item: -item[1])[:num_best]


def test_the_default_length_grows_with_the_given(transcriber):
    writer = transcriber()
    with torch.no_grad():
        writer.model.output_bias[writer.level.END] = -100.0
    assert [(best[0].tokens, best[0].is_cut) for best in writer.best(["a", "abcabc"])] == [(124, True), (164, True)]
    assert [best[0].tokens for best in writer.best(["a", "abcabc"], length=3)] == [3, 3]


@pytest.mark.parametrize("kind", [CharacterLevel, SubwordLevel])
@pytest.mark.parametrize("prime", ["t", "the ca", "the cat sat on the do", "Zoë 中", "the cat " * 12, "x" * 50])
def test_texts_begin_with_the_prime_even_if_it_ends_in_a_token_or_is_spelled(transcriber, kind, prime):
    writer = transcriber(kind)
    spelled = [token for token, digits in enumerate(writer.level.hexadecimal) if len(digits) == 1]
    for unseen_ids in ((), spelled):
        writer = transcriber(kind, unseen_ids)
        for best in writer.best(["cab", "b"], num_best=3, prime=prime, length=6):
            assert best
            for each in best:
                assert each.text.startswith(prime)
                assert unseen_ids == () or "\ufffd" not in each.text[len(prime) :]


def test_the_prime_is_written_in_the_tokens_that_are_most_likely_with_what_follows(transcriber):
    """A beam that is wide enough finds the same best text as one without a prime that begins with it."""
    writer = transcriber(SubwordLevel)
    ((best,),) = writer.best(["cab"], beam_size=4, length=6)
    for end in range(1, len(best.text)):
        ((found,),) = writer.best(["cab"], beam_size=200, prime=best.text[:end], length=6)
        assert found.score >= best.score - 1e-6


def test_forbidden_tokens_may_write_the_prime_but_nothing_after_it():
    level = CharacterLevel.fit([["abc"]], CorpusConfig())
    a, b = level.encode("ab").tolist()
    constraint = Beginning(level, "ab", [level.START, a], [9, 9])
    allowed = []
    for token in (a, b):
        allowed.append((constraint.mask() == 0)[0].nonzero()[0].tolist())
        constraint.advance(torch.tensor([token, token]).numpy())
    assert allowed == [[a], [b]]
    assert constraint.mask()[0, a] < 0
    assert constraint.mask()[0, b] == 0
