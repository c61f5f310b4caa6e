"""Corpora of pairs: texts that are given other texts, from the files to token ids."""

import csv
import io
import json
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus import closed_set
from seqgen.corpus import statistics as statistics_module
from seqgen.corpus.closed_set import num_closed_tokens
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.crew import Crew
from seqgen.corpus.documents import Pair, Passage
from seqgen.corpus.pairs import with_given_of
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split import PAIRS, TRAIN, VALID, choose_split
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.corpus.statistics import Statistics
from seqgen.errors import CorpusError, UsageError

ODD = "a\vb\fc\x1cd\x85e\u2028f\u2029g"  # str.splitlines would divide it
ROWS = [("aeiou"[i % 5] + "bcdfghjk"[i % 8], f"w o r d {i}") for i in range(60)]  # 40 different givens


def read(*sources, **options):
    return Corpus.read(map(str, sources), CorpusConfig(corpus=tuple(map(str, sources)), **options))


def pairs(corpus):
    return [(document.given.text, document.text) for document in corpus]


def split_corpus(*sources, **options):
    return SplitCorpus.read(CorpusConfig(corpus=tuple(map(str, sources)), **options))


def decoded(dataset, level):
    return [level.decode(dataset.ids[begin:end]) for begin, end in pairwise(dataset.offsets.tolist())]


def write_table(path, rows, delimiter="\t"):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path


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


# The split


@pytest.mark.parametrize("max_ranked", [100_000, 3])
@given(givens=st.lists(st.integers(0, 60), min_size=2).filter(lambda givens: len(set(givens)) > 1), data=st.data())
def test_pairs_stay_whole_and_those_with_the_same_given_on_one_side(max_ranked, givens, data):
    sizes = [data.draw(st.integers(1, 300)) for _ in givens]
    documents = [Pair("p", "x" * size, str(given)) for given, size in zip(givens, sizes, strict=True)]
    statistics = Statistics(0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_module, "MAX_RANKED", max_ranked)
        for document in documents:
            statistics.add(document)
        split = choose_split(statistics, PAIRS)
    divided = [pair for document in documents for pair in split.divide(document)]
    assert [document for _, document in divided] == documents
    sides = {part: {document.given.text for owner, document in divided if owner == part} for part in (TRAIN, VALID)}
    assert not sides[TRAIN] & sides[VALID]
    if len(set(givens)) < max_ranked:
        assert sides[TRAIN]
        assert sides[VALID]


def test_two_givens_are_divided_and_one_is_refused(tmp_path):
    path = write_table(tmp_path / "train.tsv", [("a", f"x{i}") for i in range(30)] + [("b", "y" * 2000)])
    parts = [{document.given.text for part, document in split_corpus(path, given="1").documents() if part == side}
             for side in (TRAIN, VALID)]  # fmt: skip
    assert sorted(map(sorted, parts)) == [["a"], ["b"]]
    write_table(path, [("a", f"x{i}") for i in range(30)])
    with pytest.raises(CorpusError, match="all pairs are given the same text, .* at least two different ones"):
        split_corpus(path, given="1", field="2")


def test_the_digest_covers_both_sides_and_the_family_only_the_given():
    pair = Pair("p", "text", "given")
    assert pair.family == Passage("p", "given").digest
    assert len({pair.digest, Pair("p", "text", "other").digest, Pair("p", "other", "given").digest}) == 3
    assert pair.digest not in (Passage("p", "text").digest, Pair("p", "given", "text").digest)


# The prepared corpus


def test_both_sides_are_stored_and_can_be_decoded(tmp_path):
    rows = [(f"{ODD} {a}", f"{b} ü") for a, b in ROWS]
    corpus = split_corpus(write_table(tmp_path / "train.tsv", rows), given="1", field="2")
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    for part, dataset in ((TRAIN, prepared.train), (VALID, prepared.valid)):
        expected = [(d.given.text, d.text) for owner, d in corpus.documents() if owner == part]
        assert expected
        givens, texts = decoded(dataset.given, prepared.given_level), decoded(dataset, prepared.level)
        assert list(zip(givens, texts, strict=True)) == expected
        assert dataset.given.ids[dataset.given.offsets[:-1]].tolist() == [0] * len(expected)
        assert dataset.given.ids[dataset.given.offsets[1:] - 1].tolist() == [1] * len(expected)
        assert dataset.given.extent["characters"] == sum(len(a) for a, _ in expected)
    assert set(prepared.given_level.alphabet) == {
        c for d in decoded(prepared.train.given, prepared.given_level) for c in d
    }


