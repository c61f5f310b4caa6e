"""Properties of every level; a new level is found automatically."""

import json
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqgen import registry
from seqgen.config import CorpusConfig
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import IdCounter, Level, TextLevel

CORPUS = """The quick brown fox — naïve, 狐 and 🦊 — jumps over
\tthe lazy dog; the lazy dog doesn't mind.

    "The quick brown fox," said the lazy dog, "jumps!"
"""
TEXT_LEVELS = [name for name in registry.names("levels") if issubclass(level_class(name), TextLevel)]
KINDS = {name: {"level": name} for name in TEXT_LEVELS} | {
    "pairs": {"level": "character", "ngram": 2},
    "small subword": {"level": "subword", "vocabulary_size": 350},
    "tokenised word": {"level": "word", "document": "line"},
}
TRICKY = CORPUS + "\r\x00é\u0301\u0323한\u11a8\u1161\U0010ffff\ud800\u2581\u2028<0x41></s>"

every_kind = pytest.mark.parametrize("kind", KINDS)
any_text = st.text(st.sampled_from(TRICKY), max_size=60) | st.text()


@cache
def fitted(kind: str) -> Level:
    corpus = "a plain line , cut at spaces\nwith <unk> in it\n" if "tokenised" in kind else CORPUS
    config = CorpusConfig(**KINDS[kind])
    return level_class(config.level).fit([[corpus], [corpus.upper()]], config)


@every_kind
@given(text=any_text)
@example(text="\n\n  \n x  y\n")
@example(text="\u1112\u1161\u11ab\u0301\u0327o\u0304\u0328")
@example(text=" <s> \u2581\u2581 \u2581a\0b </s> <unk><0x0A> ")
@example(text="w" * 3000 + " " + "w " * 900 + "\n" * 40)
def test_decoding_gives_back_the_normalised_text(kind, text):
    level = fitted(kind)
    assert level.decode(level.encode(text)) == level.normalise(text)


@every_kind
@given(text=any_text)
def test_an_incremental_decoder_gives_the_same_text_token_by_token(kind, text):
    level = fitted(kind)
    decoder = level.decoder()
    pieces = [decoder.feed([int(token)]) for token in level.encode(text)]
    assert "".join(pieces) + decoder.finish() == level.normalise(text)


@every_kind
@given(chunks=st.lists(any_text.map(lambda text: text.replace("\r", "").replace("\ud800", ""))))
@example(chunks=["w" * 70, "w" * 1500, " ", " ", " x\n", "\n", "y", "'", "s"])
def test_ids_do_not_depend_on_how_a_text_is_chunked(kind, chunks):
    level = fitted(kind)
    encoder = level.encoder()
    ids = [int(token) for chunk in chunks for token in encoder.feed(level.normalise(chunk))]
    ids += encoder.finish().tolist()
    assert ids == level.encode("".join(map(level.normalise, chunks))).tolist()


@every_kind
@given(ids=st.lists(st.integers(0, 10**6)))
def test_any_ids_decode_to_valid_text(kind, ids):
    level = fitted(kind)
    level.decode([token % level.vocabulary_size for token in ids]).encode("utf-8")


@every_kind
def test_a_level_survives_json(kind):
    level = fitted(kind)
    again = level_from_json(json.loads(json.dumps(level.to_json())))
    assert again.encode(TRICKY).tolist() == level.encode(TRICKY).tolist()
    assert again.decode(again.encode(TRICKY)) == level.normalise(TRICKY)
    assert again.vocabulary_size == level.vocabulary_size


@every_kind
def test_ids_are_in_the_vocabulary_and_never_start_or_end(kind):
    level = fitted(kind)
    ids = level.encode(CORPUS + "ŧ")
    assert ids.dtype == level.dtype
    assert ids.min() > max(level.START, level.END)
    assert ids.max() < level.vocabulary_size


@every_kind
def test_only_character_tokens_are_single_characters(kind):
    level = fitted(kind)
    is_single = kind in ("character", "decomposed")
    assert (len(level.encode("the lazy dog")) == 12) == is_single


@every_kind
def test_the_extent_counts_characters_bytes_and_words(kind):
    extent = fitted(kind).extent("né\n")
    assert extent.pop("words", 2) == 2  # a word and the end of a line
    assert extent == {"characters": 3, "bytes": 4}


@every_kind
def test_the_extent_does_not_depend_on_where_a_text_is_cut(kind):
    level, text = fitted(kind), "né  a b\n\n c.\td\u2003e "
    for first in range(1, len(text)):
        for second in range(first + 1, len(text)):
            chunks = [text[:first], text[first:second], text[second:]]
            total = Counter()
            for before, chunk in pairwise([None, *chunks]):
                total.update(level.extent(chunk, before))
            assert dict(total) == level.extent(text)
    assert level.extent(text).get("words", 8) == len(text.split()) + 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "subword" not in kind])
@pytest.mark.parametrize("size", [18, 20, 40])
def test_a_limited_vocabulary_is_lossless(kind, size):
    level = level_class(KINDS[kind]["level"]).fit([[CORPUS]], CorpusConfig(vocabulary_size=size, **KINDS[kind]))
    assert level.vocabulary_size <= size
    assert level.decode(level.encode(TRICKY)) == level.normalise(TRICKY)


@given(ids=st.lists(st.integers(0, 90)), repeat=st.sampled_from([1, 70_001]))
def test_ids_are_counted_exactly_in_short_texts(ids, repeat):
    counter = IdCounter(91)
    counter.add(np.array(ids[:3] * repeat, dtype=np.uint8))
    counter.add(np.array(ids, dtype=np.uint16))
    assert counter.counts.tolist() == [ids[:3].count(token) * repeat + ids.count(token) for token in range(91)]


def test_long_texts_are_sampled_but_every_id_is_found():
    blocks = [np.full(IdCounter.BLOCK, 255, dtype=np.uint8) for _ in range(34)]
    for number, block in enumerate(blocks):
        block[number * 1000] = number
    ids = np.concatenate(blocks)
    counter, in_pieces = IdCounter(256), IdCounter(256)
    counter.add(ids)
    for piece in np.array_split(ids, 19):
        in_pieces.add(piece)
    assert in_pieces.counts.tolist() == counter.counts.tolist()
    assert (counter.counts[:34] == 1).all()
    assert not counter.counts[34:255].any()
    assert counter.counts[255] == (IdCounter.BLOCK - 1) * (16 + 3)  # blocks 0 to 15, 16, 24 and 32


def test_the_decomposed_level_takes_letters_apart_and_gives_back_composed_text():
    level = level_class("decomposed").fit([["한é"]], CorpusConfig())
    assert sorted(level.alphabet) == sorted(unicodedata.normalize("NFD", "한é"))
    assert level.spelled(level.encode("한é").tolist()) == list(unicodedata.normalize("NFD", "한é"))
    assert level.decode(level.encode("e\u0301")) == "é"


@every_kind
@given(text=any_text)
@example(text="한글é\n ab\n\n x\u0301y" * 3)
def test_tokens_end_where_the_text_before_has_their_bytes(kind, text):
    level = fitted(kind)
    if not isinstance(level, TextLevel):
        return
    text = level.normalise(text)
    ids = level.encode(text)
    sizes = [len(level.laid_out(text[:end]).encode()) for end in range(len(text) + 1)]
    num_digits = np.cumsum([len(level.hexadecimal[token]) for token in ids.tolist()])
    expected = [sizes.index(size / 2) if size / 2 in sizes else -1 for size in num_digits.tolist()]
    assert level.token_ends(ids, text).tolist() == expected
