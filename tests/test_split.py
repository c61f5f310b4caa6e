"""What trains and what validates."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus import statistics as statistics_module
from seqgen.corpus.documents import Document, Excerpt, Passage
from seqgen.corpus.split import FILES, PASSAGES, TRAIN, VALID, choose_split
from seqgen.corpus.statistics import Statistics


def split(texts, whole=FILES, valid_fraction=0.1):
    """Return the pieces of each part, and whether documents stay whole."""
    documents = [Passage(str(place), text) for place, text in enumerate(texts)]
    statistics = Statistics(valid_fraction)
    for document in documents:
        statistics.add(document)
    found = choose_split(statistics, whole)
    pieces = [pair for document in documents for pair in found.divide(document)]
    return tuple([piece for part, piece in pieces if part == wanted] for wanted in (TRAIN, VALID))


def content(pieces):
    return ["".join(piece.chunks()) for piece in pieces]


@given(text=st.text(min_size=2, max_size=300))
def test_a_single_text_is_cut_where_nano_gpt_cuts_it(text):
    train, valid = split([text])
    cut = int(0.9 * len(text))
    assert content(train) == [text[:cut]]
    assert content(valid) == [text[cut:]]
    assert [piece.is_complete for piece in (*train, *valid)] == [False, True]


@pytest.mark.parametrize("max_ranked", [100_000, 50])
def test_many_documents_go_whole_to_one_side_and_duplicates_together(monkeypatch, max_ranked):
    monkeypatch.setattr(statistics_module, "MAX_RANKED", max_ranked)
    texts = [f"document {i % 100}" for i in range(300)]
    train, valid = split(texts)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    assert not set(content(train)) & set(content(valid))
    assert 0.05 <= len(valid) / 300 <= 0.15
    assert all(piece.is_complete for piece in train)


@given(texts=st.lists(st.text(min_size=3, max_size=9), min_size=40, max_size=80, unique=True))
def test_whole_documents_come_as_near_to_the_share_as_they_can(texts):
    train, valid = split(texts)
    total = sum(map(len, texts))
    assert len(train) + len(valid) == len(texts)
    assert abs(sum(map(len, content(valid))) - 0.1 * total) <= 9 / 2


def test_the_side_depends_on_the_content_alone():
    texts = [f"document {i}" for i in range(200)]
    assert set(content(split(texts)[1])) == set(content(split(texts[::-1])[1]))


def test_two_files_keep_one_whole_and_cut_the_longer_at_the_share():
    train, valid = split(["a" * 100, "b" * 50])
    assert content(train) == ["a" * 85, "b" * 50]
    assert content(valid) == ["a" * 15]
    assert [piece.is_complete for piece in (*train, *valid)] == [False, True, True]


def test_one_long_document_among_many_short_ones_alone_is_cut():
    texts = ["x" * 100_000, *(f"{i}" for i in range(100))]
    train, valid = split(texts)
    assert len(content(train)[0]) == pytest.approx(90_000, rel=1e-3)
    assert sorted(content(train)[1:] + content(valid)[1:]) == sorted(texts[1:])
    assert 5 <= len(valid) - 1 <= 15


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


@pytest.mark.parametrize("texts", [
    ["w " * n for n in (900, 620, 410, 300, 200, 120, 60, 30)],
    [chr(97 + i) * 500 for i in range(4)],
    ["ab", "cd"],
])  # fmt: skip
def test_uneven_passages_stay_whole_and_the_share_is_as_near_as_they_allow(texts):
    train, valid = split(texts, PASSAGES)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    total = sum(map(len, texts))
    sums = [sum(map(len, some)) for n in range(1, len(texts)) for some in itertools.combinations(texts, n)]
    nearest = min(abs(each - 0.1 * total) for each in sums)
    assert abs(sum(map(len, content(valid))) - 0.1 * total) <= nearest + 0.5 * 0.1 * total


def test_of_lines_with_one_that_is_most_of_the_text_that_one_is_cut_and_both_parts_get_a_whole_one():
    texts = ["a short line", "x" * 5000, "another short line"]
    train, valid = split(texts, PASSAGES)
    assert len(content(train)) == len(content(valid)) == 2
    assert sum(map(len, content(valid))) == pytest.approx(0.1 * 5030, abs=1)
    whole = [text for text in content(train) + content(valid) if "x" * 100 not in text]
    assert sorted(whole) == ["a short line", "another short line"]
    assert sorted(piece.is_complete for piece in train) == [False, True]


@pytest.mark.parametrize("whole", [FILES, PASSAGES])
@given(
    sizes=st.lists(st.integers(1, 60) | st.integers(300, 3000), min_size=2, max_size=30),
    valid_fraction=st.sampled_from([0.05, 0.1, 0.3, 0.5]),
    rotation=st.integers(0, 29),
)
def test_whatever_the_lengths_of_several_documents_training_sees_where_one_ends(whole, sizes, valid_fraction, rotation):
    texts = [f"{place} {'x' * size}" for place, size in enumerate(sizes)]
    texts += texts[: len(texts) // 3]  # duplicates
    train, valid = split(texts, whole, valid_fraction)
    total = sum(map(len, texts))
    assert sum(map(len, content(train) + content(valid))) == total
    assert any(piece.is_complete for piece in train)
    assert any(piece.is_complete for piece in valid)
    assert all(piece.size for piece in valid)
    ended = [
        {"".join(piece.chunks()) for piece in part if piece.is_complete and not isinstance(piece, Excerpt)}
        for part in (train, valid)
    ]
    assert not ended[0] & ended[1]
    longest = max(text.count("x") + 5 for text in texts) * 2
    assert sum(map(len, content(valid))) <= max(whole.high * valid_fraction * total, longest)
    turned = texts[rotation % len(texts) :] + texts[: rotation % len(texts)]
    assert [sorted(content(part)) for part in split(turned, whole, valid_fraction)] == [
        sorted(content(train)),
        sorted(content(valid)),
    ]


@given(texts=st.lists(st.text(min_size=3, max_size=9), min_size=40, max_size=80, unique=True))
def test_a_corpus_that_divides_well_has_the_threshold_that_it_always_had(texts):
    documents = [Passage("", text) for text in texts]
    statistics = Statistics(0.1)
    for document in documents:
        statistics.add(document)
    wanted, held_back, nearest = 0.1 * statistics.size, 0, (0.0, 0)
    for document in sorted(documents, key=lambda document: document.hash_fraction):
        if abs(held_back - wanted) < abs(nearest[1] - wanted):
            nearest = document.hash_fraction, held_back
        held_back += document.size
    assert choose_split(statistics, FILES).settings == [nearest[0], 0.1]


@pytest.mark.parametrize("max_ranked", [100_000, 50])
def test_giants_among_many_documents_are_cut_or_kept_and_the_exceptions_stay_few(monkeypatch, max_ranked):
    monkeypatch.setattr(statistics_module, "MAX_RANKED", max_ranked)
    for num_giants in range(1, 6):
        texts = [f"line {i}" for i in range(1000)] + [f"{i}" * 20_000 for i in range(num_giants)]
        train, valid = split(texts, PASSAGES)
        assert sum(text.startswith("line") for text in content(train) + content(valid)) == 1000
        assert sum(piece.is_complete for piece in train) > 500
        assert sum(map(len, content(valid))) < 0.3 * sum(map(len, texts))
        statistics = Statistics(0.1)
        for text in texts:
            statistics.add(Passage("", text))
        assert len(json.dumps(choose_split(statistics, PASSAGES).settings)) < 5000


def test_a_piece_is_cut_at_characters_whatever_the_chunks():
    class Chunked(Document):
        name = "chunked"
        size = 6
        digest = b""

        def chunks(self):
            yield from ("ab", "", "cde", "f")

    for start in range(7):
        for stop in (*range(start, 7), None):
            piece = Excerpt(Chunked(), start, stop)
            assert "".join(piece.chunks()) == "abcdef"[start:stop]
            assert piece.size == len("abcdef"[start:stop])
