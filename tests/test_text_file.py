"""Files of text: decoding, errors and notes."""

import os
import random

import pytest

from seqgen.corpus import source_file
from seqgen.corpus import text_file as text_file_module
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import RawFile
from seqgen.corpus.text_file import TextFile


@pytest.fixture
def text_file(tmp_path):
    def make(content, encoding="utf-8", errors="strict", name="a.txt"):
        path = tmp_path / "a.txt"
        path.write_bytes(content)
        return TextFile(RawFile(name, lambda: path.open("rb")), encoding, errors)

    return make


def read(text):
    text.check()
    return "".join(text.chunks())


def summary_of(text):
    log = ReadingLog()
    text.report(log)
    return log.summary


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1000])
def test_characters_and_newlines_can_span_chunks(text_file, monkeypatch, chunk_bytes):
    monkeypatch.setattr(text_file_module, "CHUNK_BYTES", chunk_bytes)
    text = text_file("\ufeffé\r\n漢\r🦊\n".encode())
    assert read(text) == "é\n漢\n🦊\n"
    assert summary_of(text) == ["a.txt: Windows or old Mac newlines read as \\n"]


def test_plain_newlines_are_not_reported(text_file):
    text = text_file(b"a\nb\n")
    assert read(text) == "a\nb\n"
    assert summary_of(text) == []


def test_size_and_digest_depend_only_on_the_text(text_file):
    first = text_file("né\r\n".encode())
    assert first.size == 3
    assert text_file("né\n".encode("latin-1"), "latin-1").digest == first.digest
    assert text_file("nè\n".encode()).digest != first.digest


chunk_sizes = pytest.mark.parametrize("chunk_bytes", [1, 4, 1000])


@chunk_sizes
@pytest.mark.parametrize(
    ("content", "encoding", "where"),
    [
        (b"caf\xe9 au lait", "utf-8", "line 1, byte offset 3"),
        (b"ab\xe2\x82", "utf-8", "line 1, byte offset 2"),
        (b"ab\r\ncd\r\nef\xff", "utf-8", "line 3, byte offset 10"),
        (b"\xef\xbb\xbfa\n\xff", "utf-8", "line 2, byte offset 5"),
        (b"ab\n\xed\xa0\x80", "utf-8", "line 2, byte offset 3"),  # a lone surrogate
        ("ab\ncd\n".encode("utf-16") + b"\x00\xdce\x00", "utf-16-le", "line 3, byte offset 14"),
        ("ab\ncd".encode("utf-16-be") + b"\x00", "utf-16-be", "line 2, byte offset 10"),
        ("日\n本\n".encode("shift_jis") + b"\xff", "shift_jis", "line 3, byte offset 6"),
        (b"a\n\x81b", "cp1252", "line 2, byte offset 2"),
    ],
)
def test_invalid_bytes_are_an_error_with_line_and_byte_offset(
    text_file, monkeypatch, chunk_bytes, content, encoding, where
):
    monkeypatch.setattr(text_file_module, "CHUNK_BYTES", chunk_bytes)
    with pytest.raises(UnusableFileError, match=rf"a.txt is not {encoding} text \({where}\).*--encoding"):
        read(text_file(content, encoding))


@pytest.mark.parametrize(
    ("written", "named", "suggestion"),
    [
        ("cp1252", "utf-8", "cp1252"),
        ("utf-16-le", "utf-8", "utf-16-le"),
        ("utf-16-be", "utf-8", "utf-16-be"),
        ("utf-32-be", "utf-8", "utf-32-be"),
        ("utf-8", "utf-16", "utf-8"),
        ("utf-8", "ascii", "utf-8"),
        ("utf-8", "cp932", "utf-8"),
    ],
)
def test_an_encoding_that_fits_is_suggested(text_file, written, named, suggestion):
    text = text_file("“Hello”, it’s €5 – summary_of the cat\n".encode(written) * 100, named)
    expected = f"it looks like {suggestion}, so try --encoding {suggestion}$"
    with pytest.raises(UnusableFileError, match=expected) as caught:
        read(text)
    assert f"file in {suggestion}, not " in caught.value.kind
    assert "latin" not in str(caught.value)
    assert "“Hello”" in read(text_file("“Hello”, it’s €5\n".encode(written) * 100, suggestion))


def test_iso_2022_text_is_not_read_as_ascii(text_file):
    content = "吾輩は猫である。名前はまだ無い。\n".encode("iso2022_jp")
    with pytest.raises(UnusableFileError, match="so try --encoding iso2022_jp$"):
        read(text_file(content))
    assert read(text_file(content, "iso2022_jp")) == "吾輩は猫である。名前はまだ無い。\n"
    assert read(text_file(b"\x1b[1mbold\x1b(B\x1b[m of a terminal\n"))


