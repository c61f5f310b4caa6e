"""Files that hold pairs: tables, JSON, parallel files, and files beside each other."""

import io
import json
import os
import re
import sys
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus.pairs import with_given_of
from seqgen.corpus.split import VALID
from seqgen.errors import CorpusError, UsageError
from tests.pairs import ODD, ROWS, pairs, read, split_corpus, write_table

# Tables and JSON


@pytest.mark.parametrize("options", [{"given": "1"}, {"given": "1", "field": "2"}])
def test_a_table_without_a_header_gives_pairs_by_column_number(tmp_path, options):
    path = write_table(tmp_path / "train.tsv", ROWS)
    corpus = read(path, **options)
    assert pairs(corpus) == ROWS
    assert corpus.log.summary == [
        f"{path}: no header, 2 columns, tab-separated; text from column 2, given column 1",
        f"read 1 text, 60 pairs, {sum(len(text) for _, text in ROWS)} characters",
    ]
    assert [document.row for document in corpus] == list(range(1, 61))


def test_a_table_with_a_header_gives_pairs_by_column_name_or_number(tmp_path):
    rows = [(i, given, text) for i, (given, text) in enumerate(ROWS)]
    path = write_table(tmp_path / "train.csv", [("id", "source", "target"), *rows], ",")
    assert pairs(read(path, given="source", field="target")) == ROWS
    assert pairs(read(path, given="target")) == [(text, given) for given, text in ROWS]
    assert pairs(read(path, given="2", field="3")) == ROWS
    note = "header, columns id, source, target, comma-separated; text from target, given source"
    assert read(path, given="source", field="target").log.summary[0] == f"{path}: {note}"


def test_the_name_of_the_given_shows_that_there_is_a_header(tmp_path):
    rows = [(given, given[::-1]) for given, _ in ROWS]
    path = write_table(tmp_path / "train.tsv", [("xq", "zw"), *rows])
    assert pairs(read(path, given="xq")) == rows
    assert pairs(read(path, given="1", field="2")) == [("xq", "zw"), *rows]


def test_json_lines_give_pairs_also_of_nested_fields(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"in": {"text": a}, "out": b}) + "\n" for a, b in ROWS))
    corpus = read(path, given="in.text")
    assert pairs(corpus) == ROWS
    assert corpus.log.summary[0] == f"{path}: JSON lines, fields in.text, out; text from out, given in.text"


@pytest.mark.parametrize("kind", ["table", "json"])
def test_standard_input_holds_a_table_or_json_if_something_is_given(monkeypatch, kind):
    lines = ["\t".join(row) for row in ROWS]
    if kind == "json":
        lines = [json.dumps({"1": a, "2": b}) for a, b in ROWS]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    corpus = read("-", given="1")
    for _ in range(2):
        assert pairs(corpus) == ROWS


def test_characters_that_are_not_line_feeds_stay_in_a_cell(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text(f"{ODD}\tx{ODD}\nb\tc\n", encoding="utf-8", newline="")
    assert pairs(read(path, given="1", field="2")) == [(ODD, "x" + ODD), ("b", "c")]


def test_pairs_with_an_empty_side_are_skipped_and_counted(tmp_path):
    rows = [("a", "b"), ("", "c"), ("d", " "), ("e", "f")]
    corpus = read(write_table(tmp_path / "train.tsv", rows), given="1", field="2")
    assert pairs(corpus) == [("a", "b"), ("e", "f")]
    assert corpus.log.skipped == ["2 pairs with an empty side"]
    assert f"skipped pair with an empty side: {tmp_path / 'train.tsv'}, row 2 (line 2)" in corpus.log.details


def test_records_without_the_given_field_are_skipped(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"a": "x", "b": "y"}\n{"b": "z"}\n{"a": 3, "b": "z"}\n')
    corpus = read(path, given="a", field="b")
    assert pairs(corpus) == [("x", "y")]
    assert corpus.log.skipped == [
        f"2 records without text in 'a', the first is {path}, row 2 (line 2): it has no 'a'",
    ]


# Parallel files


@given(
    lines=st.lists(
        st.tuples(*2 * (st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), min_size=1),)),
        min_size=2,
    ),
    end=st.sampled_from(["\n", "\r\n"]),
    is_ended=st.booleans(),
)
def test_parallel_files_are_divided_at_line_feeds_only(tmp_path_factory, lines, end, is_ended):
    folder = tmp_path_factory.mktemp("parallel")
    lines = [("first", "first"), *lines, (ODD, ODD), ("a\rb", "\rc")]
    for place, name in enumerate(("train.en", "train.de")):
        content = end.join(line[place] for line in lines) + end * is_ended
        (folder / name).write_text(content, encoding="utf-8", newline="")
    plain = []
    for name in ("train.en", "train.de"):
        with (folder / name).open(encoding="utf-8", newline="\n") as file:
            plain.append([line.removesuffix("\n").removesuffix("\r").replace("\r", "\n") for line in file])
    expected = [pair for pair in zip(*plain, strict=True) if all(map(str.strip, pair))]
    assert pairs(read(folder / "train.de", given=str(folder / "train.en"))) == expected


