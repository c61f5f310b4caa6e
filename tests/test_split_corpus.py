"""Split corpora: the training and validation parts, fingerprints and messages."""

import gzip
import json

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split import TRAIN, VALID
from seqgen.corpus.split_corpus import SplitCorpus, TrainingDocuments
from seqgen.errors import CorpusError
from seqgen.levels.character import CharacterLevel
from seqgen.texts import singly


def split_corpus(*sources, **options):
    return SplitCorpus.read(CorpusConfig(corpus=tuple(map(str, sources)), **options))


def texts(corpus, part):
    return ["".join(document.chunks()) for name, document in corpus.documents() if name == part]


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("".join(f"Name {i}\n" for i in range(40)))
    return path


def test_every_line_is_in_one_part(names):
    corpus = split_corpus(names, document="line")
    train, valid = texts(corpus, TRAIN), texts(corpus, VALID)
    assert sorted(train + valid) == sorted(f"Name {i}" for i in range(40))
    assert len(valid) == 4
    assert corpus.summary == ["read 1 text, 40 lines, 270 characters"]
    assert ["".join(chunks) for chunks in singly(TrainingDocuments(corpus))] == train


def test_records_are_documents_by_default(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name,year\n" + "".join(f"Name {i},{1900 + i}\n" for i in range(20)))
    corpus = split_corpus(path)
    assert len(texts(corpus, TRAIN)) + len(texts(corpus, VALID)) == 20
    assert corpus.summary[-1] == "read 1 text, 20 documents, 130 characters"


def test_records_can_be_divided_into_lines(tmp_path):
    path = tmp_path / "poems.jsonl"
    path.write_text("".join(json.dumps({"poem": f"line {i}a\nline {i}b"}) + "\n" for i in range(20)))
    corpus = split_corpus(path, document="line")
    assert "line 7b" in texts(corpus, TRAIN) + texts(corpus, VALID)


def test_unusable_files_in_a_folder_are_skipped_and_reported(tmp_path):
    (tmp_path / "good.txt").write_text("some good text")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "bad.jsonl").write_text('{"number": 1}\n')
    corpus = split_corpus(tmp_path)
    assert texts(corpus, TRAIN) + texts(corpus, VALID) == ["some good te", "xt"]
    assert corpus.corpus.log.summary == [
        "read 1 text, 14 characters",
        "skipped 1 file without a field of text",
        "skipped 1 empty file",
        "skipped 1 file in cp1252, not utf-8 (see --encoding)",
    ]
    assert any("latin.txt" in line and "byte offset 3" in line for line in corpus.details)
    with pytest.raises(CorpusError, match="not utf-8 text"):
        split_corpus(tmp_path / "latin.txt")


def test_the_fingerprint_depends_on_content_and_settings_only(tmp_path, names):
    first = split_corpus(names).fingerprint
    (tmp_path / "again.txt").write_bytes(names.read_bytes())
    assert split_corpus(tmp_path / "again.txt").fingerprint == first
    assert split_corpus(names, level="character").fingerprint == first
    others = [{"level": "word"}, {"ngram": 2}, {"document": "line"}, {"valid_fraction": 0.2}, {"vocabulary_size": 30}]
    changed = {split_corpus(names, **options).fingerprint for options in [*others, {"valid": str(names)}]}
    assert len(changed - {first}) == len(others) + 1
    names.write_text(names.read_text().replace("7", "8"))
    assert split_corpus(names).fingerprint != first


def test_the_fingerprint_depends_on_a_given_vocabulary(names):
    own = split_corpus(names)
    level = CharacterLevel.fit([["Name 0123456789\n"]], CorpusConfig())
    given = SplitCorpus.read(own.config, level=level)
    assert given.fingerprint != own.fingerprint
    again = CharacterLevel.from_json(level.to_json())
    assert SplitCorpus.read(own.config, level=again).fingerprint == given.fingerprint


def test_validation_on_the_training_text_is_reported(names):
    assert "--valid is the same text as --corpus" in split_corpus(names, valid=str(names)).summary[1]


def test_a_corpus_without_text_is_an_error_that_lists_the_skipped_files(tmp_path):
    for i in range(2):
        (tmp_path / f"{i}.txt").touch()
    with pytest.raises(CorpusError, match=r"there is nothing to learn from \(skipped 2 empty files\)"):
        Corpus.read([str(tmp_path)], CorpusConfig())


def test_the_fingerprint_depends_on_the_suffix_of_a_compressed_file(tmp_path):
    table = gzip.compress(b"name\n" + b"".join(b"Name %d\n" % i for i in range(40)))
    for name in ("a.csv.gz", "a.txt.gz"):
        (tmp_path / name).write_bytes(table)
    assert split_corpus(tmp_path / "a.csv.gz").fingerprint != split_corpus(tmp_path / "a.txt.gz").fingerprint


