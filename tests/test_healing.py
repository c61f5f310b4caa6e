"""Token healing, compared with all sequences of tokens of a tiny vocabulary."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqgen.config import CorpusConfig, ModelConfig, SamplingConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.subword import SubwordLevel
from seqgen.levels.word import WordLevel
from seqgen.model.language_model import LanguageModel
from seqgen.model.stepper import stepper
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import prefill, uniform_numbers
from seqgen.sampling.healing import Healing, split
from seqgen.sampling.sampler import Sample, sample
from seqgen.sampling.token_index import TokenIndex

TEXT = "the cat sat, the hat sat.\nthat cat — the cats — hat\n\n  the é at. "
WORDS = [" the", " cat", " cats", " sat", " hat", " that", " a", "."]
LEVELS = {
    "words": WordLevel(" \nachtes.", WORDS, is_tokenised=False, is_indented=False),
    "words at the beginnings of lines": WordLevel(" \nachtes.", WORDS, is_tokenised=False, is_indented=True),
    "groups of characters": CharacterLevel(" achtes.", 3, ["the", " ca", "cat", "at ", "s a"]),
    "characters": CharacterLevel(" \nachtes.,é"),
    "subwords": SubwordLevel.fit([[TEXT * 30]], CorpusConfig(vocabulary_size=300)),
}
every_level = pytest.mark.parametrize("name", LEVELS)


def untrained(level: WordLevel | CharacterLevel | SubwordLevel, seed: int = 0) -> LanguageModel:
    config = ModelConfig(num_layers=1, hidden_size=8, embedding_size=6, dropout=0.0)
    model = LanguageModel(config, level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(seed), torch.zeros(level.vocabulary_size))
    with torch.no_grad():
        model.output_weight.mul_(4)
    return model.eval()


@torch.inference_mode()
def healing_of(model, level, ids, rest):
    """Return the healing of the rest of a prime after some tokens, without rules."""
    never = Never(level.vocabulary_size, [])
    reading = prefill(model, ids)
    step = stepper(model, reading.state, torch.float32)
    return Healing(step, TokenIndex(level.hexadecimal), reading, rest, lambda added: never)


def brute_force(model, hexadecimal, ids, rest):
    """Return the log-likelihood of every sequence of tokens that writes the rest; each is read separately."""
    following = prefill(model, ids).logits[0].double().log_softmax(-1)
    found = {}
    for token, digits in enumerate(hexadecimal):
        is_half = len(digits) == 1
        if not digits or (len(rest) % 2 and not is_half):
            continue
        if digits.startswith(rest):
            found[(token,)] = float(following[token])
        elif rest.startswith(digits):
            for others, likelihood in brute_force(model, hexadecimal, [*ids, token], rest[len(digits) :]).items():
                found[(token, *others)] = float(following[token]) + likelihood
    return found


@pytest.mark.parametrize(
    ("name", "prime"),
    [
        ("words", "the c"),
        ("words", "a ca"),
        ("words", "the cat "),
        ("words at the beginnings of lines", "th"),
        ("groups of characters", "the c"),
        ("groups of characters", "théc"),
        ("subwords", "the ca"),
    ],
)
def test_ways_and_likelihoods_equal_those_of_brute_force(name, prime):
    level, count = LEVELS[name], 4000
    model = untrained(level)
    ids, rest = split(level, prime)
    prefix = [level.START, *ids]
    ways = brute_force(model, level.hexadecimal, prefix, rest)
    total = math.log(sum(map(math.exp, ways.values())))
    healing = healing_of(model, level, prefix, rest)
    healed = healing.drawn(next(uniform_numbers(range(count))), SamplingConfig())
    for way, nats in zip(healed.ids, healed.nats.tolist(), strict=True):
        assert nats == pytest.approx(total - ways[tuple(way)], abs=1e-4)
    drawn = Counter(map(tuple, healed.ids))
    for way, likelihood in ways.items():
        assert drawn[way] / count == pytest.approx(math.exp(likelihood - total), abs=0.04)
    likeliest = max(ways, key=ways.__getitem__)
    greedy = healing.drawn(next(uniform_numbers([0])), SamplingConfig(temperature=0))
    assert tuple(greedy.ids[0]) == likeliest
    after = prefill(model, [*prefix, *healed.ids[0]]).logits
    torch.testing.assert_close(healed.reading.logits[:1], after, atol=1e-4, rtol=1e-4)


@every_level
@given(prime=st.text(st.sampled_from(TEXT + "z漢"), max_size=14), seed=st.integers(0, 9))
@example(prime="the cat ", seed=0)
@example(prime="the cat  ", seed=0)
@example(prime="\n", seed=0)
@example(prime="a\n\n ", seed=0)
@example(prime="漢" * 40, seed=0)
@settings(max_examples=15)
def test_tokens_write_exactly_the_prime_and_its_continuation(name, prime, seed):
    level = LEVELS[name]
    model = untrained(level, seed % 3)
    ids, rest = split(level, prime)
    if rest:
        healing = healing_of(model, level, [level.START, *ids], rest)
        healed = healing.drawn(next(uniform_numbers([seed, 9])), SamplingConfig())
        for more in healed.ids:
            assert level.decode([*ids, *more]).startswith(prime)
            assert not level.decode([*ids, *more[:-1]]).startswith(prime)
    else:
        assert level.decode(ids) == prime


@every_level
@pytest.mark.parametrize("word", ["the", "cats", "zé漢"])
@torch.inference_mode()
def test_a_healing_that_extends_another_one_reads_each_path_once_and_finds_the_same_ways(name, word):
    """Each key of a word extends the healing of the word before it."""
    level, num_read = LEVELS[name], []
    model = untrained(level)
    ids, _ = split(level, "the ")
    reading = prefill(model, [level.START, *ids])
    plain = stepper(model, reading.state, torch.float32)

    class Counting:
        state = property(lambda _: plain.state, lambda _, state: setattr(plain, "state", state))

        def __call__(self, tokens):
            num_read.append(len(tokens))
            return plain(tokens)

    index, before = TokenIndex(level.hexadecimal), None
    for end in range(1, len(word) + 1):
        rest = word[:end].encode().hex()
        before = Healing(Counting(), index, reading, rest, lambda _: Never(level.vocabulary_size, []), before)
    counted, num_read[:] = sum(num_read), []
    alone = Healing(Counting(), index, reading, rest, lambda _: Never(level.vocabulary_size, []))
    assert counted == sum(num_read)
    extended, expected = before.likeliest(64), alone.likeliest(64)
    assert extended.ids == expected.ids
    torch.testing.assert_close(extended.nats, expected.nats)
    torch.testing.assert_close(extended.reading.logits, expected.reading.logits, rtol=1e-4, atol=1e-5)


@every_level
@given(text=st.text(st.sampled_from(TEXT), max_size=30), more=st.text(st.sampled_from(TEXT), max_size=6))
@settings(max_examples=30)
def test_tokens_before_the_last_word_do_not_depend_on_what_follows(name, text, more):
    level = LEVELS[name]
    num_settled = level.settled(text)
    ids = level.encode(text[:num_settled]).tolist()
    assert level.encode(text + more).tolist()[: len(ids)] == ids


def test_a_prime_that_ends_inside_a_word_is_healed_to_the_token_of_the_whole_word():
    """After "the c" a model that was only trained on " cat" continues with it."""
    level = LEVELS["words"]
    model = untrained(level)
    cat = level.encode(" cat").tolist()[0]
    with torch.no_grad():
        model.output_bias[cat] += 30
    for prime in ("the c", "the ca", "the cat", "the "):
        samples = [Sample(seed) for seed in range(3)]
        texts = [prime] * 3
        for index, text in sample(model, level, prime, SamplingConfig(length=1), samples, []):
            texts[index] += text
        expected = "the cat cat" if prime == "the cat" else "the cat"
        assert texts == [expected] * 3
        assert [each.tokens for each in samples] == [1, 1, 1]


def test_a_long_word_without_spaces_is_written_completely():
    level = LEVELS["words"]
    prime = "thecatsat" * 200
    ids, rest = split(level, prime)
    assert "".join(level.hexadecimal[token] for token in ids) + rest == prime.encode().hex()
    assert len(rest) <= 2 * (32 + 4)
