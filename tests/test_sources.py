"""Sources: files, folders, patterns, standard input, archives and built-in corpora."""

import contextlib
import errno
import io
import os
import socket
import sys
import zipfile
from pathlib import Path, PurePath

import pytest

from seqgen.config import CorpusConfig
from seqgen.corpus.kinds import source_files
from seqgen.corpus.music_file import MusicFile
from seqgen.corpus.reading import ReadingLog
from seqgen.errors import CorpusError, UsageError


def find(*sources, log=None, **options):
    return source_files(map(str, sources), CorpusConfig(**options), log or ReadingLog())


def read(*sources, **options):
    return {text.name: "".join(text.chunks()) for text in find(*sources, **options)}


def make(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_a_file_is_one_text(tmp_path):
    make(tmp_path, {"a.txt": "héllo\n".encode()})
    assert read(tmp_path / "a.txt") == {str(tmp_path / "a.txt"): "héllo\n"}


def test_a_folder_is_read_recursively_in_order_without_hidden_and_binary_files(tmp_path):
    make(tmp_path, {"b.txt": b"b", "sub/a.txt": b"a", ".hidden": b"h", ".git/x": b"x", "p.bin": b"\x89\0"})
    log = ReadingLog()
    assert [text.name for text in find(tmp_path, log=log)] == [
        str(tmp_path / "b.txt"),
        str(tmp_path / "sub" / "a.txt"),
    ]
    assert log.skipped == ["2 hidden files", "1 binary file"]
    assert f"skipped binary file: {tmp_path / 'p.bin'} is not utf-8 text but a binary file" in log.details[-1]


def test_several_sources_are_read_in_the_order_given(tmp_path):
    make(tmp_path, {"a.txt": b"a", "b.txt": b"b"})
    assert list(read(tmp_path / "b.txt", tmp_path / "a.txt").values()) == ["b", "a"]


def test_a_pattern_selects_the_files_that_match(tmp_path):
    make(tmp_path, {"a.txt": b"a", "b.md": b"b", "sub/c.txt": b"c", ".d.txt": b"d", "sub/deep/e.txt": b"e"})
    assert list(read(tmp_path / "*.txt").values()) == ["a"]
    assert list(read(tmp_path / "**" / "*.txt").values()) == ["a", "c", "e"]
    assert list(read(tmp_path / "s*").values()) == ["c", "e"]
    with pytest.raises(CorpusError, match=r"nothing matches '.*\*\.csv'"):
        find(tmp_path / "*.csv")


def test_files_of_a_pattern_are_sorted_by_name(tmp_path):
    make(tmp_path, {"a/b.txt": b"b", "a.txt": b"a"})
    assert list(read(tmp_path / "*").values()) == ["b", "a"]
    assert list(read(tmp_path / "**" / "*").values()) == ["a", "b"]
    assert list(read(tmp_path).values()) == ["b", "a"]


def test_an_existing_file_takes_precedence_over_a_pattern(tmp_path):
    make(tmp_path, {"a[1].txt": b"one"})
    assert list(read(tmp_path / "a[1].txt").values()) == ["one"]


def test_standard_input_is_read_once_and_can_be_iterated_again(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("pipéd\n".encode())))
    (text,) = find("-")
    for _ in range(2):
        assert "".join(text.chunks()) == "pipéd\n"
    with pytest.raises(CorpusError, match="standard input, which can be read only once"):
        find("-")


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
def test_a_named_pipe_is_read_like_standard_input(tmp_path):
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"through a pipe",))
    writer.start()
    (text,) = find(pipe)
    writer.join()
    assert ["".join(text.chunks()) for _ in range(2)] == ["through a pipe"] * 2


