"""What trains and what validates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus import split as split_module
from seqgen.corpus.documents import Document, Passage, Survey
from seqgen.corpus.split import FILES, PASSAGES, TRAIN, VALID, Piece, Tally


def split(texts, whole=FILES, valid_fraction=0.1):
    """Return the pieces of each part, and whether documents stay whole."""
    documents = [Passage(str(place), text) for place, text in enumerate(texts)]
    tally = Tally(valid_fraction)
    for document in documents:
        tally.add(document)
    found = tally.split(whole)
    pieces = [pair for document in documents for pair in found.pieces(document)]
    return tuple([piece for part, piece in pieces if part == wanted] for wanted in (TRAIN, VALID))


def content(pieces):
    return ["".join(piece.chunks()) for piece in pieces]


@given(text=st.text(min_size=2, max_size=300))
def test_a_single_text_is_cut_where_nano_gpt_cuts_it(text):
    train, valid = split([text])
    cut = int(0.9 * len(text))
    assert content(train) == [text[:cut]]
    assert content(valid) == [text[cut:]]
    assert [piece.is_ended for piece in (*train, *valid)] == [False, True]


@pytest.mark.parametrize("max_ranked", [100_000, 50])
def test_many_documents_go_whole_to_one_side_and_duplicates_together(monkeypatch, max_ranked):
    monkeypatch.setattr(split_module, "_MAX_RANKED", max_ranked)
    texts = [f"document {i % 100}" for i in range(300)]
    train, valid = split(texts)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    assert not set(content(train)) & set(content(valid))
    assert 0.05 <= len(valid) / 300 <= 0.15
    assert all(piece.is_ended for piece in train)


@given(texts=st.lists(st.text(min_size=3, max_size=9), min_size=40, max_size=80, unique=True))
def test_whole_documents_come_as_near_to_the_share_as_they_can(texts):
    train, valid = split(texts)
    total = sum(map(len, texts))
    assert len(train) + len(valid) == len(texts)
    assert abs(sum(map(len, content(valid))) - 0.1 * total) <= 9 / 2


def test_the_side_depends_on_the_content_alone():
    texts = [f"document {i}" for i in range(200)]
    assert set(content(split(texts)[1])) == set(content(split(texts[::-1])[1]))


def test_few_or_uneven_documents_are_cut_each_at_a_point():
    train, valid = split(["a" * 100, "b" * 50])
    assert content(train) == ["a" * 90, "b" * 45]
    assert content(valid) == ["a" * 10, "b" * 5]
    train, valid = split(["x" * 100_000, *(f"{i}" for i in range(100))])
    assert len(content(train)[0]) == 90_000


def test_a_few_passages_stay_whole_where_one_of_them_makes_up_the_share():
    names = [
        "Ada Lovelace",
        "Alan Turing",
        "Grace Hopper",
        "Emmy Noether",
        "Kurt Goedel",
        "Alonzo Church",
        "John Tukey",
    ]
    train, valid = split(names, PASSAGES)
    assert sorted(content(train) + content(valid)) == sorted(names)
    assert len(valid) == 1


def test_a_piece_is_cut_at_characters_whatever_the_chunks():
    class Chunked(Document):
        name = "chunked"
        survey = Survey(6, b"")

        def chunks(self):
            yield from ("ab", "", "cde", "f")

    for start in range(7):
        for stop in (*range(start, 7), None):
            piece = Piece(Chunked(), start, stop)
            assert "".join(piece.chunks()) == "abcdef"[start:stop]
            assert piece.is_filled == bool("abcdef"[start:stop])
