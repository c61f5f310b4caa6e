"""SOURCE -> documents."""

import os
from collections import Counter

import pytest

from seqgen.corpus import sources
from seqgen.corpus.sources import TextFile, read_sources
from seqgen.errors import CorpusError


def read(source, encoding="utf-8"):
    return {document.name: "".join(document.chunks()) for document in read_sources([str(source)], encoding, Counter())}


def test_a_file_is_one_document(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("héllo\n", encoding="utf-8")
    assert read(path) == {str(path): "héllo\n"}


def test_a_folder_is_read_recursively_in_order_without_hidden_and_binary_files(tmp_path):
    for name, content in {
        "b.txt": b"b",
        "sub/a.txt": b"a",
        ".hidden": b"h",
        ".git/x": b"x",
        "p.png": b"\x89\0",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    skipped = Counter()
    documents = read_sources([str(tmp_path)], "utf-8", skipped)
    assert [document.name for document in documents] == [str(tmp_path / "b.txt"), str(tmp_path / "sub" / "a.txt")]
    assert skipped == {"hidden files and folders": 2, "binary files": 1}


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1000])
def test_characters_and_newlines_may_lie_across_chunks(tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(sources, "CHUNK_BYTES", chunk_bytes)
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffé\r\n漢\r🦊\n".encode())
    document = TextFile(path)
    assert "".join(document.chunks()) == "é\n漢\n🦊\n"
    assert document.newlines_changed


def test_plain_newlines_are_not_reported(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\nb\n")
    document = TextFile(path)
    list(document.chunks())
    assert not document.newlines_changed


@pytest.mark.parametrize("chunk_bytes", [1, 4, 1000])
@pytest.mark.parametrize(
    ("content", "offset"), [(b"caf\xe9 au lait", 3), (b"ab\xe2\x82", 2), (b"abcdef\xff", 6), (b"\xef\xbb\xbfab\xff", 5)]
)
def test_text_of_another_encoding_is_refused_with_its_byte_offset(tmp_path, monkeypatch, chunk_bytes, content, offset):
    monkeypatch.setattr(sources, "CHUNK_BYTES", chunk_bytes)
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=rf"a.txt is not utf-8 text \(byte offset {offset}\).*--encoding"):
        read(path)


def test_another_encoding_can_be_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("café".encode("latin-1"))
    assert read(path, "latin-1") == {str(path): "café"}
    path.write_bytes("café\r\n".encode("utf-16"))
    assert read(path, "utf-16") == {str(path): "café\n"}


def test_a_zero_character_is_refused_with_a_hint(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("abc".encode("utf-16-le"))
    with pytest.raises(CorpusError, match="zero character.*--encoding utf-16"):
        read(path)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_an_encoding_that_is_none_of_text_is_refused(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    with pytest.raises(CorpusError, match=f"--encoding {encoding} is unknown"):
        read(path, encoding)


def test_a_folder_of_another_encoding_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes("café".encode("utf-16"))
    assert read(tmp_path, "utf-16") == {str(tmp_path / "a.txt"): "café"}


def test_what_seqgen_keeps_in_a_folder_is_no_corpus(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "checkpoints" / "run").mkdir(parents=True)
    for name in ("last.safetensors", "metrics.jsonl", "config.toml"):
        (tmp_path / "checkpoints" / "run" / name).write_text("not text to learn from")
    assert read(tmp_path) == {str(tmp_path / "a.txt"): "text"}


def test_links_in_a_circle_end_nothing(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    assert read(tmp_path) == {str(tmp_path / "a.txt"): "text"}


def test_what_is_not_there_is_refused_with_what_is(tmp_path):
    with pytest.raises(CorpusError, match="no file or folder .*nothing.txt.*builtin:python-docs"):
        read(tmp_path / "nothing.txt")
    with pytest.raises(CorpusError, match="no file or folder ''"):
        read("")
    with pytest.raises(CorpusError, match="no built-in corpus 'poems'; there are python-docs, python-source"):
        read("builtin:poems")
    with pytest.raises(CorpusError, match="holds no text file"):
        read(tmp_path)


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    path.chmod(0)
    with pytest.raises(CorpusError, match="cannot be read: Permission denied"):
        read(path)


def test_the_built_in_corpora_are_there():
    docs = read("builtin:python-docs")
    assert len(docs) > 50
    assert "import" in docs["import"]
    source = read("builtin:python-source")
    assert "def dataclass(" in source["dataclasses.py"]
    assert not any("test" in name.split("/") for name in source)
