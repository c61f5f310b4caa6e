"""Whole UTF-8 characters, compared with Python's decoder."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from seqgen.config import SamplingConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling.sampler import Sample, sample
from seqgen.sampling.whole_characters import WholeCharacters

DIGITS = ["", "", *"0123456789abcdef"]
BYTES = ["", "", *(f"{byte:02x}" for byte in range(256))]
CHARACTERS = "\x00 aé߿ࠀ退\ud7ff\ue000\uffff𐀀🦊\U000fffff\U0010ffff"


def allowed(constraint):
    return set(np.flatnonzero(constraint.mask()[0] == 0).tolist())


@cache
def can_become_text(data: bytes) -> bool:
    """Return whether bytes can be completed to a character, by trying the ends of all ranges."""
    ends = (bytes(more) for length in range(4) for more in product((0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF), repeat=length))
    return any(_is_text(data + end) for end in ends)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("hexadecimal", [DIGITS, BYTES], ids=["digits", "bytes"])
def test_exactly_the_bytes_of_characters_are_allowed(hexadecimal, character):
    """After every beginning of a character, the mask of all tokens agrees with the decoder."""
    digits, written = character.encode().hex(), ""
    constraint = WholeCharacters(hexadecimal, 1, [0], [100])
    while written != digits:
        expected = set()
        for token, more in enumerate(hexadecimal[2:], 2):
            begun = written + more
            completions = (
                [bytes.fromhex(begun)] if len(begun) % 2 == 0 else [bytes.fromhex(begun + d) for d in DIGITS[2:]]
            )
            if any(map(can_become_text, completions)):
                expected.add(token)
        assert allowed(constraint) == expected | ({1} if not written else set())
        token = next(t for t, more in enumerate(hexadecimal) if more and digits[len(written) :].startswith(more))
        written += hexadecimal[token]
        constraint.advance(np.array([token]))
    assert 1 in allowed(constraint)


@pytest.mark.parametrize("num_left", range(1, 10))
def test_characters_can_be_completed_within_the_length(num_left):
    random = np.random.default_rng(num_left)
    for _ in range(20):
        constraint, drawn = WholeCharacters(DIGITS, 1, [0, 1], [num_left]), []
        while len(drawn) < num_left and (choices := sorted(allowed(constraint))):
            drawn.append(int(random.choice(choices)))
            constraint.advance(np.array([drawn[-1]]))
        bytes.fromhex("".join(DIGITS[token] for token in drawn)).decode()


def test_a_character_that_allowed_tokens_cannot_complete_is_not_begun():
    """Without the digits 8 to b no byte can follow a first byte above 7f."""
    constraint = WholeCharacters(DIGITS, 1, [0, *(DIGITS.index(digit) for digit in "89ab")], [100])
    assert {DIGITS[token] for token in allowed(constraint)} == {"", *"01234567"}


def test_streams_have_independent_limits():
    constraint = WholeCharacters([*DIGITS, "61"], 1, [0], [100, 100])
    constraint.advance(np.array([DIGITS.index("e"), 18]))
    mask = constraint.mask()
    assert set(np.flatnonzero(mask[0] == 0).tolist()) == set(range(2, 18))
    assert mask[1, 18] == 0
    constraint.advance(np.array([DIGITS.index("2"), 18]))
    assert {DIGITS[token] for token in np.flatnonzero(constraint.mask()[0] == 0)} == set("89ab")


@pytest.mark.parametrize("temperature", [0.0, 1.0, 50.0])
@pytest.mark.parametrize(
    "level",
    [
        CharacterLevel(" ab"),
        CharacterLevel("ab", 2, ["ab", "é漢"]),
        WordLevel("a", [" a"], is_tokenised=True, is_indented=True),
    ],
)
def test_samples_of_any_length_contain_only_whole_characters(make_model, level, temperature):
    model = make_model(level.vocabulary_size)
    for length in range(1, 8):
        samples = [Sample(seed) for seed in range(6)]
        config = SamplingConfig(length=length, temperature=temperature)
        texts = [""] * 6
        for index, text in sample(model, level, "", config, samples, [0]):
            texts[index] += text
        assert "\ufffd" not in "".join(texts)
        assert all(texts), "nor is one empty"
