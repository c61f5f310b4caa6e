"""Tables and JSON records; the writers of the standard library are the oracle."""

import csv
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus import documents, tables
from seqgen.corpus.dialect import Dialect, read_rows, rows_of
from seqgen.corpus.json_records import JsonRecords
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.record_file import RecordFile, with_records
from seqgen.corpus.source_file import RawFile
from seqgen.corpus.text_file import TextFile
from seqgen.errors import CorpusError

WORDS = ["the", "cat", "dog", "bird", "sat", "ran", "sang", "on", "under", "near", "old", "red", "small", "big", "mat"]


def sentence(seed, length=9):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


TEXTS = [sentence(seed) for seed in range(60)]


class Chunks(TextFile):
    """A text in given chunks, which may be infinite."""

    size = 1

    def __init__(self, name, chunks):
        super().__init__(RawFile(name, io.BytesIO))
        self._chunks = chunks

    def chunks(self):
        return iter(self._chunks)


def open_records(name, text, log=None, **options):
    return with_records(Chunks(name, [text]), CorpusConfig(**options), log or ReadingLog())


def read(name, text, log=None, **options):
    log = log or ReadingLog()
    return [record.text for record in open_records(name, text, log, **options).documents("file", log)]


def summary_of(name, text, **options):
    log = ReadingLog()
    open_records(name, text, log, **options)
    return log.summary


def table(rows, **options):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", **options).writerows(rows)
    return file.getvalue()


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.mark.parametrize("name", ["a.txt", "a.py", "a.json5", "standard input"])
def test_plain_text_has_no_records(name):
    for text in ("{}", "[1] A footnote\n", '"Hello," she summary_of.\n', "id,text\n1,some words\n"):
        assert not isinstance(open_records(name, text), RecordFile)


@pytest.mark.parametrize("name", ["a.csv", "a.JSONL.gz", "a.zip/b.tsv", "x.ndjson", "x.Json"])
def test_files_of_records_are_recognized_by_their_suffix(name):
    text = lines({"text": "one"}, {"text": "two"}) if "j" in name.lower() else "text\none\ntwo\n"
    assert read(name, text) == ["one", "two"]


any_cell = st.text(st.sampled_from('ab,;"\n\t é\\'), min_size=1).filter(lambda cell: cell.strip("\n\r"))
quotings = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


@given(cells=st.lists(any_cell, min_size=1), delimiter=st.sampled_from(",;\t|"), quoting=quotings)
def test_tables_round_trip(cells, delimiter, quoting):
    rows = [["number", "text", "other"], *([i, cell, "x"] for i, cell in enumerate(cells))]
    assert read("a.csv", table(rows, delimiter=delimiter, quoting=quoting), field="text") == cells


@given(
    texts=st.lists(st.text(min_size=1).filter(lambda t: "\r" not in t), min_size=2), indent=st.sampled_from([None, 2])
)
def test_json_records_round_trip(texts, indent):
    objects = [{"id": 1, "more": {"text": text}} for text in texts]
    written = [lines(*objects), json.dumps(objects, indent=indent), "\n".join(json.dumps(o, indent=2) for o in objects)]
    for text in written:
        for name in ("a.json", "a.jsonl"):
            assert read(name, text, field="more.text") == [json.loads(json.dumps(t)) for t in texts]


@pytest.mark.parametrize("text", ['"one"\n"two"\n', '["one","two"]', '[\n  "one",\n  "two"\n]\n', '["one",\n\n"two",]'])
def test_json_strings_are_texts(text):
    assert read("a.jsonl", text) == read("a.json", text) == ["one", "two"]


