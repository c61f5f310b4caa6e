"""Prepared corpora on disk."""

import errno
import os

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.dataset import encoded
from seqgen.corpus.documents import Passage
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError
from seqgen.levels.character import CharacterLevel


def prepare(tmp_path, **options):
    split_corpus = SplitCorpus.read(CorpusConfig(**options))
    return split_corpus, PreparedCorpus.prepare(split_corpus, tmp_path / "data")


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return str(path)


def documents(dataset, level):
    return [
        (int(ids[0]), level.decode(ids[1:]), int(ids[-1]) == level.END)
        for ids in (dataset.ids[a:b] for a, b in zip(dataset.offsets, dataset.offsets[1:], strict=False))
    ]


def test_both_parts_contain_the_text_between_start_and_end_tokens(tmp_path):
    _, corpus = prepare(tmp_path, corpus=(write(tmp_path, "a.txt", "abcdefghij" * 10),))
    assert documents(corpus.train, corpus.level) == [(corpus.level.START, "abcdefghij" * 9, False)]
    assert documents(corpus.valid, corpus.level) == [(corpus.level.START, "abcdefghij", True)]
    assert (corpus.train.num_targets, corpus.valid.num_targets) == (90, 11)
    assert corpus.valid.counts.tolist() == [0, 1] + [0] * 16 + [1] * 10
    assert corpus.train.unseen == list(range(18))
    assert corpus.valid.extent == {"characters": 10, "bytes": 10}


def test_the_vocabulary_comes_from_the_training_part_and_other_characters_are_spelled(tmp_path):
    _, corpus = prepare(tmp_path, corpus=(write(tmp_path, "a.txt", "ab" * 45 + "é" * 10),))
    assert corpus.level.alphabet == "ab"
    assert documents(corpus.valid, corpus.level)[0][1] == "é" * 10
    assert corpus.valid.extent == {"characters": 10, "bytes": 20}
    assert corpus.valid.num_targets == 10 * 4 + 1


def test_the_corpus_is_not_split_if_a_validation_source_is_given(tmp_path):
    sources = {"corpus": (write(tmp_path, "a.txt", "aaaa"),), "valid": write(tmp_path, "b.txt", "abab")}
    _, corpus = prepare(tmp_path, **sources)
    assert documents(corpus.train, corpus.level) == [(0, "aaaa", True)]
    assert documents(corpus.valid, corpus.level) == [(0, "abab", True)]


def test_a_prepared_corpus_is_reused_only_for_the_same_content(tmp_path):
    path = write(tmp_path, "a.txt", "some text here")
    split_corpus, _ = prepare(tmp_path, corpus=(path,))
    built = tmp_path / "data" / "prepared" / split_corpus.fingerprint / "store.json"
    first = built.stat().st_mtime_ns
    again, _ = prepare(tmp_path, corpus=(path,))
    assert again.fingerprint == split_corpus.fingerprint
    assert built.stat().st_mtime_ns == first
    write(tmp_path, "a.txt", "some text hare")
    changed, _ = prepare(tmp_path, corpus=(path,))
    assert changed.fingerprint != split_corpus.fingerprint
    other_split, _ = prepare(tmp_path, corpus=(path,), valid_fraction=0.3)
    assert other_split.fingerprint != changed.fingerprint


@pytest.mark.parametrize("damaged", ["store.json", "train.ids", "valid.offsets", "train.counts"])
def test_an_incomplete_prepared_corpus_is_prepared_again(tmp_path, damaged):
    path = write(tmp_path, "a.txt", "some text here")
    split_corpus, corpus = prepare(tmp_path, corpus=(path,))
    expected = corpus.train.ids.tolist()
    folder = tmp_path / "data" / "prepared" / split_corpus.fingerprint
    (folder / damaged).write_bytes((folder / damaged).read_bytes()[:-2])
    for _ in range(2):
        _, again = prepare(tmp_path, corpus=(path,))
        assert again.train.ids.tolist() == expected
        assert [p.name for p in folder.parent.iterdir()] == [split_corpus.fingerprint]
        (folder / damaged).unlink()


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "there is nothing to learn from"), ("a", "a single character is too little to learn from")],
)
def test_a_corpus_without_enough_text_is_rejected(tmp_path, content, message):
    with pytest.raises(CorpusError, match=message):
        prepare(tmp_path, corpus=(write(tmp_path, "a.txt", content),))
    assert not (tmp_path / "data").exists()


def test_empty_files_and_converted_newlines_are_reported(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "empty.txt").touch()
    (tmp_path / "texts" / "windows.txt").write_bytes(b"some text\r\nmore\r\n")
    split_corpus, _ = prepare(tmp_path, corpus=(str(tmp_path / "texts"),))
    assert split_corpus.corpus.log.summary == [
        "read 1 text, 15 characters",
        f"{tmp_path / 'texts' / 'windows.txt'}: Windows or old Mac newlines read as \\n",
        "skipped 1 empty file",
    ]
    assert split_corpus.details == [f"skipped empty file: {tmp_path / 'texts' / 'empty.txt'}"]


def test_an_unwritable_data_folder_is_an_error(tmp_path):
    path = write(tmp_path, "a.txt", "some text here")
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(CorpusError, match="cannot be kept in .*choose another --data-dir"):
        prepare(tmp_path, corpus=(path,))


class Failing(Passage):
    """A document that raises the error of a full disk."""

    def chunks(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_an_error_and_earlier_files_remain(tmp_path, monkeypatch):
    path = write(tmp_path, "a.txt", "some text here")
    prepare(tmp_path, corpus=(path,))
    before = sorted((tmp_path / "data").rglob("*"))
    write(tmp_path, "a.txt", "some other text")
    monkeypatch.setattr(SplitCorpus, "blocks", lambda split_corpus: iter([("train", Failing("a.txt", "x"))]))
    split_corpus = SplitCorpus.read(CorpusConfig(corpus=(path,), valid=path))
    with pytest.raises(CorpusError, match="cannot be kept in .*: No space left on device; choose another --data-dir"):
        PreparedCorpus.prepare(split_corpus, tmp_path / "data")
    assert sorted((tmp_path / "data").rglob("*")) == before


def test_a_full_disk_is_an_error_when_a_text_is_scored():
    level = CharacterLevel("ab")
    with (
        pytest.raises(CorpusError, match="the text cannot be encoded in .*: No space left on device; see TMPDIR"),
        encoded(level, [Failing("a.txt", "x")]),
    ):
        pass
