"""Words of large texts, compared with those that the pattern finds in the whole text."""

import random
from collections import Counter

import numpy as np
import pytest

from seqgen.levels import _words
from seqgen.levels._piece_table import PieceTable
from seqgen.levels._pieces import Pieces
from seqgen.levels._spelling import Spelling
from seqgen.levels._words import Division, WordCutter, WordIds, count_words
from seqgen.texts import Texts, num_words

FRAGMENTS = [
    "a",
    "don't",
    "'",
    "\u2019",
    " ",
    "  ",
    "\n",
    "\n\n",
    " \n",
    "\t",
    "(",
    ".",
    "x" * 45,
    " " * 50,
    "\x1c",
    "\u3000",
]
FRAGMENTS += ["word", "\u00e9", "x\u0301y", "\u6f22\u5b57", "\U0001f600", "_", "<unk>", "3.14", " the", " of", "\0"]
DIVISIONS = [Division(is_tokenised, is_indented) for is_tokenised in (False, True) for is_indented in (False, True)]


def random_text(seed, number=4000):
    return "".join(random.Random(seed).choices(FRAGMENTS, k=number))


def expected_words(division, text):
    return division.words(text)


@pytest.fixture(autouse=True)
def large(monkeypatch):
    monkeypatch.setattr(_words, "_MIN_BYTES", 0)


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("size", [3, 100, 10_000])
def test_words_do_not_depend_on_chunks_and_are_those_of_the_pattern(division, size, monkeypatch):
    monkeypatch.setattr(_words, "_LONGEST", 80)
    for seed, text in enumerate([random_text(1), "x" * 5000 + " y", " " * 5000 + "x", "\u6f22" * 3000 + "'" * 9]):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert count_words([chunks], division).counts == Counter(division.words(text)), seed
        parts = list(WordCutter(division).cut(chunks))
        found = [word for part in parts for word in [*division.words(*part[:1], begins_line=part[1]), *part[2]]]
        assert found == division.words(text)


@pytest.mark.parametrize("division", DIVISIONS)
def test_texts_are_encoded_together_as_they_are_singly(division):
    texts = [text for text in random_text(2).split("\n") if text]
    counts = count_words([Texts.of(texts)], division).counts
    assert counts == sum((Counter(division.words(text)) for text in texts), Counter())
    words = [word for word, count in counts.items() if len(word) > 1 and count > 1]
    vocabulary = Pieces(Spelling("adeont h.", np.dtype(np.uint16)), words)
    with_gaps = Texts(
        *(Texts.of(["?", *texts]).data, Texts.of(["?", *texts]).starts[1::2], Texts.of(["?", *texts]).stops[1::2])
    )
    for each in (Texts.of(texts), with_gaps):
        ids, lengths = WordIds(division, vocabulary).encode_all(each)
        expected = [vocabulary.encode(division.words(text)).tolist() for text in each]
        assert ids.tolist() == [token for tokens in expected for token in tokens]
        assert lengths.tolist() == list(map(len, expected))


def test_tables_that_are_full_are_emptied(monkeypatch):
    monkeypatch.setattr(PieceTable, "is_full", property(lambda table: table.size > 5))
    division, text = DIVISIONS[1], random_text(3)
    assert count_words([[text]], division).counts == Counter(division.words(text))
    ids = WordIds(division, Pieces(Spelling("ad", np.dtype(np.uint8)), ["word"]))
    first = ids.encode_all(Texts.of([text]))[0].tolist()
    assert (
        first == ids.encode_all(Texts.of([text]))[0].tolist() == ids._vocabulary.encode(division.words(text)).tolist()
    )


@pytest.mark.parametrize("text", ["", " ", "a", " a b\n", "a\u3000b\x85c\x1cd", "\U0001f600 x\u2003", random_text(4)])
def test_words_between_white_space_are_counted(text):
    assert num_words(text) == len(text.split())