@pytest.mark.parametrize(
    ("kinds", "message"),
    [(["offsets"], "tokens instead of"), (["ids", "offsets", "counts"], "documents, of which .* are given a text")],
)
def test_a_prepared_corpus_of_pairs_is_refused_when_damaged(tmp_path, kinds, message):
    corpus = split_corpus(write_table(tmp_path / "train.tsv", ROWS), given="1", field="2")
    PreparedCorpus.prepare(corpus, tmp_path / "data")
    folder = tmp_path / "data" / "prepared" / corpus.fingerprint
    assert PreparedCorpus.open(folder).given_level is not None
    for kind in kinds:
        (folder / f"train.given.{kind}").write_bytes((folder / f"valid.given.{kind}").read_bytes())
    with pytest.raises(ValueError, match=message):
        PreparedCorpus.open(folder)


def test_the_fingerprint_depends_on_both_sides_and_the_options(tmp_path):
    path = write_table(tmp_path / "train.tsv", [(a, b, a + b) for a, b in ROWS])
    options = [{"given": "1"}, {"given": "3"}, {"given": "1", "given_level": "word"}, {}]
    found = [split_corpus(path, field="2", valid=str(path), **each).fingerprint for each in options]
    for name in ("train", "valid"):
        (tmp_path / f"{name}.en").write_text("".join(f"{a}\n" for a, _ in ROWS))
        (tmp_path / f"{name}.de").write_text("".join(f"{b}\n" for _, b in ROWS))
    files = {"given": str(tmp_path / "train.en"), "valid": str(tmp_path / "valid.de")}
    found.append(split_corpus(tmp_path / "train.de", **files).fingerprint)
    for name in ("train.en", "valid.en"):
        (tmp_path / name).write_text("".join(f"{a}!\n" for a, _ in ROWS))
        found.append(split_corpus(tmp_path / "train.de", **files).fingerprint)
    assert len(set(found)) == len(found)


def test_the_vocabulary_of_the_given_is_that_of_the_training_part(tmp_path):
    path = write_table(tmp_path / "train.tsv", [(chr(0x4E00 + i), text) for i, (_, text) in enumerate(ROWS)])
    corpus = split_corpus(path, given="1", field="2", valid_fraction=0.3)
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    givens = {document.given.text for part, document in corpus.documents() if part == TRAIN}
    assert set(prepared.given_level.alphabet) == givens
    assert len(givens) < len(ROWS)
    assert all(map(str.isprintable, decoded(prepared.valid.given, prepared.given_level)))


# Levels

PHONES = ["a", "ɑ̃", "t͡ʃ", "kʰ", "oː", "˧˥", "d", "n", "e"]