@pytest.mark.parametrize(
    "columns",
    [
        {"title": "A title", "body": "The long body"},
        {"lang": "en", "review": "some words"},
        {"id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "url": "https://example.org/one/long/link", "text": "words"},
        {"date": "Mon Apr 06 22:19:45 PDT 2009", "tweet": "we all are here again"},
        {"text": "all of it", "price": "12,345.00"},
    ],
)
def test_the_default_field_is_the_one_with_the_most_text(columns):
    longest = max(columns, key=lambda name: (columns[name].replace(" ", "").isalpha(), len(columns[name])))
    rows = [columns, *[list(columns.values())] * 3]
    assert read("a.csv", table(rows)) == [columns[longest]] * 3
    assert read("a.jsonl", lines(columns, columns)) == [columns[longest]] * 2


def test_repeated_texts_are_counted_once_when_the_field_is_chosen():
    rows = [["a constant text that is long", f"{word} {word}"] for word in WORDS]
    assert read("a.csv", table([["notice", "words"], *rows])) == [words for _, words in rows]


NO_HEADER = {
    "sentences": "FIRST zebra quartz\n" + "\n".join(TEXTS),
    "sentences in quotes": table([[text] for text in TEXTS], quoting=csv.QUOTE_ALL),
    "sentences after blank lines": "\n \n" + "\n".join(TEXTS),
    "sentences with commas": "I ate pie, ice cream, and cookies\n"
    + "\n".join(", ".join(sentence(seed + i, 3) for i in range(1 + seed % 4)) for seed in range(60)),
    "names": "emma\nolivia\nava\nisabella\nsophia\n",
    "common words": "time\nperson\nyear\nway\nday\nthing\n",
    "a single sentence": "Hello, who are you?\n",
    "sentences and numbers": table([[text, place] for place, text in enumerate(TEXTS)]),
    "a chat": "Hello!\n" + "\n".join(TEXTS),
    "categories": table([[("good", "bad")[i % 2], text] for i, text in enumerate(TEXTS)]),
    "tweets": table(
        [
            ["0", 1467810369 + i, f"Mon Apr 06 22:19:{i} PDT 2009", "NO_QUERY", "me", text]
            for i, text in enumerate(TEXTS)
        ],
        quoting=csv.QUOTE_ALL,
    ),
    "pairs": table([[sentence(i, 4), sentence(i + 99, 4)] for i in range(20)], delimiter="\t"),
}


@pytest.mark.parametrize("text", NO_HEADER.values(), ids=NO_HEADER)
def test_all_rows_of_a_table_without_a_header_are_read(text):
    assert len(read("a.csv", text)) == len([line for line in text.splitlines() if line.strip()])
    assert "a.csv: no header" in summary_of("a.csv", text)[0]


HEADERS = {
    "a number": ("comment,2020,2021", "{text},{number},7"),
    "no number": ("review,NaN,Infinity", "{text},{number},0.5"),
    "an empty name": (",text,label", "{number},{text},good"),
    "commas in quotes": ('id;"title, long, name, here";text', "{number};T{number};{text}"),
    "one column": ("poem", "{text}"),
    "names": ("Name", "{word}"),
    "a category": ("lang,sentiment,zzz", "en,positive,{text}"),
    "all in quotes": ('"id","Review text"', '"{number}","{text}, and more"'),
    "upper case": ("ID|TWEET", "{number}|{text}"),
    "unknown names": ("foo_bar,bazQux", "{number},{text}"),
    "languages": ("english\tgerman", "{text}\t{text}"),
}


@pytest.mark.parametrize(("header", "row"), HEADERS.values(), ids=HEADERS)
def test_a_header_is_not_a_record(header, row):
    rows = [row.format(text=text, number=i, word=text.split()[0]) for i, text in enumerate(TEXTS)]
    found = read("a.csv", "\n".join([header, *rows]))
    assert len(found) == 60
    assert all(text.replace(", and more", "") in (TEXTS[i], TEXTS[i].split()[0]) for i, text in enumerate(found))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "names.csv",
            "lang,sentiment,review\n" + "".join(f"en,good,{text}\n" for text in TEXTS),
            "header, columns lang, sentiment, review, comma-separated; text from review",
        ),
        ("a.csv", NO_HEADER["pairs"], "no header, 2 columns, tab-separated; text from column"),
        ("a.csv", "text\n" + "\n".join(TEXTS), "header, column text; text from text"),
        ("a.tsv", 'id\ttext\n1\t"Hi" he summary_of\n', "tab-separated, quotes as ordinary characters; text from text"),
        (
            "a.json",
            json.dumps([{"id": 1, "data": {"text": "a b"}}]),
            "JSON array, fields id, data.text; text from data.text",
        ),
        ("a.csv", 'id,"a, b","\x1b[31m"\n1,some words,2\n', "header, columns id, 'a, b', '\\x1b[31m', comma-separated"),
    ],
)
def test_the_format_of_a_file_is_reported_in_one_line(name, text, sentence):
    (line,) = summary_of(name, text)
    assert line.startswith(f"{name}: ")
    assert sentence in line


