"""Compressed size of a text given another one."""

import random

import pytest

from seqgen.corpus.documents import Excerpt, Passage
from seqgen.evaluation import baselines, compressors
from seqgen.evaluation.compressors import compressed_bits


def digits(number, seed):
    return "".join(random.Random(seed).choices("0123456789abcdef", k=number))


def test_a_text_that_was_seen_costs_almost_nothing():
    text = digits(20_000, 1)
    again, new = compressed_bits([text], [text]), compressed_bits([text], [digits(20_000, 2)])
    assert again["xz"] < 0.05
    assert new["xz"] == pytest.approx(4, abs=0.6)  # one of sixteen digits has four bits
    assert new["bz2"] == pytest.approx(4, abs=0.6)


def test_the_result_depends_on_bytes_but_not_on_chunks():
    text = "Füße " * 3000 + digits(3000, 3)
    whole = compressed_bits(["ä"], [text])
    assert compressed_bits(["ä"], [text[:100], text[100:]]) == whole
    costs = 4 * 3000 / len(text.encode())
    assert costs < whole["xz"] < 1.5 * costs


def test_the_last_of_the_first_and_the_first_of_the_second_are_used(monkeypatch):
    monkeypatch.setattr(compressors, "MAX_BYTES", 1000)
    first, second = digits(1000, 4), digits(1000, 5)
    assert compressed_bits([digits(5000, 6), first], [second, digits(5000, 7)]) == compressed_bits([first], [second])


def test_separators_of_documents_are_compressed():
    lines = [Passage("poem", "one", "\n"), Passage("poem", "two", "\n"), Passage("poem", "three", "\n")]
    documents = [lines[0], lines[1], Excerpt(lines[2], 0, 2)]  # without the end of the last one
    assert "".join(baselines._text(iter(documents))) == "one\ntwo\nth"
