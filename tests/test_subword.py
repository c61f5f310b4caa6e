"""The subword level, compared with sentencepiece."""

from itertools import pairwise

import pytest
import sentencepiece

from seqgen.config import CorpusConfig
from seqgen.corpus import builtin
from seqgen.errors import CorpusError
from seqgen.levels import subword
from seqgen.levels.subword import SubwordLevel

TEXT = "".join(file.open_bytes().read().decode() for file in builtin.files("python-docs"))[:200_000]


def fit(*texts, **options):
    return SubwordLevel.fit([[text] for text in texts], CorpusConfig(level="subword", **options))


def test_sentencepiece_decodes_the_ids():
    level = fit(TEXT, vocabulary_size=1000)
    processor = sentencepiece.SentencePieceProcessor(model_proto=level.model)
    line = "the value of an expression"
    assert processor.decode(level.encode(line).tolist()) == line
    assert (processor.bos_id(), processor.eos_id()) == (level.START, level.END)


def test_frequent_words_are_single_tokens():
    level = fit(TEXT, vocabulary_size=1000)
    assert len(level.encode(" the value of an expression")) == 5


def test_the_requested_size_is_reached_if_the_text_allows_it():
    assert fit(TEXT, vocabulary_size=500).vocabulary_size == 500


def test_an_unreachable_size_becomes_the_nearest_possible_one():
    assert 259 < fit(TEXT[:5000], vocabulary_size=100_000).vocabulary_size < 2000
    small = fit(TEXT, vocabulary_size=10)
    assert small.vocabulary_size <= 260 + len(set(TEXT))
    assert small.decode(small.encode(TEXT)) == TEXT


def test_the_sample_is_bounded_and_spread_evenly(monkeypatch):
    monkeypatch.setattr(subword, "_SAMPLE", 1000)
    monkeypatch.setattr(subword, "_BLOCK", 10)
    whole = subword.Sample.of([[f"{i:09} "] for i in range(1000)])
    shares = [subword.Sample.of([[f"{i:09} "] for i in part]) for part in (range(50), range(50, 1000))]
    for blocks, stride, characters in (whole, subword.Sample.of_all(shares)):
        assert characters == 10_000
        assert 400 <= sum(map(len, blocks)) <= 1000
        numbers = [int(block) for block in blocks]
        assert max(b - a for a, b in pairwise(numbers)) <= stride
        assert numbers[-1] + stride >= 1000
    assert {b - a for a, b in pairwise(map(int, whole.blocks))} == {whole.stride}


def test_spaces_are_preserved_without_spaces_in_the_training_text():
    level = fit("没有空格的文字" * 50)
    assert level.decode(level.encode("a b  c")) == "a b  c"


def test_characters_that_sentencepiece_skips_are_preserved():
    bars = "\u2585\u2585 half\n" * 500
    level = fit(bars)
    assert level.decode(level.encode(bars)) == bars


@pytest.mark.parametrize("text", ["\n" * 50, "\0" * 50, "\u2585" * 50])
def test_text_without_subwords_is_rejected(text):
    with pytest.raises(CorpusError, match="this text yields no subwords, use --level character"):
        fit(text)