def test_invalid_bytes_in_utf_8_text_can_be_replaced(text_file):
    content = "Die Straße führt über die Brücke.\n".encode() * 40 + b"\xff\n"
    with pytest.raises(
        UnusableFileError, match=r"\(line 41, byte offset 1,520\), though most of it is: --encoding-errors replace"
    ):
        read(text_file(content))
    text = text_file(content, errors="replace")
    assert read(text).endswith("Brücke.\n\ufffd\n")
    assert summary_of(text) == ["1 invalid byte in utf-8 text read as U+FFFD"]


def test_bytes_in_no_known_encoding_are_an_error_with_both_remedies(text_file):
    with pytest.raises(UnusableFileError, match="name its encoding with --encoding; --encoding-errors replace reads"):
        read(text_file(random.Random(1).randbytes(4000).replace(b"\0", b"")))


@chunk_sizes
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16-le", "utf-32-be"])
def test_a_nul_character_is_an_error_with_its_place(text_file, monkeypatch, chunk_bytes, encoding):
    monkeypatch.setattr(text_file_module, "CHUNK_BYTES", chunk_bytes)
    for module in (source_file, text_file_module):
        monkeypatch.setattr(module, "HEAD_BYTES", 64)
    lines = [f"line {number} of a text\n" for number in range(20)]
    for before in (2, 19):  # in the first bytes of the file, and beyond them
        begin = "".join(lines[:before])
        content = f"{begin}a\0{''.join(lines[before:])}".encode(encoding)
        place = rf"line {before + 1}, byte offset {len(f'{begin}a'.encode(encoding)):,},"
        with pytest.raises(UnusableFileError, match=f"a.txt has a NUL character at {place} .*remove it first"):
            read(text_file(content, encoding))


def test_a_binary_file_is_an_error(text_file):
    with pytest.raises(
        UnusableFileError, match=r"not utf-8 text but a binary file \(NUL at line 1, byte offset 0\)"
    ) as caught:
        read(text_file(bytes(range(256)) * 10))
    assert caught.value.kind == "binary file"


def test_the_encoding_can_be_specified(text_file):
    assert read(text_file("café".encode("latin-1"), "latin-1")) == "café"
    assert read(text_file("café\r\n".encode("utf-16"), "utf-16")) == "café\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("named", ["UTF8", "cp1252"])
def test_a_byte_order_mark_overrides_the_encoding(text_file, encoding, named):
    assert read(text_file("café\r\n".encode(encoding), named)) == "café\n"


def test_control_characters_of_latin_1_are_reported(text_file):
    text = text_file("it’s\n".encode("cp1252"), "latin-1")
    assert read(text) == "it\x92s\n"
    assert summary_of(text) == [
        "a.txt: control characters (U+0080 to U+009F) when read as iso8859-1; --encoding cp1252 may fit better"
    ]


def test_utf_8_read_in_another_encoding_is_reported(text_file):
    text = text_file("café\n".encode(), "cp1252")
    assert read(text) == "cafÃ©\n"
    assert summary_of(text) == ["a.txt: read as cp1252 (--encoding), although it is valid UTF-8"]
    for content in (b"caf\xe9\n", b"coffee\n"):
        assert read(text := text_file(content, "cp1252"))
        assert summary_of(text) == []


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"<!DOCTYPE html>\n<html><body>Hello</body></html>", "a.txt"),
        (b"\xef\xbb\xbf<!-- saved --><HTML lang='en'>", "page"),
        (b"<?xml version='1.0'?><poem/>", "a.fb2"),
        (b"Hello <b>world</b>", "a.html"),
        (b"Hello <b>world</b>", "a.htm.gz"),
    ],
)
def test_markup_is_read_and_reported(text_file, content, name):
    text = text_file(content, name=name)
    assert "<" in read(text)
    (note,) = summary_of(text)
    assert note.startswith(f"{name}: the tags of HTML or XML are learned, too; to learn only the text, extract it")


@pytest.mark.parametrize("content", [b"<p align=center>\n# A README\n", b"a < b", b"if x<y and y>z: pass"])
def test_text_with_a_few_tags_is_not_reported(text_file, content):
    text = text_file(content, name="a.md")
    read(text)
    assert summary_of(text) == []


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root can read everything")
def test_an_unreadable_file_is_an_error(tmp_path, text_file):
    text = text_file(b"abc")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(UnusableFileError, match="cannot be read: Permission denied"):
        read(text)