def test_parallel_files_may_be_compressed_and_in_other_encodings(tmp_path):
    (tmp_path / "train.en").write_bytes("cafés\r\nn\ro\r\n".encode("cp1252"))
    (tmp_path / "train.de").write_bytes("größer\nnein".encode("cp1252"))
    corpus = read(tmp_path / "train.de", given=str(tmp_path / "train.en"), encoding="cp1252")
    assert pairs(corpus) == [("cafés", "größer"), ("n\no", "nein")]
    assert (
        corpus.log.summary[0]
        == f"{tmp_path / 'train.de'}: text from its lines, given the lines of {tmp_path / 'train.en'}"
    )


def test_parallel_files_with_different_numbers_of_lines_are_refused(tmp_path):
    (tmp_path / "train.en").write_text("a\nb\nc\n")
    (tmp_path / "train.de").write_text("a\nb\u2028\n")
    with pytest.raises(
        CorpusError, match=r"train\.de has 2 lines and .*train\.en 3 lines: parallel files have the same"
    ):
        read(tmp_path / "train.de", given=str(tmp_path / "train.en"))


# Folders of pairs


def test_a_suffix_pairs_the_files_of_a_folder(tmp_path):
    for name in ("a", "sub/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.src").write_text(f"source\n{name}\n\n")
        (tmp_path / f"{name}.txt").write_text(f"text\n{name}\n")
    (tmp_path / "alone.txt").write_text("alone")
    corpus = read(tmp_path, given=".src")
    assert pairs(corpus) == [(f"source\n{name}", f"text\n{name}") for name in ("a", "sub/b")]
    assert corpus.log.skipped == ["1 file without one with the suffix .src beside it"]
    assert f"{tmp_path}: text from files, given those with the suffix .src beside them" in corpus.log.summary
    assert pairs(read(tmp_path / "a.txt", given=".src")) == [("source\na", "text\na")]
    with pytest.raises(CorpusError, match=r"holds no file with one beside it that has the suffix \.png \(--given\)"):
        read(tmp_path, given=".png")


def test_a_file_of_a_pair_has_a_maximum_length(tmp_path, monkeypatch):
    monkeypatch.setattr("seqgen.corpus.pairs.MAX_CHARACTERS", 10)
    (tmp_path / "a.txt").write_text("0123456789")
    (tmp_path / "a.src").write_text("0123456789")
    assert pairs(read(tmp_path, given=".src")) == [("0123456789", "0123456789")]
    for name in ("a.txt", "a.src"):
        (tmp_path / name).write_text("0123456789a")
        with pytest.raises(CorpusError, match=f"{name} has more than 10 characters: pairs are held in memory, so div"):
            read(tmp_path, given=".src")
        (tmp_path / name).write_text("0123456789")


@pytest.mark.parametrize("members", [(), ("a.src", "b.src")])
@pytest.mark.parametrize("corpus", [".", "a.txt"])
def test_an_archive_beside_a_text_holds_a_single_file(tmp_path, monkeypatch, members, corpus):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in members:
            archive.writestr(name, "source")
    message = f"a.zip holds {len(members)} files, but a.txt is given a single one with the suffix .zip (--given)"
    with pytest.raises(CorpusError, match=re.escape(message)):
        read(corpus, given=".zip")


# What cannot be read


@pytest.mark.parametrize(
    ("corpus", "options", "message"),
    [
        ("t.csv", {"given": "sorce"}, "t.csv has no column 'sorce', and there is no file of this name: --given is a "
         "suffix such as .src, a file, or one of the columns source, target"),
        ("t.jsonl", {"given": "sorce"}, "t.jsonl has no field 'sorce', and there is no file of this name: --given is a "
         "suffix such as .src, a file, or one of the fields source, target"),
        ("t.csv", {"given": "source", "field": "1"}, "--field and --given both name the column source of t.csv: name "
         "two columns"),
        ("one.csv", {"given": "text"}, "one.csv has no other column that looks like text; name one with --field: text"),
        ("a.txt", {"given": "source"}, "a.txt is not a table (.csv, .tsv) or JSON (.json, .jsonl) with a column "
         "'source', and there is no file of this name: --given is a suffix such as .src, a file, or a column"),
        ("a.txt", {"given": "a.txt"}, "--given a.txt is the file of --corpus: name the file with what its lines are "
         "given"),
        ("*.txt", {"given": "t.csv"}, "--given t.csv is a file with a line for each line of a single file of --corpus, "
         "got *.txt"),
        ("a.txt", {"given": "nul.txt"}, "nul.txt is not utf-8 text but a binary file (NUL at line 1, byte offset 1)"),
    ],
)  # fmt: skip
def test_a_given_that_cannot_be_read_is_refused(tmp_path, monkeypatch, corpus, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in ROWS))
    (tmp_path / "t.jsonl").write_text('{"source": "a b", "target": "c d"}\n' * 3)
    (tmp_path / "one.csv").write_text("text\na longer text\nanother text\n")
    (tmp_path / "a.txt").write_text("a line\n")
    (tmp_path / "b.txt").write_text("a line\n")
    (tmp_path / "nul.txt").write_bytes(b"a\0b\n")
    with pytest.raises(CorpusError) as raised:
        read(corpus, **options)
    assert str(raised.value) == message


