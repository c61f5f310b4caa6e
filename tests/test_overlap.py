"""Overlap of a text with the corpus of a run."""

import random

import numpy as np
import pytest

from seqgen.config import CorpusConfig
from seqgen.evaluation import overlap
from seqgen.evaluation.overlap import WINDOW, share_in
from seqgen.levels.character import CharacterLevel

LEVEL = CharacterLevel.fit([["abcdefgh\n"]], CorpusConfig())


def letters(number, seed):
    return "".join(random.Random(seed).choices("abcdefgh", k=number))


def brute_force(text_documents, known_documents):
    """Compute the overlap by its definition, with strings."""
    total = found = 0
    for text in text_documents:
        for begin in range(0, len(text), WINDOW):
            size = min(WINDOW, len(text) - begin)
            start = max(0, min(begin, len(text) - WINDOW))
            window = text[start : start + WINDOW]
            is_there = any(window in known for known in known_documents) if len(text) >= WINDOW else (
                text in known_documents
            )  # fmt: skip
            total, found = total + size, found + size * is_there
    return found / total


@pytest.mark.parametrize("block", [1 << 20, 64])
def test_the_overlap_agrees_with_its_definition(make_dataset, monkeypatch, block):
    monkeypatch.setattr(overlap, "_BLOCK", block)
    known = [letters(500, 1), letters(20, 2), letters(31, 3), letters(700, 4)]
    text = [
        known[0][37:300] + letters(90, 5),  # an excerpt with another continuation
        known[1],  # a short document of the dataset
        known[2][:-1],  # the beginning of a short document
        known[3],
        known[3][5:],  # with another position of the last window
        letters(300, 6),
    ]
    dataset, other = make_dataset(*text, level=LEVEL), make_dataset(*known, level=LEVEL)
    expected = brute_force(text, known)
    assert 0.5 < expected < 0.9
    assert share_in(dataset, other) == pytest.approx(expected)
    assert share_in(other, other) == 1
    assert share_in(make_dataset(letters(400, 7), level=LEVEL), other) == 0


def test_an_empty_text_has_no_overlap(make_dataset):
    assert share_in(make_dataset("", level=LEVEL), make_dataset(letters(99, 1), level=LEVEL)) == 0


def test_hashes_of_windows_agree_with_the_polynomial():
    ids = np.random.default_rng(0).integers(0, 50, size=WINDOW + 3)
    expected = [sum(int(value) * pow(overlap._BASE, WINDOW - 1 - place, 1 << 64)
                    for place, value in enumerate(ids[begin : begin + WINDOW])) % (1 << 64)
                for begin in range(4)]  # fmt: skip
    assert overlap._hashes(ids).tolist() == expected
