"""Suggestions for a text that is edited, compared with those for a text that is read from its beginning."""

import itertools
import math
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.model.state import tensors_of
from seqgen.sampling import generator
from seqgen.sampling.generator import prefill
from seqgen.sampling.healing import split
from seqgen.sampling.sampler import Sample, sample
from seqgen.writing import prefix_reader, suggester
from seqgen.writing.ghost import Ghost
from seqgen.writing.prefix_reader import OutdatedError, PrefixReader
from seqgen.writing.suggester import Suggester
from seqgen.writing.words import first_word, without_last_word
from tests.test_healing import LEVELS, TEXT, every_level, untrained

SPELLED = list(range(2, 18))  # the tokens of digits, except in the subword level


def edited(rng, text, alphabet):
    """Return the text after a change like those of an editor."""
    place = rng.choice([len(text), len(text), len(text), rng.randrange(len(text) + 1)])
    if rng.random() < 0.5:
        return text[: max(0, place - rng.randrange(6))] + text[place:]
    added = rng.choices(alphabet, k=rng.choice([1, 1, 1, 9]))
    return text[:place] + type(text)(added if isinstance(text, list) else "".join(added)) + text[place:]


def checkpoint(level, *, document="file", knows_beginnings=True, unseen=(0,), given_coding=None):
    config = SimpleNamespace(corpus=SimpleNamespace(document=document))
    return SimpleNamespace(
        level=level, config=config, knows_beginnings=knows_beginnings, unseen=list(unseen), given_coding=given_coding
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "gru"},
        {"cell": "rnn", "num_layers": 2},
        {"attention": 5},
        {"projection_size": 8, "num_layers": 2, "residual": True},
    ],
)
@pytest.mark.parametrize("is_compiled", [True, False])
def test_state_and_logits_after_random_edits_equal_those_of_a_whole_prefill(
    make_model, monkeypatch, options, is_compiled
):
    for name, value in (("_STRIDE", 4), ("_CHUNK", 8), ("_NUM_RECENT", 5), ("_MAX_STATES", 4)):
        monkeypatch.setattr(prefix_reader, name, value)
    if not is_compiled:
        monkeypatch.setattr("seqgen.model.stepper.can_compile", lambda *_: False)
    model, rng = make_model(11, **options), random.Random(1)
    reader, ids = PrefixReader(model), [0]
    for _ in range(120):
        ids = [0, *edited(rng, ids[1:], range(1, 11))]
        read, expected = reader.read(ids), prefill(model, ids)
        torch.testing.assert_close(read.logits, expected.logits, rtol=1e-4, atol=1e-5)
        for mine, theirs in zip(tensors_of(read.state), tensors_of(expected.state), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_a_key_at_the_end_costs_one_step_and_an_edit_at_most_those_after_the_last_kept_state(make_model, monkeypatch):
    monkeypatch.setattr(prefix_reader, "_NUM_RECENT", 16)
    monkeypatch.setattr(prefix_reader, "_CHUNK", 32)
    model = make_model(11)
    reader, num_read = PrefixReader(model), []
    step, forward = reader.step, model.forward
    reader.step = SimpleNamespace(state=None)

    class Counting:
        state = property(lambda _: step.state, lambda _, state: setattr(step, "state", state))

        def __call__(self, ids):
            num_read.append(1)
            return step(ids)

    def counted(ids, state):
        num_read.append(len(ids))
        return forward(ids, state)

    reader.step = Counting()
    monkeypatch.setattr(model, "forward", counted)
    ids = [0, *range(1, 11)] * 20

    def cost(ids):
        num_read.clear()
        reader.read(ids)
        return sum(num_read)

    assert cost(ids) == 220
    assert [cost([*ids, *[1] * count]) for count in (1, 2, 3)] == [1, 1, 1]
    assert cost([*ids, 1, 1]) == cost([*ids, 1]) == cost(ids) == 1  # characters are deleted
    assert cost(ids) == 1  # a reading needs at least one token
    assert cost([*ids, 7]) == 1
    assert cost(ids[:100]) <= 32  # the rest is not forgotten
    assert cost([*ids, 7]) == 1
    assert cost([*ids[:100], 5, *ids[100:]]) <= 32 + 121


def test_the_number_of_kept_states_is_bounded(make_model, monkeypatch):
    for name, value in (("_STRIDE", 2), ("_NUM_RECENT", 3), ("_MAX_STATES", 8)):
        monkeypatch.setattr(prefix_reader, name, value)
    reader = PrefixReader(make_model(11))
    for length in (20, 100, 700):
        reader.read([1] * length)
        assert len(reader._states) <= 2 * 8 + 3 + 1


def test_reading_stops_when_it_is_outdated_and_goes_on_from_there(make_model, monkeypatch):
    monkeypatch.setattr(prefix_reader, "_CHUNK", 8)
    model, ids = make_model(11), [0, *range(1, 11)] * 4
    reader, answers = PrefixReader(model), iter([False, False, True])
    with pytest.raises(OutdatedError):
        reader.read(ids, lambda: next(answers))
    assert max(reader._states) == 16
    torch.testing.assert_close(reader.read(ids).logits, prefill(model, ids).logits, rtol=1e-4, atol=1e-5)


@every_level
def test_continuations_after_random_edits_equal_samples_of_the_same_text(name, monkeypatch):
    monkeypatch.setattr(generator, "resolve_precision", lambda *_: "float32")
    monkeypatch.setattr(prefix_reader, "_CHUNK", 8)
    level, rng = LEVELS[name], random.Random(2)
    model, config, text = untrained(level), SamplingConfig(seed=5, length=suggester._LENGTH, temperature=0.8), ""
    model.output_bias.data[level.END] -= 20
    writer = Suggester(checkpoint(level), model)
    for attempt in range(12):
        text = edited(rng, text, TEXT)
        (seed,) = np.random.SeedSequence([5, attempt, len(text)]).generate_state(1).tolist()
        expected = "".join(part.text for part in sample(model, level, text, config, [Sample(seed)], [0]))
        found = writer.continuation(text, config, attempt)
        assert expected.startswith(found), (text, expected)
        assert len(found) >= 10 or "\n" in found or not first_word(expected)


def next_word_probability(model, level, ids, left, word):
    """Return the probability that tokens write a text and then end a word; a punctuation mark ends itself."""
    is_letter = str.isalpha
    following = prefill(model, ids).logits[0].double().softmax(-1).tolist()
    total = 0.0
    for token, probability in enumerate(following):
        digits = level.hexadecimal[token]
        text = "" if token in SPELLED or len(digits) % 2 else bytes.fromhex(digits).decode()
        if not left:
            total += probability * (token == level.END or (bool(text) and not is_letter(text[0])))
        elif text == left:
            total += probability * (
                next_word_probability(model, level, [*ids, token], "", word) if is_letter(word[-1]) else 1
            )
        elif text.startswith(left):
            total += probability * (not is_letter(word[-1]) or not is_letter(text[len(left)]))
        elif text and left.startswith(text):
            total += probability * next_word_probability(model, level, [*ids, token], left[len(text) :], word)
    return total


@pytest.mark.parametrize(
    ("name", "text"),
    [("characters", "the c"), ("characters", "the cat"), ("words", "the c"), ("words", "the cat"), ("words", "a "),
     ("groups of characters", "the "), ("groups of characters", "the c")],
)  # fmt: skip
def test_the_next_words_have_the_probabilities_of_brute_force_and_no_word_is_more_likely(name, text):
    level = LEVELS[name]
    model = untrained(level)
    model.output_bias.data[SPELLED] -= 12
    writer = Suggester(checkpoint(level, unseen=[0, *SPELLED]), model)
    found = {word.text: word.nats for word in writer.next_words(text, 3)}
    ids, rest = split(level, text)
    ids, rest = [level.START, *ids], bytes.fromhex(rest).decode()
    whole = next_word_probability(model, level, ids, rest, ".") if rest else 1.0
    assert len(found) == 3
    letters, others = "achtes", [" ", ""]
    words = {a + "".join(b) for a in others for count in (1, 2) for b in itertools.product(letters, repeat=count)}
    for word in words | {".", ","} | set(found):
        if name == "words" and "," in word:  # is not in the alphabet
            continue
        probability = next_word_probability(model, level, ids, rest + word, word) / whole
        if word in found:
            assert found[word] == pytest.approx(-math.log(probability), abs=0.02), word
        else:
            assert probability < math.exp(0.02 - max(found.values())), word


@every_level
def test_the_next_words_are_different_whole_words(name):
    level = LEVELS[name]
    writer = Suggester(checkpoint(level), untrained(level))
    for text in ("", "\n", "the", "the ", "the c", "the cat sat.\n"):
        words = [word.text for word in writer.next_words(text, 3)]
        assert len(set(words)) == len(words) == 3
        assert all(first_word(word) == word for word in words)
        bits = [word.bits for word in writer.next_words(text, 3)]
        assert bits == sorted(bits)


def test_a_model_of_lines_reads_the_last_line_and_its_end_is_a_newline():
    level = LEVELS["characters"]
    model, config = untrained(level), SamplingConfig(seed=1)
    model.output_bias.data[level.END] += 3
    lines, files = (Suggester(checkpoint(level, document=kind), model) for kind in ("line", "file"))
    texts = [lines.continuation("the hat\n" + "at"[: attempt % 3], config, attempt) for attempt in range(12)]
    assert any(text.endswith("\n") for text in texts)
    assert lines.next_words("the hat\na", 3) == files.next_words("a", 3)
    assert lines.next_words("the hat\n", 3) == files.next_words("", 3)


def test_suggestions_begin_after_an_opening_if_the_model_does_not_know_beginnings():
    level = LEVELS["characters"]
    model = untrained(level)
    writer = Suggester(checkpoint(level, knows_beginnings=False), model)
    opening = suggester.opening_of(model, level, [0])
    assert opening
    other = Suggester(checkpoint(level), model)
    assert writer.next_words("the", 3) == other.next_words(opening + "the", 3)


def test_models_of_something_else_are_rejected(make_model):
    with pytest.raises(UsageError, match="language model of text"):
        Suggester(checkpoint(None), make_model(11))
    with pytest.raises(UsageError, match="language model of text"):
        Suggester(checkpoint(LEVELS["words"], given_coding=LEVELS["words"]), make_model(11))


def test_a_ghost_remains_while_it_is_typed():
    ghost = Ghost("Once", " upon a time")
    assert ghost.word == " upon"
    assert ghost.moved_to("Once up") == Ghost("Once up", "on a time")
    assert ghost.moved_to("Once upon a time").text == ""
    for other in ("Once ap", "Onc", "Twice", "", "Once upon a time there"):
        assert ghost.moved_to(other) == Ghost(other, "")


@pytest.mark.parametrize(
    ("text", "word"),
    [(" it's late", " it's"), ("ing", "ing"), (", and", ","), ("\n\nThe end", "\n\nThe"), ("  ", ""), ("été!", "été"),
     ("e\u0301te\u0301 x", "e\u0301te\u0301"), ("\u201cNo\u201d", "\u201c"), ("", "")],
)  # fmt: skip
def test_a_word_has_the_white_space_before_it(text, word):
    assert first_word(text) == word


def test_the_last_word_is_omitted_since_it_may_be_incomplete():
    assert without_last_word(" upon a ti") == " upon a"
    assert without_last_word("on") == "on"
