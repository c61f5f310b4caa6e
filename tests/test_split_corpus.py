"""A corpus before it is encoded: what trains, what validates, and what a user hears."""

import gzip
import json

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.prepared_corpus import PreparedCorpus, _TrainingDocuments
from seqgen.corpus.split import TRAIN, VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError
from seqgen.levels.character import CharacterLevel


def plan(*sources, **options):
    return SplitCorpus.read(CorpusConfig(corpus=tuple(map(str, sources)), **options))


def texts(plan, wanted):
    return ["".join(document.chunks()) for part, document in plan.documents() if part == wanted]


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("".join(f"Name {i}\n" for i in range(40)))
    return path


def test_lines_go_whole_to_one_part(names):
    found = plan(names, document="line")
    train, valid = texts(found, TRAIN), texts(found, VALID)
    assert sorted(train + valid) == sorted(f"Name {i}" for i in range(40))
    assert len(valid) == 4
    assert found.summary == ["read 1 text, 40 lines, 270 characters"]
    assert ["".join(chunks) for chunks in _TrainingDocuments(found)] == train


def test_records_are_documents_without_being_asked_for(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name,year\n" + "".join(f"Name {i},{1900 + i}\n" for i in range(20)))
    found = plan(path)
    assert len(texts(found, TRAIN)) + len(texts(found, VALID)) == 20
    assert found.summary[-1] == "read 1 text, 20 documents, 130 characters"


def test_records_may_be_cut_into_lines(tmp_path):
    path = tmp_path / "poems.jsonl"
    path.write_text("".join(json.dumps({"poem": f"line {i}a\nline {i}b"}) + "\n" for i in range(20)))
    found = plan(path, document="line")
    assert "line 7b" in texts(found, TRAIN) + texts(found, VALID)


def test_a_bad_file_among_many_is_passed_over_and_told(tmp_path):
    (tmp_path / "good.txt").write_text("some good text")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "bad.jsonl").write_text('{"number": 1}\n')
    found = plan(tmp_path)
    assert texts(found, TRAIN) + texts(found, VALID) == ["some good te", "xt"]
    assert found.corpus.log.summary == [
        "read 1 text, 14 characters",
        "skipped 1 file without a field of text",
        "skipped 1 empty file",
        "skipped 1 file in cp1252, not utf-8 (see --encoding)",
    ]
    assert any("latin.txt" in line and "byte offset 3" in line for line in found.details)
    with pytest.raises(CorpusError, match="not utf-8 text"):
        plan(tmp_path / "latin.txt")


def test_the_fingerprint_changes_with_content_and_settings_and_with_nothing_else(tmp_path, names):
    first = plan(names).fingerprint
    (tmp_path / "again.txt").write_bytes(names.read_bytes())
    assert plan(tmp_path / "again.txt").fingerprint == first
    assert plan(names, level="character").fingerprint == first
    others = [{"level": "word"}, {"ngram": 2}, {"document": "line"}, {"valid_fraction": 0.2}, {"vocabulary_size": 30}]
    changed = {plan(names, **options).fingerprint for options in [*others, {"valid": str(names)}]}
    assert len(changed - {first}) == len(others) + 1
    names.write_text(names.read_text().replace("7", "8"))
    assert plan(names).fingerprint != first


def test_the_fingerprint_changes_with_a_vocabulary_that_is_given(names):
    own = plan(names)
    level = CharacterLevel.fit([["Name 0123456789\n"]], CorpusConfig())
    given = SplitCorpus.read(own.config, level=level)
    assert given.fingerprint != own.fingerprint
    again = CharacterLevel.from_json(level.to_json())
    assert SplitCorpus.read(own.config, level=again).fingerprint == given.fingerprint


def test_validating_on_the_training_text_itself_is_told(names):
    assert "--valid is the same text as --corpus" in plan(names, valid=str(names)).summary[1]


