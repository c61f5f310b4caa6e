"""JSON lines and tables; the writers of the standard library are the oracle."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.corpus.documents import Passage
from seqgen.corpus.reading import Reading, UnfitError
from seqgen.corpus.records import has_records, records


def read(name, text, wanted=None, reading=None):
    return [record.text for record in records(Passage(name, text), wanted, reading or Reading())]


def table(rows, **options):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", **options).writerows(rows)
    return file.getvalue()


def test_plain_text_has_no_records():
    assert records(Passage("a.txt", "{}"), None, Reading()) is None
    assert not has_records(Passage("a.txt", ""))
    assert all(has_records(Passage(name, "")) for name in ("a.csv", "a.JSONL.gz", "a.zip/b.tsv", "x.ndjson"))


any_cell = st.text(st.sampled_from('ab,;"\n\t é'), min_size=1).filter(lambda cell: cell.strip("\n\r"))


@given(cells=st.lists(any_cell, min_size=1), delimiter=st.sampled_from(",;\t|"))
def test_every_cell_of_a_table_comes_back(cells, delimiter):
    text = table([["number", "text", "other"], *([i, cell, "x"] for i, cell in enumerate(cells))], delimiter=delimiter)
    assert read("a.csv", text, "text") == cells


@given(texts=st.lists(st.text(min_size=1).filter(lambda t: "\r" not in t), min_size=1))
def test_every_text_of_json_lines_comes_back(texts):
    assert read("a.jsonl", "".join(json.dumps({"id": 1, "text": t}) + "\n" for t in texts), "text") == texts


def test_bare_strings_are_texts():
    assert read("a.jsonl", '"one"\n"two"\n') == ["one", "two"]


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"name": "Ada", "year": "1815"}, "name"),
        ({"id": "7", "date": "2020-01-01", "text": "some words"}, "text"),
        ({"key": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "title": "A title", "body": "The body"}, "title"),
    ],
)
def test_the_first_field_that_looks_like_text_is_taken_and_said_aloud(columns, chosen):
    for name, text in (
        ("a.csv", table([columns, columns.values(), columns.values()])),
        ("a.jsonl", (json.dumps(columns) + "\n") * 2),
    ):
        reading = Reading()
        assert read(name, text, reading=reading) == [columns[chosen]] * 2
        assert f"the text is taken from the field {chosen!r}" in reading.summary[0]


def test_a_single_column_is_taken_without_a_word():
    reading = Reading()
    assert read("a.csv", "name\nAda\nAlan\n", reading=reading) == ["Ada", "Alan"]
    assert not reading.summary


def test_a_table_whose_first_row_has_a_number_has_no_names():
    text = "Mary,F,7065\nAnna,F,2604\n"
    assert read("a.csv", text) == ["Mary", "Anna"]
    assert read("a.csv", text, "2") == ["F", "F"]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "id,title\n1,A\n"), ("a.jsonl", '{"id": 1, "title": "A"}\n')])
def test_a_field_that_is_not_there_is_refused_with_those_that_are(name, text):
    with pytest.raises(UnfitError, match=f"{name} has no field 'txet'; --field may be 'id', 'title'"):
        read(name, text, "txet")


@pytest.mark.parametrize(("name", "text"), [("a.csv", "1,2\n3,4\n"), ("a.jsonl", '{"n": 1}\n')])
def test_where_nothing_looks_like_text_a_field_is_asked_for(name, text):
    with pytest.raises(UnfitError, match=f"{name} has no field that looks like text; name one with --field: '"):
        read(name, text)


def test_malformed_lines_are_passed_over_with_file_and_line():
    reading = Reading()
    text = '{"text": "one"}\n{"text": \n[1]\n\n' + "[" * 100_000 + '\n{"text": "two"}\n{"text": 5}\n{"text": ""}\n'
    assert read("a.jsonl", text, reading=reading) == ["one", "two"]
    assert reading.skipped == [
        "3 lines without a JSON object",
        "1 record without text in 'text'",
        "1 empty record",
    ]
    assert "skipped line without a JSON object: a.jsonl, line 2" in reading.details


@pytest.mark.parametrize(("name", "text"), [("a.jsonl", "{\n}\n"), ("a.csv", ""), ("a.csv", "name\n")])
def test_a_file_without_any_record_is_refused(name, text):
    with pytest.raises(UnfitError, match=f"{name} holds no record that can be read"):
        read(name, text)


def test_lone_surrogates_of_json_are_replaced():
    assert read("a.jsonl", '"a\\ud800b"\n') == ["a\ufffdb"]


def test_a_list_that_nobody_has_quoted_keeps_its_commas():
    assert read("a.csv", "text\nHello, world, how are you\n") == ["Hello, world, how are you"]


def test_a_row_with_too_many_cells_is_passed_over_and_told():
    reading = Reading()
    assert read("a.csv", "id,text\n1,one\n2,two, or so\n3,three\n", reading=reading) == ["one", "three"]
    assert reading.skipped == ["1 row with too many cells"]


def test_what_excel_puts_in_front_and_blank_lines_there_are_no_header():
    assert read("a.csv", "\n\nsep=;\nid;text\n1;one, two\n") == ["one, two"]


def test_a_stray_quote_in_a_table_of_tabs_is_a_character():
    assert read("a.tsv", 'id\ttext\n1\t"Hello he said\n2\tnext\n') == ['"Hello he said', "next"]


def test_a_field_named_text_comes_before_others():
    assert read("a.jsonl", '{"label": "positive", "text": "A long review"}\n') == ["A long review"]
