"""Documents that are read in blocks, compared with a loop over lines in plain Python."""

import random

import numpy as np
import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus import passage_cache, text_file
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.dataset import DatasetWriter
from seqgen.corpus.documents import Passage
from seqgen.corpus.passages import Passages
from seqgen.corpus.split import VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.corpus.statistics import Statistics
from seqgen.levels import level_class

PARTS = ["a", "b c", " ", "\t", "\u3000", "\xa0", "\x1c", "\u00e9", "\u6f22", "\U0001f600", "\n", "\n", "\n\n"]


def random_text(seed=1, number=5000):
    return "".join(random.Random(seed).choices(PARTS, k=number))


def lines_in_plain_python(text):
    *whole, last = text.split("\n")
    lines = [(line.rstrip(), "\n", number) for number, line in enumerate(whole, 1)] + [
        (last.rstrip(), "", len(whole) + 1)
    ]
    return [line for line in lines if line[0]]


def corpus_of(tmp_path, text, **options):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    return SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "a.txt"),), document="line", **options))


def test_lines_are_those_of_a_loop(tmp_path):
    text = random_text()
    found = [(each.text, each.ending, each.line) for each in corpus_of(tmp_path, text).corpus]
    assert found == lines_in_plain_python(text)


def test_the_lines_of_records_know_their_record(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,n\n"one\n\ntwo",1\nthree,2\n"\nfour\n",3\n')
    corpus = Corpus.read([str(path)], CorpusConfig(corpus=(str(path),), document="line", field="text"))
    assert [(each.text, each.ending, each.row) for each in corpus] == [
        ("one", "\n", 1),
        ("two", "", 1),
        ("three", "", 2),
        ("four", "\n", 3),
    ]
    assert corpus.log.skipped == ["2 empty lines"]


def test_blocks_are_counted_and_divided_like_single_documents(tmp_path):
    corpus = corpus_of(tmp_path, random_text(2), valid_fraction=0.2)
    statistics = Statistics(0.2)
    for document in corpus.corpus:
        statistics.add(document)
    assert statistics == corpus.corpus.statistics
    singly = [(part, document.text) for part, document in corpus.documents()]
    blocks = [(part, each.text) for part, block in corpus.blocks() for each in block]
    assert {part for part, _ in singly} == {part for part, _ in blocks}
    for part in ("train", VALID):
        assert [text for owner, text in blocks if owner == part] == [text for owner, text in singly if owner == part]


@pytest.mark.parametrize(
    "options", [{}, {"ngram": 2}, {"level": "word"}, {"level": "decomposed"}, {"level": "subword"}]
)
def test_blocks_are_encoded_like_single_documents(tmp_path, options):
    texts = [text for text, _, _ in lines_in_plain_python(random_text(3))]
    config = CorpusConfig(**{"level": "character", **options})
    level = level_class(config.level).fit([[text] for text in texts[::2]], config)
    block = Passages.of("a.txt", texts)
    documents = [Passage("a.txt", text) for text in texts]
    for name, content in {"blocks": [block], "singly": documents}.items():
        (tmp_path / name).mkdir()
        with DatasetWriter(tmp_path / name, "train", level) as writer:
            for each in content:
                writer.add(each)
        (tmp_path / name / "extent").write_text(str((dict(writer.extent), writer.size)))
    for path in (tmp_path / "singly").iterdir():
        assert path.read_bytes() == (tmp_path / "blocks" / path.name).read_bytes(), path.name


def test_characters_outside_the_alphabet_are_spelled_in_their_own_text():
    level = level_class("character").fit([["ab"]], CorpusConfig())
    ids, lengths = level.documents(Passages.of("", ["a\u00e9", "b", "\U0001f600a"]).texts)
    expected = [level.document(text) for text in ["a\u00e9", "b", "\U0001f600a"]]
    assert np.array_equal(ids, np.concatenate(expected))
    assert lengths.tolist() == list(map(len, expected))


@pytest.mark.parametrize("unit", ["line", "paragraph"])
def test_passages_are_the_same_whether_kept_or_read_again_and_however_the_file_is_read(tmp_path, monkeypatch, unit):
    (tmp_path / "a.txt").write_text(random_text(4), encoding="utf-8")
    (tmp_path / "b.txt").write_text(random_text(5).replace(" ", "x\n\n"), encoding="utf-8")

    def read():
        corpus = SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path),), document=unit, valid_fraction=0.2))
        return [(part, each.text, each.ending, each.line) for part, each in sorted(corpus.documents(), key=by_part)]

    def by_part(document):
        return document[0]

    kept = read()
    monkeypatch.setattr(passage_cache, "_MAX_BYTES", 0)
    assert read() == kept
    for size in (16, 100):
        monkeypatch.setattr(text_file, "CHUNK_BYTES", size)
        assert read() == kept


def test_files_that_fit_are_kept_even_after_one_that_does_not(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("a long line\n" * 5000)
    (tmp_path / "b.txt").write_text("a line\n" * 5)
    monkeypatch.setattr(text_file, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(passage_cache, "_MAX_BYTES", 10_000)
    corpus = Corpus.read([str(tmp_path)], CorpusConfig(document="line"))
    assert [corpus.cache.of(file) is not None for file in corpus.files] == [False, True]
    assert corpus.cache.only(corpus.files[:1]).of(corpus.files[1]) is None