def test_a_validation_file_is_given_the_file_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("train", "valid"):
        (tmp_path / f"{name}.en").write_text("".join(f"{name} {a}\n" for a, _ in ROWS))
        (tmp_path / f"{name}.de").write_text("".join(f"{name} {b}\n" for _, b in ROWS))
    (tmp_path / "other.de").write_text("a\n")
    corpus = split_corpus("train.de", given="train.en", valid="valid.de")
    valid = [(d.given.text, d.text) for part, d in corpus.documents() if part == VALID]
    assert valid == [(f"valid {a}", f"valid {b}") for a, b in ROWS]
    assert "valid.de: text from its lines, given the lines of valid.en" in corpus.summary
    with pytest.raises(CorpusError) as raised:
        split_corpus("train.de", given="train.en", valid="other.de")
    assert str(raised.value) == (
        "train.de is given train.en, but other.de has no file other.en: name the files alike; to evaluate, --given "
        "names any other file or column"
    )
    with pytest.raises(CorpusError, match=r"train\.en, but other\.txt is not named like it: name the files alike"):
        split_corpus("train.de", given="train.en", valid="other.txt")


@pytest.mark.parametrize(
    ("corpus", "given", "source", "expected"),
    [
        ("train.de", "train.en", "test.de", "test.en"),
        ("train.deu", "train.dan", "test.deu", "test.dan"),
        ("train.de.txt", "train.en.txt", "test.de.txt", "test.en.txt"),
        ("train.de.gz", "train.en.gz", "test.de.gz", "test.en.gz"),
        ("data.1/train.de", "data.1/train.en", "new/test.de", "new/test.en"),
        ("de.txt", "en.txt", "test-de.txt", "test-en.txt"),
        ("train", "train.en", "test", "test.en"),
        ("de/train.txt", "en/train.txt", "de/test.txt", "en/test.txt"),
        ("./de/train.txt", "new/../en/train.txt", "de/./test.txt", "en/test.txt"),
        ("de/train.de", "en/train.en", "de/test.de", "en/test.en"),
        ("x/de/1/train", "x/en/1/train", "y/de/2/test", "y/en/2/test"),
        ("train.txt", "en/train.txt", "test.txt", "en/test.txt"),
        ("de/train.txt", "train.txt", "new/de/test.txt", "new/test.txt"),
        ("train.tsv", "1", "test.tsv", "1"),
        ("train", ".en", "test", ".en"),
    ],
)
def test_the_file_beside_another_source_has_the_same_end(tmp_path, monkeypatch, corpus, given, source, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("test.de", *(() if expected == given else (expected,))):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a")
    assert with_given_of(source, CorpusConfig(corpus=(corpus,), given=given)).given == os.path.normpath(expected)


def test_the_file_of_a_source_is_found_from_relative_and_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test"):
        for folder in ("de", "en"):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.txt").write_text("a")
    config = CorpusConfig(corpus=("de/train.txt",), given=str(tmp_path / "en" / "train.txt"))
    assert with_given_of("de/test.txt", config).given == str(tmp_path / "en" / "test.txt")
    config = CorpusConfig(corpus=("de/train.txt",), given="en/train.txt")
    (tmp_path / "en" / "test.txt").unlink()
    with pytest.raises(CorpusError, match=r"but de/test\.txt has no file en.test\.txt: name the files alike"):
        with_given_of("de/test.txt", config)


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"given": "1", "document": "line"},
            "--document line cannot be combined with --given: every pair is a document",
        ),
        ({"given": "1", "level": "note"}, "--level note cannot be combined with --given: pairs are text"),
        ({"given_level": "word"}, "--given-level word needs --given"),
        (
            {"given": "1", "given_level": "note"},
            "--given-level must be one of auto, character, decomposed, subword, word, audio, image, strokes; got "
            "'note'",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(UsageError) as raised:
        CorpusConfig(**options)
    assert str(raised.value) == message
