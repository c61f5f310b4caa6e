"""`NoRepeat`, compared with counting n-grams."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import SamplingConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling.no_repeat import NoRepeat
from seqgen.sampling.sampler import Sample, sample

short = st.lists(st.integers(0, 3), max_size=12)


def ngrams(ids, n):
    return Counter(tuple(ids[place : place + n]) for place in range(len(ids) - n + 1))


@given(n=st.integers(1, 4), histories=st.lists(short, min_size=1, max_size=3), steps=st.integers(0, 8), data=st.data())
def test_exactly_the_tokens_that_would_repeat_an_ngram_are_excluded(n, histories, steps, data):
    constraint, streams = NoRepeat(n, 4, histories), [list(history) for history in histories]
    for _ in range(steps + 1):
        mask = constraint.mask()
        for stream, row in zip(streams, mask, strict=True):
            expected = {token for token in range(4) if tuple([*stream, token][-n:]) in ngrams(stream, n)}
            assert set(np.flatnonzero(row < 0).tolist()) == expected
        drawn = data.draw(st.lists(st.integers(0, 3), min_size=len(streams), max_size=len(streams)))
        constraint.advance(np.array(drawn))
        for stream, token in zip(streams, drawn, strict=True):
            stream.append(token)


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("prime", ["", "ab c"])
def test_no_ngram_occurs_twice_in_a_sample_and_its_prime(make_model, n, prime):
    level = CharacterLevel(" abcdefgh")
    samples = [Sample(seed) for seed in range(8)]
    texts = [prime] * 8
    config = SamplingConfig(length=30, no_repeat=n, temperature=0.1)
    for index, text in sample(make_model(level.vocabulary_size), level, prime, config, samples, list(range(18))):
        texts[index] += text
    assert {len(text) for text in texts} == {len(prime) + 30}
    assert all(count == 1 for text in texts for count in ngrams(text, n).values())


def test_the_healed_token_of_a_prime_is_not_a_repetition(make_model):
    level = WordLevel(" achts", [" the", " cat"], is_tokenised=False, is_indented=True)
    model = make_model(level.vocabulary_size)
    with torch.no_grad():
        model.output_bias[level.encode("cat")[0]] += 30
    for no_repeat, expected in ((None, True), (1, False)):
        config = SamplingConfig(length=1, no_repeat=no_repeat)
        (text, *_) = [text for _, text in sample(model, level, "cat the c", config, [Sample(1)], [0])]
        assert text.startswith("at") == expected


def test_a_sample_ends_if_every_token_is_excluded(make_model):
    level = CharacterLevel("abc")
    samples = [Sample(seed) for seed in range(4)]
    texts = [""] * 4
    unseen = [token for token in range(level.vocabulary_size) if token < 18]  # no end, no digits
    config = SamplingConfig(length=50, no_repeat=1)
    for index, text in sample(make_model(level.vocabulary_size), level, "", config, samples, unseen):
        texts[index] += text
    assert {"".join(sorted(text)) for text in texts} == {"abc"}
    assert all(each.is_cut_short and each.tokens == 3 for each in samples)