def test_archives_in_a_folder_are_read_and_broken_ones_are_skipped(tmp_path):
    make(tmp_path, {"a.txt": b"a", "broken.zip": b"PK no archive", "broken.gz": b"no archive"})
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("member.txt", "m")
    log = ReadingLog()
    texts = {text.name: "".join(text.chunks()) for text in find(tmp_path, log=log)}
    assert texts == {str(tmp_path / "a.txt"): "a", f"{tmp_path / 'z.zip'}/member.txt": "m"}
    assert log.skipped == ["2 broken archives"]


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_an_unknown_text_encoding_is_an_error(tmp_path, encoding):
    make(tmp_path, {"a.txt": b"abc"})
    with pytest.raises(UsageError, match=f"--encoding {encoding} is not a known text encoding"):
        find(tmp_path / "a.txt", encoding=encoding)


def test_a_folder_can_be_read_in_another_encoding(tmp_path):
    make(tmp_path, {"a.txt": "café".encode("utf-16-le")})
    assert read(tmp_path, encoding="utf-16-le") == {str(tmp_path / "a.txt"): "café"}


@pytest.mark.skipif(os.name == "nt", reason="needs links, pipes and sockets")
def test_links_devices_pipes_and_sockets_in_a_folder_are_skipped_and_counted(tmp_path):
    make(tmp_path, {"a.txt": b"text", "sub/b.txt": b"more"})
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nothing")
    for one, other in (("x", "y"), ("y", "x")):
        (tmp_path / one).symlink_to(tmp_path / other)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null").symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(tmp_path):  # the path of a socket must be short
            server.bind("socket")
        expected = ["3 dangling links", "1 device", "1 pipe", "1 socket"]
        for source in (tmp_path, tmp_path / "**" / "*", tmp_path / "*"):
            assert [PurePath(name).name for name in read(source)] == ["a.txt", "b.txt"]
        assert sorted(skipped_in(tmp_path)) == sorted([*expected, "1 linked folder"])
        assert set(expected) <= set(skipped_in(tmp_path / "**" / "*"))
        with pytest.raises(CorpusError, match="socket is a socket, which cannot be read"):
            find(tmp_path / "socket")
    with pytest.raises(CorpusError, match="gone.txt is a link to .*nothing, which does not exist"):
        find(tmp_path / "gone.txt")