def test_a_note_on_several_files_is_reported_once(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.jsonl").write_text('{"text": "some words", "id": 1}\n')
    summary = split_corpus(tmp_path, document="line").summary
    assert f"{tmp_path / '0.jsonl'} and 2 more: JSON lines, fields text, id; text from text" in summary[0]


def test_a_text_that_changes_while_it_is_read_is_an_error(tmp_path, names):
    corpus = split_corpus(names)
    names.write_text("something shorter")
    with pytest.raises(CorpusError, match="has changed while it was being read"):
        PreparedCorpus.prepare(corpus, tmp_path / "data")
    assert not list((tmp_path / "data" / "prepared").iterdir())


def test_what_texts_are_given_must_not_change_while_it_is_read(tmp_path):
    for name in ("train.de", "train.en"):
        (tmp_path / name).write_text("".join(f"line {i}\n" for i in range(40)))
    corpus = split_corpus(tmp_path / "train.de", given=str(tmp_path / "train.en"))
    (tmp_path / "train.en").write_text("".join(f"longer line {i}\n" for i in range(40)))
    with pytest.raises(CorpusError, match="has changed while it was being read"):
        PreparedCorpus.prepare(corpus, tmp_path / "data")


def test_the_fingerprint_depends_on_the_options_for_tables(tmp_path):
    (tmp_path / "a.csv").write_text("first,last\n" + "Ada,Lovelace\nAlan,Turing\n" * 20)
    all_options = [{"field": "first"}, {"field": "last"}, {"header": "no"}, {"delimiter": "none"}, {}]
    assert len({split_corpus(tmp_path / "a.csv", **options).fingerprint for options in all_options}) == len(all_options)


def test_replaced_bytes_are_reported_and_change_the_fingerprint(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"some caf\xe9s and some more text\n" * 20)
    corpus = split_corpus(tmp_path / "a.txt", encoding_errors="replace")
    assert "20 invalid bytes in utf-8 text read as U+FFFD" in corpus.summary
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    assert prepared.level.decode(prepared.train.ids[1:15]) == "some caf\ufffds and"
    assert split_corpus(tmp_path / "a.txt", encoding="cp1252").fingerprint != corpus.fingerprint
    (tmp_path / "a.txt").write_bytes(b"some coffees and some more text\n" * 20)
    fingerprints = {
        split_corpus(tmp_path / "a.txt", encoding_errors=errors).fingerprint for errors in ("strict", "replace")
    }
    assert len(fingerprints) == 2


def test_options_for_tables_without_effect_are_reported(names):
    assert (
        "--field has no effect: no file is a table (.csv, .tsv) or JSON (.json, .jsonl)"
        in split_corpus(names, field="x").summary
    )
    assert not any("no effect" in line for line in split_corpus(names).summary)


def test_tables_with_different_columns_can_be_combined(tmp_path):
    (tmp_path / "a.csv").write_text("id,review\n" + "".join(f"{i},a review {i}\n" for i in range(20)))
    (tmp_path / "b.tsv").write_text("".join(f"a sentence {i}\t{i}\n" for i in range(20)))
    (tmp_path / "c.json").write_text(json.dumps([{"data": {"body": f"a body {i}"}} for i in range(20)]))
    corpus = split_corpus(tmp_path)
    expected = [f"a {kind} {i}" for kind in ("review", "sentence", "body") for i in range(20)]
    assert sorted(texts(corpus, TRAIN) + texts(corpus, VALID)) == sorted(expected)
    assert [line.rpartition("; text from ")[2] for line in corpus.summary[:3]] == ["review", "column 1", "data.body"]


def test_a_prepared_corpus_of_another_size_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"{i},some words {i}\n" for i in range(20)))
    corpus = split_corpus(tmp_path / "a.csv")
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    assert PreparedCorpus.prepare(corpus, tmp_path / "data").fingerprint == prepared.fingerprint
    description = tmp_path / "data" / "prepared" / corpus.fingerprint / "store.json"
    content = json.loads(description.read_text())
    content["train"]["characters"] += 100
    description.write_text(json.dumps(content))
    with pytest.raises(
        CorpusError, match=f"{description.parent} was prepared by a version of seqgen that read this corpus"
    ):
        PreparedCorpus.prepare(corpus, tmp_path / "data")


def test_the_fingerprint_of_a_table_is_that_of_earlier_versions(tmp_path):
    """Otherwise their runs could not be resumed."""
    (tmp_path / "a.csv").write_text("name,year\n" + "".join(f"Name {i},{1900 + i}\n" for i in range(20)))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"text": f"Name {i}"}) + "\n" for i in range(20)))
    fingerprints = [split_corpus(tmp_path / name).fingerprint for name in ("a.csv", "b.jsonl")]
    assert fingerprints == ["8c721ee2aff94b3d", "0bafddc3a85e0eee"]


@pytest.mark.parametrize(
    ("lines", "options", "note"),
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
def test_a_split_that_differs_from_the_requested_one_is_reported(tmp_path, lines, options, note):
    (tmp_path / "a.txt").write_text("\n".join(lines))
    corpus = split_corpus(tmp_path / "a.txt", **options)
    assert [line for line in corpus.summary if line[:4] not in ("read", "skip")] == ([note] if note else [])
    level = CharacterLevel.fit(TrainingDocuments(corpus), corpus.config)
    prepared = PreparedCorpus.prepare(corpus, tmp_path / "data")
    learns_endings = level.END not in prepared.train.unseen
    assert learns_endings == (note is None or "cannot learn" not in note)
    assert split_corpus(tmp_path / "a.txt", valid=str(tmp_path / "a.txt"), **options).split is None