def test_header_and_delimiter_can_be_specified():
    assert read("a.csv", "name\nAda\n", header="no") == ["name", "Ada"]
    assert read("a.csv", "Ada\nAlan\n", header="yes") == ["Alan"]
    assert read("a.csv", "Doe, John\nRoe, Jane\n", delimiter="none") == ["Doe, John", "Roe, Jane"]
    for delimiter in (";", "semicolon"):
        assert read("a.csv", "1;a b, c\n2;d e, f\n", delimiter=delimiter) == ["a b, c", "d e, f"]
    assert read("standard input", "1~some words\n2~more words\n", delimiter="~") == ["some words", "more words"]


def test_columns_can_be_selected_by_number():
    text = "Mary,F,7065\nAnna,F,2604\n"
    assert read("a.csv", text) == ["Mary", "Anna"]
    assert read("a.csv", text, field="2") == ["F", "F"]
    assert read("a.csv", "comment,2,3\nsome words,x,y\nmore words,v,w\n", field="2") == ["x", "v"]
    assert read("a.csv", "id,text\n1,one\n", field="2") == ["one"]
    assert read("a.tsv", "cat\tKatze\ndog\tHund\n", field="2") == ["Katze", "Hund"]
    with pytest.raises(UnusableFileError, match="a.csv has no column '4'; --field may be 1, 2, 3"):
        read("a.csv", text, field="4")


def test_repeated_column_names_are_numbered():
    text = "text,text,id\na b,long words,1\nc d,more words,2\n"
    assert read("a.csv", text) == read("a.csv", text, field="text (column 2)") == ["long words", "more words"]
    assert read("a.csv", text, field="text") == ["a b", "c d"]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "id,title\n1,A\n"), ("a.jsonl", '{"id": 1, "title": "A"}\n')])
def test_an_unknown_field_is_an_error_that_lists_the_fields(name, text):
    with pytest.raises(UnusableFileError, match=f"{name} has no (column|field) 'txet'; --field may be id, title"):
        read(name, text, field="txet")


def test_a_field_that_few_records_have_can_be_selected():
    text = lines(*[{"a": "words"}] * 500, {"a": "words", "b": "rare"})
    assert read("a.jsonl", text, field="b") == ["rare"]


@pytest.mark.parametrize(("name", "text"), [("a.csv", "1,2\n3,4\n"), ("a.jsonl", '{"n": 1}\n')])
def test_a_file_without_a_field_of_text_is_an_error_that_suggests_the_option(name, text):
    expected = f"{name} has no (column|field) that looks like text; name one with --field: "
    with pytest.raises(UnusableFileError, match=expected):
        read(name, text)


def test_nested_fields_can_be_selected():
    record = {"id": 1, "data": {"text": "inner"}, "turns": [{"text": "first"}, {"text": "second"}], "a.b": "literal"}
    for field, text in (("data.text", "inner"), ("turns.2.text", "second"), ("a.b", "literal")):
        assert read("a.jsonl", lines(record), field=field) == [text]