def phones(num_texts, seed=1, tokens=PHONES):
    """Return sequences of two to nine tokens between spaces."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(tokens, k=draw.randint(2, 9))) for _ in range(num_texts)]


def test_tokens_of_a_closed_set_become_one_id_each_on_both_sides(tmp_path):
    rows = list(zip(phones(200), phones(200, seed=2, tokens=["V", "PST", "3", "SG", "IND"]), strict=True))
    corpus = split_corpus(write_table(tmp_path / "train.tsv", rows), given="2", field="1")
    assert corpus.summary[-2:] == [
        "the text to write consists of 9 different tokens between spaces: --level word",
        "what is given consists of 5 different tokens between spaces: --given-level word",
    ]
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    for dataset, level in ((prepared.train, prepared.level), (prepared.train.given, prepared.given_level)):
        num_tokens = [len(text.split(" ")) for text in decoded(dataset, level)]
        assert (np.diff(dataset.offsets) - 2).tolist() == num_tokens
    texts = [document.text for part, document in corpus.documents() if part == TRAIN]
    assert decoded(prepared.train, prepared.level) == texts


@pytest.mark.parametrize("options", [{"level": "subword"}, {"ngram": 2}, {"level": "character"}])
def test_a_level_that_was_asked_for_is_kept(tmp_path, options):
    path = write_table(tmp_path / "train.tsv", zip(phones(200), phones(200), strict=True))
    corpus = split_corpus(path, given="1", field="2", given_level="character", **options)
    assert (corpus.config.level, corpus.config.given_level) == (options.get("level", "character"), "character")


WORDS = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8").split()


@pytest.mark.parametrize(
    ("texts", "is_closed"),
    [
        (phones(60), True),
        (phones(300, tokens=[f"{c}{d}" for c in "bdfgklmnprst" for d in "aeiou"]), True),
        ([" ".join(WORDS[i : i + 7]) for i in range(0, len(WORDS), 7)], False),
        ([" ".join(WORDS[i : i + 7]) for i in range(0, 210, 7)], False),
        ([" ".join(filter(str.isalpha, WORDS[i : i + 9])) or "a" for i in range(0, 450, 9)], False),
        (WORDS, False),
        (["go", "stop"] * 300, False),
        ([f"{word} V;PST;{i % 3}" for i, word in enumerate(WORDS)], False),
        ([text.replace(" ", "  ") for text in phones(300)], False),
        ([text.replace(" ", "") for text in phones(300)], False),
        (phones(300, tokens=["a:", "t_h", "@", "e~", "i:"]), False),  # the word level would divide these
        ([], False),
    ],
)
def test_sentences_and_single_words_are_no_closed_set(texts, is_closed):
    assert num_closed_tokens([[text[:2], text[2:]] for text in texts]) == (
        len(set(" ".join(texts).split(" "))) if is_closed else 0
    )


def test_a_few_rare_tokens_do_not_hide_a_closed_set():
    texts = phones(20_000)
    rare = [f"{text} x{number}" for number, text in enumerate(texts[:400])]
    assert num_closed_tokens(texts + rare) == len(PHONES) + 400
    assert num_closed_tokens(texts[:2000] + rare) == 0  # 400 of 11,000 tokens


def test_only_the_beginning_is_examined(monkeypatch):
    monkeypatch.setattr(closed_set, "SAMPLE_SIZE", 1000)
    texts = iter(phones(300))
    assert num_closed_tokens(texts)
    assert 100 < len(list(texts)) < 290


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
            "--given-level must be one of auto, character, subword, word; got 'note'",
        ),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(UsageError) as raised:
        CorpusConfig(**options)
    assert str(raised.value) == message


# Several processes


class ThreadCrew(Crew):
    """A crew whose processes are threads."""

    def __init__(self, rank, shared):
        super().__init__(rank, 2)
        vars(self)["shared"] = shared

    def wait(self):
        self.shared["barrier"].wait()

    def broadcast(self, content, source=0):
        if self.rank == source:
            self.shared["content"] = content()
        self.wait()
        received = self.shared["content"]
        self.wait()
        return received


def test_a_crew_of_two_writes_the_same_bytes(tmp_path):
    for place in range(4):
        write_table(tmp_path / f"{place}.tsv", [(f"{a}{place}", f"{b}{place}") for a, b in ROWS])
    corpus = split_corpus(tmp_path / "*.tsv", given="1", field="2")
    shared = {"barrier": threading.Barrier(2, timeout=60)}
    crews = [ThreadCrew(rank, shared) for rank in range(2)]
    assert all(any(True for _ in corpus.share(crew).documents()) for crew in crews)
    PreparedCorpus.prepare(corpus, tmp_path / "alone")
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda crew: PreparedCorpus.prepare(corpus, tmp_path / "both", crew), crews))
    one, other = (tmp_path / name / "prepared" / corpus.fingerprint for name in ("alone", "both"))
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in other.iterdir())
    assert {"train.given.ids", "valid.given.offsets"} <= set(names)
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


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
        "train.de is given train.en, but there is no such file beside other.de: name the files alike, such as test.de "
        "and test.en; to evaluate, --given names any other file or column"
    )


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
        ("train.tsv", "1", "test.tsv", "1"),
        ("train", ".en", "test", ".en"),
    ],
)
def test_the_file_beside_another_source_has_the_same_end(tmp_path, monkeypatch, corpus, given, source, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    for name in ("test", *(() if expected == given else (expected,))):
        (tmp_path / name).write_text("a")
    assert with_given_of(source, CorpusConfig(corpus=(corpus,), given=given)).given == expected
