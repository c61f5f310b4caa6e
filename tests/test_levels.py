"""What every level promises; a new level is found by its file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen import registry
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import Level

CORPUS = "The quick brown fox — naïve, 狐 and 🦊 — jumps over\n\tthe lazy dog.\n"

every_level = pytest.mark.parametrize("level", registry.names("levels"))


def fitted(name: str) -> Level:
    return level_class(name).fit([CORPUS, CORPUS.upper()])


@every_level
@given(text=st.text())
def test_decoding_gives_back_the_normalised_text(level, text):
    kind = fitted(level)
    assert kind.decode(kind.encode(text)) == kind.normalise(text)


@every_level
@given(text=st.text(st.sampled_from(CORPUS + "\r\x00é\U0010ffff\ud800"), max_size=40))
def test_an_incremental_decoder_gives_the_same_text_token_by_token(level, text):
    kind = fitted(level)
    decoder = kind.decoder()
    pieces = [decoder.feed([int(token)]) for token in kind.encode(text)]
    assert "".join(pieces) + decoder.finish() == kind.normalise(text)


@every_level
@given(ids=st.lists(st.integers(0, 10**6)))
def test_any_ids_decode_to_valid_text(level, ids):
    kind = fitted(level)
    kind.decode([token % kind.vocabulary_size for token in ids]).encode("utf-8")


@every_level
def test_a_level_survives_json(level):
    kind = fitted(level)
    again = level_from_json(json.loads(json.dumps(kind.to_json())))
    assert again.encode(CORPUS).tolist() == kind.encode(CORPUS).tolist()
    assert again.vocabulary_size == kind.vocabulary_size


@every_level
def test_ids_fit_the_vocabulary_and_its_type_and_are_never_start_or_end(level):
    kind = fitted(level)
    ids = kind.encode(CORPUS + "ŧ")
    assert ids.dtype == kind.dtype
    assert ids.min() > max(kind.START, kind.END)
    assert ids.max() < kind.vocabulary_size