def test_malformed_records_are_counted_and_the_first_is_reported_with_its_reason():
    log = ReadingLog()
    text = '{"text": "one"}\n{"text": \n7\n\n' + "[" * 100_000 + '\n{"text": "two"}\n{"text": 5}\n{}\n{"text": ""}\n'
    assert read("a.jsonl", text, log) == ["one", "two"]
    assert log.skipped == [
        "4 malformed records, the first is a.jsonl, row 2 (line 2): it is not JSON (Expecting value)",
        "1 record without text in 'text', the first is a.jsonl, row 6 (line 7): it is a number",
        "1 empty record",
    ]
    assert "skipped malformed record: a.jsonl, row 3 (line 3): it is not a JSON object" in log.details


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "it is null"), (True, "it is true or false"), (["a"], "it is an array"), ({"b": "c"}, "it is an object")],
)
def test_values_that_are_not_text_are_reported(value, reason):
    log = ReadingLog()
    assert read("a.jsonl", lines({"text": "some words"}, {"text": value}, {"x": 1}), log, field="text") == [
        "some words"
    ]
    assert log.skipped == [f"2 records without text in 'text', the first is a.jsonl, row 2 (line 2): {reason}"]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.jsonl", "{\n[]\n", r"row 1 \(line 1\): it is not JSON \(Expecting property name"),
        ("a.jsonl", "hello\nworld\n", r"row 1 \(line 1\): it is not JSON"),
        ("a.jsonl", "{\n}\n", r"row 1 \(line 1\): it is empty"),
        ("a.csv", "", "it is empty"),
        ("a.csv", "\n\n", "it is empty"),
        ("a.csv", "id,text\n", "it has no row below its header"),
        ("a.csv", 'id,text\n1,"a b\n', r"row 1 \(line 2\): a quote in it is not closed"),
    ],
)
def test_a_file_without_records_is_an_error_with_the_reason(name, text, reason):
    with pytest.raises(UnusableFileError, match=f"{name} holds no record that can be read: {reason}"):
        read(name, text)


def test_lone_surrogates_of_json_are_replaced():
    assert read("a.jsonl", '"a\\ud800b"\n') == ["a\ufffdb"]


def test_unquoted_commas_in_a_single_column_are_text():
    assert read("a.csv", "text\nHello, world, how are you\n") == ["Hello, world, how are you"]


@pytest.mark.parametrize("delimiter", ",;\t|")
@pytest.mark.parametrize("quoted", ["none", "some", "all"])
@pytest.mark.parametrize("place", [0, 3, 59])
def test_an_unclosed_quote_affects_only_its_own_row(delimiter, quoted, place):
    def cell(i):
        text = f'"{sentence(i, 4)}{delimiter} {sentence(i + 9, 3)}"'
        return text if quoted == "all" or (quoted == "some" and i % 3 == 0) else TEXTS[i]

    cells = [cell(i) for i in range(60)]
    cells[place] = '"' + TEXTS[place]
    text = f"id{delimiter}text\n" + "".join(f"{i}{delimiter}{each}\n" for i, each in enumerate(cells))
    log = ReadingLog()
    found = read("a.csv", text, log)
    if delimiter == "\t" and quoted == "none":  # an ordinary character there
        assert found == cells
        return
    assert found == [each.strip('"') for i, each in enumerate(cells) if i != place]
    (skipped,) = log.skipped
    assert f"1 malformed record, the first is a.csv, row {place + 1} (line {place + 2}): a quote in it is" in skipped


def test_a_row_with_too_many_cells_is_skipped_and_reported():
    log = ReadingLog()
    assert read("a.csv", "id,text\n1,one\n2,two, or so\n3,three,\n", log) == ["one", "three"]
    assert log.skipped == ["1 malformed record, the first is a.csv, row 2 (line 3): it has 3 cells for 2 columns"]


def test_a_row_with_too_few_cells_is_skipped_and_reported():
    log = ReadingLog()
    assert read("a.csv", "id,text\n1,one\n2\n3,three\n,\n", log) == ["one", "three"]
    assert log.skipped == [
        "1 record without text in 'text', the first is a.csv, row 2 (line 3): it has no 'text'",
        "1 empty record",
    ]


def test_blank_lines_and_the_delimiter_line_of_excel_before_the_header_are_ignored():
    assert read("a.csv", "\n\nsep=;\nid;text\n1;one, two\n") == ["one, two"]


