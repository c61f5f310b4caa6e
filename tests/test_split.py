"""Splits of documents into training and validation parts."""

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
    """Return the documents and excerpts of the training part and of the validation part."""
    documents = [Passage(str(place), text) for place, text in enumerate(texts)]
    statistics = Statistics(valid_fraction)
    for document in documents:
        statistics.add(document)
    found = choose_split(statistics, whole)
    pieces = [pair for document in documents for pair in found.divide(document)]
    return tuple([piece for name, piece in pieces if name == part] for part in (TRAIN, VALID))


def content(pieces):
    return ["".join(piece.chunks()) for piece in pieces]


@given(text=st.text(min_size=2, max_size=300))
def test_a_single_text_is_cut_at_the_same_place_as_in_nano_gpt(text):
    train, valid = split([text])
    cut = int(0.9 * len(text))
    assert content(train) == [text[:cut]]
    assert content(valid) == [text[cut:]]
    assert [piece.is_complete for piece in (*train, *valid)] == [False, True]


@pytest.mark.parametrize("max_ranked", [100_000, 50])
def test_many_documents_stay_whole_and_duplicates_are_in_the_same_part(monkeypatch, max_ranked):
    monkeypatch.setattr(statistics_module, "MAX_RANKED", max_ranked)
    texts = [f"document {i % 100}" for i in range(300)]
    train, valid = split(texts)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    assert not set(content(train)) & set(content(valid))
    assert 0.05 <= len(valid) / 300 <= 0.15
    assert all(piece.is_complete for piece in train)


@given(texts=st.lists(st.text(min_size=3, max_size=9), min_size=40, max_size=80, unique=True))
def test_whole_documents_approximate_the_requested_share(texts):
    train, valid = split(texts)
    total = sum(map(len, texts))
    assert len(train) + len(valid) == len(texts)
    assert abs(sum(map(len, content(valid))) - 0.1 * total) <= 9 / 2


def test_the_split_does_not_depend_on_the_order_of_the_documents():
    texts = [f"document {i}" for i in range(200)]
    assert set(content(split(texts)[1])) == set(content(split(texts[::-1])[1]))


def test_the_longer_of_two_files_is_cut():
    train, valid = split(["a" * 100, "b" * 50])
    assert content(train) == ["a" * 85, "b" * 50]
    assert content(valid) == ["a" * 15]
    assert [piece.is_complete for piece in (*train, *valid)] == [False, True, True]


def test_only_the_longest_document_is_cut_if_the_others_are_short():
    texts = ["x" * 100_000, *(f"{i}" for i in range(100))]
    train, valid = split(texts)
    assert len(content(train)[0]) == pytest.approx(90_000, rel=1e-3)
    assert sorted(content(train)[1:] + content(valid)[1:]) == sorted(texts[1:])
    assert 5 <= len(valid) - 1 <= 15


def test_a_few_passages_stay_whole_if_one_of_them_is_near_the_share():
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
def test_passages_of_different_lengths_stay_whole_and_approximate_the_share(texts):
    train, valid = split(texts, PASSAGES)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    total = sum(map(len, texts))
    sums = [sum(map(len, some)) for n in range(1, len(texts)) for some in itertools.combinations(texts, n)]
    nearest = min(abs(each - 0.1 * total) for each in sums)
    assert abs(sum(map(len, content(valid))) - 0.1 * total) <= nearest + 0.5 * 0.1 * total


def test_a_line_with_most_of_the_text_is_cut_and_both_parts_have_a_whole_line():
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
def test_both_parts_have_a_complete_document_for_all_lengths(whole, sizes, valid_fraction, rotation):
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
    rotated = texts[rotation % len(texts) :] + texts[: rotation % len(texts)]
    assert [sorted(content(part)) for part in split(rotated, whole, valid_fraction)] == [
        sorted(content(train)),
        sorted(content(valid)),
    ]


@given(texts=st.lists(st.text(min_size=3, max_size=9), min_size=40, max_size=80, unique=True))
def test_the_threshold_is_the_same_as_in_earlier_versions(texts):
    documents = [Passage("", text) for text in texts]
    statistics = Statistics(0.1)
    for document in documents:
        statistics.add(document)
    target, valid_size, nearest = 0.1 * statistics.size, 0, (0.0, 0)
    for document in sorted(documents, key=lambda document: document.hash_fraction):
        if abs(valid_size - target) < abs(nearest[1] - target):
            nearest = document.hash_fraction, valid_size
        valid_size += document.size
    assert choose_split(statistics, FILES).settings == [nearest[0], 0.1]


@pytest.mark.parametrize("max_ranked", [100_000, 50])
def test_very_long_documents_are_cut_or_train_and_the_settings_stay_small(monkeypatch, max_ranked):
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


def test_excerpts_do_not_depend_on_the_chunks():
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