def skipped_in(source):
    log = ReadingLog()
    find(source, log=log)
    return log.skipped


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_files_whose_names_are_not_utf_8_are_read(tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    make(tmp_path, {name: b"text"})
    assert read(tmp_path) == {str(tmp_path / name): "text"}


@pytest.fixture
def fail(monkeypatch):
    """Return a function that makes a system call fail for a file name, for root as well."""

    def fail(place, function, name, number):
        before = getattr(place, function)

        def guarded(path, *arguments, **options):
            if PurePath(path).name == name:
                raise OSError(number, os.strerror(number), str(path))
            return before(path, *arguments, **options)

        monkeypatch.setattr(place, function, guarded)

    return fail


def test_unreadable_files_in_a_folder_are_skipped_and_counted_with_the_reason(tmp_path, fail):
    make(tmp_path, {"a.txt": b"text", "b.txt": b"b", "c.txt": b"c", "d.txt.gz": b"d", "lost+found/e.txt": b"e"})
    fail(os, "scandir", "lost+found", errno.EACCES)
    fail(Path, "stat", "b.txt", errno.EACCES)
    fail(Path, "open", "c.txt", errno.EIO)
    fail(Path, "open", "d.txt.gz", errno.EACCES)
    assert list(read(tmp_path).values()) == ["text"]
    assert skipped_in(tmp_path) == [
        "1 unreadable folder (Permission denied)",
        "2 unreadable files (Permission denied)",
        "1 unreadable file (Input/output error)",
    ]


def test_an_unreadable_folder_is_an_error(tmp_path, fail):
    make(tmp_path, {"sub/a.txt": b"abc"})
    fail(os, "scandir", "sub", errno.EACCES)
    with pytest.raises(CorpusError, match="sub cannot be read: Permission denied"):
        find(tmp_path / "sub")


@pytest.mark.parametrize("name", ["n" * 300, "a.txt/b.txt"])
def test_an_invalid_file_name_is_an_error(tmp_path, name):
    make(tmp_path, {"a.txt": b"text"})
    with pytest.raises(CorpusError, match="there is no file or folder|n cannot be read: "):
        find(tmp_path / name)


def test_a_missing_source_is_an_error_that_lists_the_built_in_corpora(tmp_path):
    with pytest.raises(CorpusError, match="no file or folder .*nothing.txt.*builtin:python-docs"):
        find(tmp_path / "nothing.txt")
    with pytest.raises(CorpusError, match="no file or folder ''"):
        find("")
    with pytest.raises(CorpusError, match="no built-in corpus 'poems'; choose one of python-docs, python-source"):
        find("builtin:poems")
    with pytest.raises(CorpusError, match="holds no text"):
        find(tmp_path)


def test_a_folder_without_text_is_an_error_that_lists_the_skipped_files(tmp_path):
    make(tmp_path, {".hidden": b"x", "p.png": b"\0", "q.png": b"\0"})
    with pytest.raises(CorpusError, match=r"holds no text \(skipped 1 hidden file; 2 binary files\)"):
        find(tmp_path)


SCORE = b'<?xml version="1.0"?>\n<!DOCTYPE score-partwise>\n<!-- a tune -->\n<score-partwise version="4.0"/>'


def test_a_mixture_of_music_and_text_is_an_error_with_the_counts_and_the_remedy(tmp_path):
    make(tmp_path, {"a.txt": b"a", "b.txt": b"b", "c.mid": b"MThd\0", "d.abc": b"X:1\nK:C\nCDE|", "e.xml": SCORE})
    with pytest.raises(CorpusError, match="3 files of music and 2 files of text: --level note reads only the music, "):
        find(tmp_path)
    assert list(read(tmp_path, level="character").values()) == ["a", "b", "X:1\nK:C\nCDE|", SCORE.decode()]


@pytest.mark.parametrize("name", ["a.mid", "a.abc", "a.musicxml", "a.krn", "a.XML", "a.abc.gz"])
def test_files_of_music_are_recognized(tmp_path, name):
    import gzip

    make(tmp_path, {name: gzip.compress(SCORE) if name.endswith("gz") else SCORE})
    (found,) = find(tmp_path / name)
    assert isinstance(found, MusicFile)
    (found,) = find(tmp_path / name, level="character")
    assert not isinstance(found, MusicFile)


def test_the_note_level_reads_only_the_music_in_a_folder(tmp_path):
    make(tmp_path, {"a.txt": b"a", "c.mid": b"MThd\0", "p.png": b"\0"})
    log = ReadingLog()
    found = source_files([str(tmp_path)], CorpusConfig(level="note"), log)
    assert [PurePath(music.name).name for music in found] == ["c.mid"]
    assert log.skipped == ["2 files without music"]


def test_text_is_an_error_at_the_note_level(tmp_path):
    make(tmp_path, {"a.txt": b"a"})
    with pytest.raises(CorpusError, match="a.txt is not music: the note level reads MIDI, MusicXML, kern and ABC"):
        find(tmp_path / "a.txt", level="note")
    with pytest.raises(CorpusError, match="holds no music"):
        find(tmp_path, level="note")


def test_xml_without_music_is_text(tmp_path):
    make(tmp_path, {"a.xml": b'<?xml version="1.0"?><!-- <score-partwise> --><recipes/>'})
    assert len(read(tmp_path / "a.xml")) == 1


def test_built_in_corpora_are_read():
    docs = read("builtin:python-docs")
    assert len(docs) > 50
    assert "import" in docs["import"]
    source = read("builtin:python-source")
    assert "def dataclass(" in source["dataclasses.py"]
    assert not any("test" in name.split("/") for name in source)