def test_quotes_in_tab_separated_tables_are_read_as_written():
    texts = [f'She summary_of "{sentence(i, 3)}",\nand {sentence(i + 99)}.' for i in range(40)]
    assert read("a.tsv", table([["id", "text"], *enumerate(texts)], delimiter="\t")) == texts
    assert read("a.tsv", table([["id", "text"], *enumerate(TEXTS)], delimiter="\t", quoting=csv.QUOTE_ALL)) == TEXTS
    for mark in ('"{}', '{}"', '"{}"', '"{}" he summary_of', 'he "{}"'):
        texts = [mark.format(text) if i % 5 == 0 else text for i, text in enumerate(TEXTS)]
        assert read("a.tsv", "id\ttext\n" + "".join(f"{i}\t{text}\n" for i, text in enumerate(texts))) == texts


def test_escaped_quotes_spaces_before_quotes_and_unquoted_cells_are_recognized():
    quoted = [f'he summary_of "{sentence(i, 3)}", and went' for i in range(40)]
    escaped = "".join('{},"{}"\n'.format(i, text.replace('"', '\\"')) for i, text in enumerate(quoted))
    spaced = "".join(f'{i}, "{sentence(i, 3)}, then"\n' for i in range(40))
    beginning = [f'"{sentence(i, 2)}" is what he summary_of' if i % 4 == 0 else TEXTS[i] for i in range(40)]
    assert read("a.csv", "id,text\n" + escaped) == quoted
    assert read("a.csv", "id, text\n" + spaced) == [f"{sentence(i, 3)}, then" for i in range(40)]
    assert read("a.csv", "text\n" + "\n".join(beginning)) == beginning


def test_valid_rows_are_read_if_half_of_the_rows_are_malformed():
    text = "id,text\n" + "".join(f"{i},{text}{', or so' * (i % 2)}\n" for i, text in enumerate(TEXTS))
    assert read("a.csv", text) == TEXTS[::2]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_records_do_not_depend_on_the_chunks_of_the_file(size):
    files = {
        "a.csv": table([["id", "text"], *([i, f'"{text}",\nor so'] for i, text in enumerate(TEXTS))]),
        "a.json": json.dumps([{"id": 1.5e3, "text": text} for text in TEXTS], indent=2),
        "a.jsonl": "[" + ", ".join(json.dumps([i, text]) for i, text in enumerate(TEXTS)) + "]",
    }
    for name, text in files.items():
        document = Chunks(name, [text[i : i + size] for i in range(0, len(text), size)])
        found = with_records(document, CorpusConfig(), ReadingLog()).documents("file", ReadingLog())
        assert [(record.text, record.row) for record in found] == [
            (record.text, record.row) for record in open_records(name, text).documents("file", ReadingLog())
        ]
        assert len(list(open_records(name, text).documents("file", ReadingLog()))) == 60


def test_the_dialect_is_detected_from_the_beginning_of_a_long_table(monkeypatch):
    """Rows longer than the sample, and an unclosed quote before a long text."""
    monkeypatch.setattr(tables, "_SAMPLED", 2000)
    books = [["A", "some words\n" * 400], ["B", "more text\n" * 300]]
    assert read("a.csv", table([["title", "text"], *books])) == [text for _, text in books]
    texts = [sentence(i) for i in range(200)]
    assert read("a.csv", 'id,text\n1,"hello\n' + "".join(f"{i},{text}\n" for i, text in enumerate(texts))) == texts


