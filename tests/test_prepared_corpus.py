"""Encoded corpora on disk."""

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
    plan = SplitCorpus.read(CorpusConfig(**options))
    return plan, PreparedCorpus.prepare(plan, tmp_path / "data")


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return str(path)


def documents(part, level):
    return [
        (int(ids[0]), level.decode(ids[1:]), int(ids[-1]) == level.END)
        for ids in (part.ids[a:b] for a, b in zip(part.offsets, part.offsets[1:], strict=False))
    ]


def test_both_parts_hold_the_text_between_start_and_end(tmp_path):
    _, corpus = prepare(tmp_path, corpus=(write(tmp_path, "a.txt", "abcdefghij" * 10),))
    assert documents(corpus.train, corpus.level) == [(corpus.level.START, "abcdefghij" * 9, False)]
    assert documents(corpus.valid, corpus.level) == [(corpus.level.START, "abcdefghij", True)]
    assert (corpus.train.num_targets, corpus.valid.num_targets) == (90, 11)
    assert corpus.valid.counts.tolist() == [0, 1] + [0] * 16 + [1] * 10
    assert corpus.train.unseen == list(range(18))
    assert corpus.valid.extent == {"characters": 10, "bytes": 10}


def test_the_vocabulary_comes_from_the_training_part_and_the_rest_is_escaped(tmp_path):
    _, corpus = prepare(tmp_path, corpus=(write(tmp_path, "a.txt", "ab" * 45 + "é" * 10),))
    assert corpus.level.alphabet == "ab"
    assert documents(corpus.valid, corpus.level)[0][1] == "é" * 10
    assert corpus.valid.extent == {"characters": 10, "bytes": 20}
    assert corpus.valid.num_targets == 10 * 4 + 1


def test_a_given_validation_source_leaves_the_corpus_whole(tmp_path):
    sources = {"corpus": (write(tmp_path, "a.txt", "aaaa"),), "valid": write(tmp_path, "b.txt", "abab")}
    _, corpus = prepare(tmp_path, **sources)
    assert documents(corpus.train, corpus.level) == [(0, "aaaa", True)]
    assert documents(corpus.valid, corpus.level) == [(0, "abab", True)]


def test_the_same_content_is_prepared_once_and_other_content_anew(tmp_path):
    path = write(tmp_path, "a.txt", "some text here")
    plan, _ = prepare(tmp_path, corpus=(path,))
    built = tmp_path / "data" / "prepared" / plan.fingerprint / "store.json"
    first = built.stat().st_mtime_ns
    again, _ = prepare(tmp_path, corpus=(path,))
    assert again.fingerprint == plan.fingerprint
    assert built.stat().st_mtime_ns == first
    write(tmp_path, "a.txt", "some text hare")
    changed, _ = prepare(tmp_path, corpus=(path,))
    assert changed.fingerprint != plan.fingerprint
    other_split, _ = prepare(tmp_path, corpus=(path,), valid_fraction=0.3)
    assert other_split.fingerprint != changed.fingerprint


@pytest.mark.parametrize("damaged", ["store.json", "train.ids", "valid.offsets", "train.counts"])
def test_a_store_that_is_not_whole_is_built_again(tmp_path, damaged):
    path = write(tmp_path, "a.txt", "some text here")
    plan, corpus = prepare(tmp_path, corpus=(path,))
    expected = corpus.train.ids.tolist()
    folder = tmp_path / "data" / "prepared" / plan.fingerprint
    (folder / damaged).write_bytes((folder / damaged).read_bytes()[:-2])
    for _ in range(2):
        _, again = prepare(tmp_path, corpus=(path,))
        assert again.train.ids.tolist() == expected
        assert [p.name for p in folder.parent.iterdir()] == [plan.fingerprint]
        (folder / damaged).unlink()


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "there is nothing to learn from"), ("a", "a single character is too little to learn from")],
)
def test_a_corpus_without_enough_text_is_refused(tmp_path, content, message):
    with pytest.raises(CorpusError, match=message):
        prepare(tmp_path, corpus=(write(tmp_path, "a.txt", content),))
    assert not (tmp_path / "data").exists()


def test_empty_files_and_changed_newlines_are_told(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "empty.txt").touch()
    (tmp_path / "texts" / "windows.txt").write_bytes(b"some text\r\nmore\r\n")
    plan, _ = prepare(tmp_path, corpus=(str(tmp_path / "texts"),))
    assert plan.corpus.log.summary == [
        "read 1 text, 15 characters",
        f"{tmp_path / 'texts' / 'windows.txt'}: Windows or old Mac newlines read as \\n",
        "skipped 1 empty file",
    ]
    assert plan.details == [f"skipped empty file: {tmp_path / 'texts' / 'empty.txt'}"]


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    path = write(tmp_path, "a.txt", "some text here")
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(CorpusError, match="cannot be kept in .*choose another --data-dir"):
        prepare(tmp_path, corpus=(path,))


class Failing(Passage):
    """Stands for a disk that is full."""

    def chunks(self):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_and_leaves_the_old_store(tmp_path, monkeypatch):
    path = write(tmp_path, "a.txt", "some text here")
    prepare(tmp_path, corpus=(path,))
    before = sorted((tmp_path / "data").rglob("*"))
    write(tmp_path, "a.txt", "some other text")
    monkeypatch.setattr(SplitCorpus, "documents", lambda plan: iter([("train", Failing("a.txt", "x"))]))
    plan = SplitCorpus.read(CorpusConfig(corpus=(path,), valid=path))
    with pytest.raises(CorpusError, match="cannot be kept in .*: No space left on device; choose another --data-dir"):
        PreparedCorpus.prepare(plan, tmp_path / "data")
    assert sorted((tmp_path / "data").rglob("*")) == before


def test_a_full_disk_is_told_when_a_text_is_only_scored():
    level = CharacterLevel("ab")
    with (
        pytest.raises(CorpusError, match="the text cannot be encoded in .*: No space left on device; see TMPDIR"),
        encoded(level, [Failing("a.txt", "x")]),
    ):
        pass