def test_a_corpus_without_text_is_refused_with_what_was_passed_over(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(CorpusError, match=r"there is nothing to learn from \(skipped 2 empty files\)"):
        Corpus.read([str(tmp_path)], CorpusConfig())


def test_the_same_bytes_packed_under_a_name_of_another_format_are_another_corpus(tmp_path):
    table = gzip.compress(b"name\n" + b"".join(b"Name %d\n" % i for i in range(40)))
    for name in ("a.csv.gz", "a.txt.gz"):
        (tmp_path / name).write_bytes(table)
    assert plan(tmp_path / "a.csv.gz").fingerprint != plan(tmp_path / "a.txt.gz").fingerprint


def test_what_is_said_of_many_files_is_said_once(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.jsonl").write_text('{"text": "some words", "id": 1}\n')
    summary = plan(tmp_path, document="line").summary
    assert f"{tmp_path / '0.jsonl'} and 2 more: JSON lines, fields text, id; text from text" in summary[0]


def test_a_text_that_changes_while_it_is_read_is_refused(tmp_path, names):
    found = plan(names)
    names.write_text("something shorter")
    with pytest.raises(CorpusError, match="has changed while it was being read"):
        PreparedCorpus.prepare(found, tmp_path / "data")
    assert not list((tmp_path / "data" / "prepared").iterdir())


def test_a_table_that_is_read_otherwise_is_another_corpus(tmp_path):
    (tmp_path / "a.csv").write_text("first,last\n" + "Ada,Lovelace\nAlan,Turing\n" * 20)
    ways = [{"field": "first"}, {"field": "last"}, {"header": "no"}, {"delimiter": "none"}, {}]
    assert len({plan(tmp_path / "a.csv", **way).fingerprint for way in ways}) == len(ways)


def test_invalid_bytes_that_are_replaced_are_reported_and_another_corpus(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"some caf\xe9s and some more text\n" * 20)
    found = plan(tmp_path / "a.txt", encoding_errors="replace")
    assert "20 invalid bytes in utf-8 text read as U+FFFD" in found.summary
    store = PreparedCorpus.prepare(found, tmp_path / "data")
    assert store.level.decode(store.train.ids[1:15]) == "some caf\ufffds and"
    assert plan(tmp_path / "a.txt", encoding="cp1252").fingerprint != found.fingerprint
    (tmp_path / "a.txt").write_bytes(b"some coffees and some more text\n" * 20)
    prints = {plan(tmp_path / "a.txt", encoding_errors=errors).fingerprint for errors in ("strict", "replace")}
    assert len(prints) == 2


def test_options_for_tables_are_said_to_have_no_effect_on_text(names):
    assert (
        "--field has no effect: no file is a table (.csv, .tsv) or JSON (.json, .jsonl)"
        in plan(names, field="x").summary
    )
    assert not any("no effect" in line for line in plan(names).summary)


def test_tables_with_different_columns_are_one_corpus(tmp_path):
    (tmp_path / "a.csv").write_text("id,review\n" + "".join(f"{i},a review {i}\n" for i in range(20)))
    (tmp_path / "b.tsv").write_text("".join(f"a sentence {i}\t{i}\n" for i in range(20)))
    (tmp_path / "c.json").write_text(json.dumps([{"data": {"body": f"a body {i}"}} for i in range(20)]))
    found = plan(tmp_path)
    expected = [f"a {kind} {i}" for kind in ("review", "sentence", "body") for i in range(20)]
    assert sorted(texts(found, TRAIN) + texts(found, VALID)) == sorted(expected)
    assert [line.rpartition("; text from ")[2] for line in found.summary[:3]] == ["review", "column 1", "data.body"]


def test_a_prepared_corpus_that_an_earlier_version_read_otherwise_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"{i},some words {i}\n" for i in range(20)))
    found = plan(tmp_path / "a.csv")
    store = PreparedCorpus.prepare(found, tmp_path / "data")
    assert PreparedCorpus.prepare(found, tmp_path / "data").fingerprint == store.fingerprint
    kept = tmp_path / "data" / "prepared" / found.fingerprint / "store.json"
    content = json.loads(kept.read_text())
    content["train"]["characters"] += 100
    kept.write_text(json.dumps(content))
    with pytest.raises(CorpusError, match=f"{kept.parent} was prepared by a version of seqgen that read this corpus"):
        PreparedCorpus.prepare(found, tmp_path / "data")


def test_the_fingerprint_of_a_table_is_that_of_earlier_versions(tmp_path):
    """Their runs are resumed."""
    (tmp_path / "a.csv").write_text("name,year\n" + "".join(f"Name {i},{1900 + i}\n" for i in range(20)))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"text": f"Name {i}"}) + "\n" for i in range(20)))
    prints = [plan(tmp_path / name).fingerprint for name in ("a.csv", "b.jsonl")]
    assert prints == ["8c721ee2aff94b3d", "0bafddc3a85e0eee"]


@pytest.mark.parametrize(
    ("lines", "options", "sentence"),
    [
        (["x" * 100], {}, "the corpus is a single document, cut for validation at 90%: the model cannot learn where a "
         "document ends (--document line or paragraph divides a text into documents)"),
        (["x" * 100], {"document": "line"}, "the corpus is a single line, cut for validation at 90%: the model cannot "
         "learn where a line ends"),
        (["xyz" * 9] * 9, {"document": "line"}, "the corpus is 9 identical lines, cut for validation at 90%: "
         "the model cannot learn where a line ends"),
        (["x" * 5000, "a", "b"], {"document": "line"}, "the longest line is cut for validation at 90.0%; the other "
         "lines stay whole"),
        (["x" * 30, "y" * 30, "z" * 30], {"document": "line"}, "33% of the text validates: no choice of whole "
         "lines is closer to 10%"),
        ([f"line {i}" for i in range(10)], {"document": "line"}, None),
    ],
)  # fmt: skip
def test_how_documents_are_divided_is_said_where_it_is_not_what_was_asked_for(tmp_path, lines, options, sentence):
    (tmp_path / "a.txt").write_text("\n".join(lines))
    found = plan(tmp_path / "a.txt", **options)
    assert [line for line in found.summary if line[:4] not in ("read", "skip")] == ([sentence] if sentence else [])
    level = CharacterLevel.fit(_TrainingDocuments(found), found.config)
    store = PreparedCorpus.prepare(found, tmp_path / "data")
    learns_endings = level.END not in store.train.unseen
    assert learns_endings == (sentence is None or "cannot learn" not in sentence)
    assert plan(tmp_path / "a.txt", valid=str(tmp_path / "a.txt"), **options).split is None