def test_the_complete_records_of_a_truncated_array_are_read():
    log = ReadingLog()
    text = json.dumps([{"text": text} for text in TEXTS], indent=1)
    assert read("a.json", text[: text.index(TEXTS[9]) + 4], log) == TEXTS[:9]
    assert (
        "row 10 (line 29): it is not JSON (Unterminated string starting at); nothing after it can be read"
        in log.skipped[0]
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{\n  "name": "seqgen",\n  "version": "one"\n}\n', "a single JSON value (--field takes a text from it)"),
        ('{"name": "seqgen"}', "a single JSON value (--field takes a text from it)"),
        ("[1, 2, 3]", r"no JSON records (row 1 (line 1): it is not a JSON object)"),
        (
            '[{"a" 1}]',
            "no JSON records (row 1 (line 1): it is not JSON (Expecting ':' delimiter); nothing after it can be read)",
        ),
        ('{\n // comment\n "a": "b"\n}\n', "no JSON records (row 1 (line 1): it is not JSON (Expecting property name"),
        ('[{"a": 1}, {"a": 2}]', "JSON without text"),
    ],
)
def test_json_without_records_is_read_as_text_and_reported(text, reason):
    log = ReadingLog()
    assert not isinstance(open_records("a.json", text, log), RecordFile)
    assert log.summary[0].startswith(f"a.json: {reason}")
    assert log.summary[0].endswith(", read as plain text")


def test_a_line_too_long_for_a_record_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(documents, "MAX_CHARACTERS", 1000)
    for name in ("a.csv", "a.jsonl"):
        with pytest.raises(
            CorpusError, match="has a line of more than 1,000 characters: if it does not hold records, give it the"
        ):
            read(name, "x" * 2000)


def test_a_field_of_a_single_json_object_can_be_selected():
    assert read("a.json", '{\n  "title": "one",\n  "body": "two"\n}\n', field="body") == ["two"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (lines({"text": "one"}, {"text": "two"}), {}),
        (json.dumps([{"text": "one"}, {"text": "two"}], indent=2), {}),
        (lines({"text": "one"}, {"text": "two"}), {"field": "text"}),
        ("id,text\n1,one\n2,two\n", {"field": "text"}),
        ("one\ntwo\n", {"header": "no"}),
        ("1\tone\n2\ttwo\n", {"delimiter": "tab"}),
    ],
)
def test_records_are_read_from_standard_input(text, options):
    assert read("standard input", text, **options) == ["one", "two"]


def test_records_have_row_numbers():
    text = "id,text\n1,a b\n\n2,\n3,c d\n"
    assert [(record.text, record.row) for record in open_records("a.csv", text).documents("file", ReadingLog())] == [
        ("a b", 1),
        ("c d", 3),
    ]


@given(
    st.lists(st.sampled_from(["a", "b c", ",", '"', '""', "\n", "\n", "\\", "\u00e9", '"x\ny",'])),
    st.integers(1, 9),
    st.booleans(),
    st.booleans(),
)
def test_rows_are_the_same_however_the_table_is_divided(parts, size, has_quotes, has_escapes):
    text = "".join(parts)
    dialect = Dialect(",", has_quotes=has_quotes, has_escapes=has_escapes)
    expected = [(row.line, row.cells, row.fault) for row in rows_of(text.removesuffix("\n").split("\n"), dialect)]
    chunks = Chunks("a.csv", [text[start : start + size] for start in range(0, len(text), size)])
    assert list(read_rows(documents.whole_lines(chunks), dialect)) == expected


def test_texts_are_those_of_the_rows():
    text = lines({"a": "x", "b": {"c": "y"}}, {"a": ""}, {"a": 1}, "z", ["v"], {}) + ' {"a":"s"} \nbad\n\n{"a":"t"}\n'
    records = JsonRecords.of(Chunks("a.jsonl", [text]))
    rows = list(records.rows())
    for name in ("a", "b.c", "text"):
        assert list(records.texts(name)) == [
            (row.number, row.values[name]) if name == "a" and row.values.get(name) in ("x", "t") else row
            for row in rows
        ]


def test_texts_of_a_table_are_those_of_the_rows():
    text = 'id,text\n1,a b\n2,\n3\n4,c,\n5,d,e\n"6,f"\n7,g\n8,"h'
    table = open_records("a.csv", text)._source
    expected = [
        (row.number, row.values["text"]) if row.values.get("text") in ("a b", "g") else row for row in table.rows()
    ]
    assert len(expected) == 8
    assert list(table.texts("text")) == expected
