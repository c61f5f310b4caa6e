"""Documents: whole texts, lines and paragraphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus import documents
from seqgen.corpus.documents import Document, Passage
from seqgen.corpus.passages import cut, singly
from seqgen.corpus.reading import ReadingLog
from seqgen.errors import CorpusError


class Chunked(Passage):
    """A text in chunks of a few characters."""

    def __init__(self, text, length):
        super().__init__("a.txt", text)
        self._length = length

    def chunks(self):
        yield from (self.text[start : start + self._length] for start in range(0, len(self.text), self._length))


def passages(text, unit, size=1000, log=None):
    return [(d.text, d.ending) for d in singly(cut(Chunked(text, size), unit, log or ReadingLog()))]


def test_a_whole_text_is_a_single_document():
    document = Passage("a.txt", "a\n\nb\n")
    assert list(cut(document, "file", ReadingLog())) == [document]


def test_lines_are_stripped_at_their_ends_and_empty_ones_are_skipped():
    log = ReadingLog()
    assert passages("Ada \n\n  Alan\t\n \nGrace", "line", log=log) == [
        ("Ada", "\n"),
        ("  Alan", "\n"),
        ("Grace", ""),
    ]
    assert log.skipped == ["2 empty lines"]


def test_paragraphs_end_at_blank_lines():
    text = "\n\none\ntwo\n\nthree \n \t\n\n\nfour\n"
    assert passages(text, "paragraph") == [("one\ntwo", "\n\n"), ("three ", "\n\n"), ("four", "\n")]


@given(text=st.text(st.sampled_from("ab \n\t"), max_size=80), size=st.integers(1, 9))
@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_documents_do_not_depend_on_the_chunks(unit, text, size):
    assert passages(text, unit, size) == passages(text, unit)


@given(lines=st.lists(st.text(st.sampled_from("ab é"), min_size=1).filter(str.strip)))
def test_all_lines_are_read(lines):
    found = passages("".join(f"{line}\n" for line in lines), "line")
    assert [text for text, _ in found] == [line.rstrip() for line in lines]


@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_a_line_or_paragraph_that_is_too_long_is_an_error(monkeypatch, unit):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 10)
    with pytest.raises(CorpusError, match=f"a.txt has a {unit} of more than 10 characters: seqgen train"):
        passages("x" * 8 + "yz\n" * 2 + "x" * 9 + "\n" + "z" * 11, unit, size=4)


def test_the_hash_fraction_depends_only_on_the_content_and_is_uniform():
    fractions = [Passage(f"{i}", f"text {i}").hash_fraction for i in range(1000)]
    assert Passage("other name", "text 7").hash_fraction == fractions[7]
    assert 0 <= min(fractions) < 0.01
    assert 0.99 < max(fractions) < 1
    assert 400 < sum(fraction < 0.5 for fraction in fractions) < 600


def test_lines_are_documents():
    assert all(isinstance(d, Document) for d in singly(cut(Passage("", "a\nb"), "line", ReadingLog())))
