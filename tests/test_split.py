"""What trains and what validates."""

from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus.sources import Text
from seqgen.corpus.split import Piece, Survey, split


def surveys(*texts):
    return [Survey.of(Text(str(i), text)) for i, text in enumerate(texts)]


def content(pieces):
    return ["".join(piece.chunks()) for piece in pieces]


@given(text=st.text(min_size=2, max_size=300))
def test_a_single_text_is_cut_where_nano_gpt_cuts_it(text):
    train, valid = split(surveys(text), 0.1)
    cut = int(0.9 * len(text))
    assert content(train) == [text[:cut]]
    assert content(valid) == [text[cut:]]
    assert [piece.is_ended for piece in (*train, *valid)] == [False, True]


def test_many_documents_go_whole_to_one_side_and_duplicates_together():
    texts = [f"document {i % 100}" for i in range(300)]
    train, valid = split(surveys(*texts), 0.1)
    assert sorted(content(train) + content(valid)) == sorted(texts)
    assert not set(content(train)) & set(content(valid))
    assert 0.05 <= len(valid) / 300 <= 0.15
    assert all(piece.is_ended for piece in train)


def test_the_side_depends_on_the_content_alone():
    texts = [f"document {i}" for i in range(200)]
    _, valid = split(surveys(*texts), 0.1)
    _, reversed_valid = split(surveys(*reversed(texts)), 0.1)
    assert set(content(valid)) == set(content(reversed_valid))


def test_few_or_uneven_documents_are_cut_each_at_a_point():
    train, valid = split(surveys("a" * 100, "b" * 50), 0.1)
    assert content(train) == ["a" * 90, "b" * 45]
    assert content(valid) == ["a" * 10, "b" * 5]
    uneven = ["x" * 100_000, *(f"{i}" for i in range(100))]
    train, valid = split(surveys(*uneven), 0.1)
    assert len(content(train)[0]) == 90_000


def test_a_piece_is_cut_at_characters_whatever_the_chunks():
    class Chunked:
        name, newlines_changed = "chunked", False

        def chunks(self):
            yield from ("ab", "", "cde", "f")

    survey = Survey.of(Chunked())
    assert survey.characters == 6
    for start in range(7):
        for stop in (*range(start, 7), None):
            assert "".join(Piece(survey, start, stop).chunks()) == "abcdef"[start:stop]
