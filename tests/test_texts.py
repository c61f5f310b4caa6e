"""Files of text, chunk by chunk."""

import io
import os

import pytest

from seqgen.corpus import texts
from seqgen.corpus.reading import UnfitError
from seqgen.corpus.texts import TextFile
from seqgen.errors import UsageError


@pytest.fixture
def text_file(tmp_path):
    def make(content, encoding="utf-8"):
        path = tmp_path / "a.txt"
        path.write_bytes(content)
        return TextFile("a.txt", lambda: path.open("rb"), encoding)

    return make


def read(text):
    return "".join(text.chunks())


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1000])
def test_characters_and_newlines_may_lie_across_chunks(text_file, monkeypatch, chunk_bytes):
    monkeypatch.setattr(texts, "CHUNK_BYTES", chunk_bytes)
    text = text_file("\ufeffé\r\n漢\r🦊\n".encode())
    assert read(text) == "é\n漢\n🦊\n"
    assert text.newlines_changed


def test_plain_newlines_are_not_reported(text_file):
    text = text_file(b"a\nb\n")
    assert read(text) == "a\nb\n"
    assert not text.newlines_changed


def test_the_survey_counts_characters_and_depends_on_the_text_alone(text_file):
    survey = text_file("né\r\n".encode()).survey
    assert survey.size == 3
    assert text_file("né\n".encode("latin-1"), "latin-1").survey == survey
    assert text_file("nè\n".encode()).survey != survey


@pytest.mark.parametrize("chunk_bytes", [1, 4, 1000])
@pytest.mark.parametrize(
    ("content", "offset"), [(b"caf\xe9 au lait", 3), (b"ab\xe2\x82", 2), (b"abcdef\xff", 6), (b"\xef\xbb\xbfab\xff", 5)]
)
def test_text_of_another_encoding_is_refused_with_its_byte_offset(text_file, monkeypatch, chunk_bytes, content, offset):
    monkeypatch.setattr(texts, "CHUNK_BYTES", chunk_bytes)
    with pytest.raises(UnfitError, match=rf"a.txt is not utf-8 text \(byte offset {offset}\).*--encoding"):
        read(text_file(content))


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "utf-8\0", ""])
def test_an_encoding_that_there_is_not_is_refused(encoding):
    with pytest.raises(UsageError, match="is unknown; utf-8, utf-16"):
        texts.incremental_decoder(encoding)


def test_another_encoding_can_be_named(text_file):
    assert read(text_file("café".encode("latin-1"), "latin-1")) == "café"
    assert read(text_file("café\r\n".encode("utf-16"), "utf-16")) == "café\n"


def test_the_mark_of_utf_16_is_enough(text_file):
    assert read(text_file("café\r\n".encode("utf-16"))) == "café\n"


def test_a_tar_archive_is_refused_with_the_remedy(tmp_path):
    text = TextFile("poems.tar.gz", lambda: io.BufferedReader(io.BytesIO(b"poems\0\0")))
    with pytest.raises(UnfitError, match="is a tar archive: unpack it, or make it a .zip"):
        read(text)


def test_an_encoding_may_be_spelled_in_many_ways(text_file):
    assert read(text_file("café".encode("utf-16"), "UTF8")) == "café"


def test_a_zero_character_is_refused_with_a_hint(text_file):
    with pytest.raises(UnfitError, match="zero character.*--encoding utf-16"):
        read(text_file("abc".encode("utf-16-le")))


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", lambda: 1)() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path, text_file):
    text = text_file(b"abc")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(UnfitError, match="cannot be read: Permission denied"):
        read(text)
