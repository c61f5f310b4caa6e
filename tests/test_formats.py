"""Files that are not plain text; files written by other programs and libraries are the oracle."""

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import wave
import zipfile
from pathlib import PurePath

import pytest
from matplotlib.figure import Figure
from PIL import Image

from seqgen.config import CorpusConfig
from seqgen.corpus.formats import recognized
from seqgen.corpus.kinds import source_files
from seqgen.corpus.reading import ReadingLog
from seqgen.errors import CorpusError


def zipped(*names, mimetype=None):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        for name in names:
            archive.writestr(name, "<xml>some text</xml>" * 10)
    return content.getvalue()


def tarred(format_):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=format_) as archive:
        archive.addfile(tarfile.TarInfo("poem.txt"))
    return content.getvalue()


def written(write):
    content = io.BytesIO()
    write(content)
    return content.getvalue()


def image(format_):
    return written(lambda file: Image.new("RGB", (8, 8)).save(file, format_))


def drawn(format_):
    return written(lambda file: Figure().savefig(file, format=format_))


def sound():
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(100))
    return content.getvalue()


def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table poems (text)")
    return connection.serialize()


WORD = zipped("[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "word/document.xml")
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
TAR = tarred(tarfile.GNU_FORMAT)

FILES = {
    "a.pdf": (drawn("pdf"), "PDF file", "pdftotext"),
    "report": (drawn("pdf"), "PDF file", "pdftotext"),
    "a.ps": (drawn("ps"), "PostScript file", "ps2ascii"),
    "a.docx": (WORD, "Word document", "pandoc"),
    "letter": (WORD, "Word document", "pandoc"),
    "big.docx": (zipped("docProps/thumbnail.jpeg"), "Word document", "pandoc"),
    "a.xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "spreadsheet", "csv"),
    "a.pptx": (zipped("[Content_Types].xml", "ppt/presentation.xml"), "presentation", "PDF"),
    "a.epub": (zipped("META-INF/container.xml", mimetype="application/epub+zip"), "EPUB book", "pandoc"),
    "a.odt": (zipped("content.xml", mimetype="application/vnd.oasis.opendocument.text"), "OpenDocument text", "pandoc"),
    "a.doc": (OLD, "Word document", "soffice"),
    "a.xls": (OLD, "spreadsheet", "csv"),
    "a.rtf": (rb"{\rtf1\ansi Hello}", "RTF document", "pandoc"),
    "a.parquet": (b"PAR1\x15\x04" + bytes(100) + b"PAR1", "Parquet file", "read_parquet"),
    "a.sqlite": (database(), "SQLite database", "sqlite3"),
    "a.tar": (TAR, "tar archive", "tar xf"),
    "old.tar": (tarred(tarfile.USTAR_FORMAT).replace(b"ustar", bytes(5)), "tar archive", "tar xf"),
    "a.tar.gz": (gzip.compress(TAR), "tar archive", "tar xf"),
    "a.tgz": (gzip.compress(TAR), "tar archive", "tar xf"),
    "a.tbz2": (bz2.compress(TAR), "tar archive", "tar xf"),
    "a.txz": (lzma.compress(TAR), "tar archive", "tar xf"),
    "a": (gzip.compress(b"text"), "gzip file without the suffix .gz", "mv FILE FILE.gz"),
    "b": (bz2.compress(b"text"), "bzip2 file without the suffix .bz2", "mv FILE FILE.bz2"),
    "c": (lzma.compress(b"text"), "xz file without the suffix .xz", "mv FILE FILE.xz"),
    "d.dat": (zipped("a.txt"), "ZIP archive without the suffix .zip", "mv FILE FILE.zip"),
    "e.dat": (zipped(), "ZIP archive without the suffix .zip", "mv FILE FILE.zip"),
    "a.txt.zst": (b"\x28\xb5\x2f\xfd\x04\x00 text", "Zstandard file", "zstd -d"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c\0\4", "7z archive", "7z x"),
    "a.rar": (b"Rar!\x1a\x07\x01\0", "RAR archive", "unrar x"),
    "a.png": (image("PNG"), "image", "tesseract"),
    "a.jpg": (image("JPEG"), "image", "tesseract"),
    "a.gif": (image("GIF"), "image", "tesseract"),
    "a.bmp": (image("BMP"), "image", "tesseract"),
    "a.tiff": (image("TIFF"), "image", "tesseract"),
    "a.webp": (image("WEBP"), "image", "tesseract"),
    "a.wav": (sound(), "audio file", "transcribe"),
    "a.mp3": (b"ID3\x03\0\0\0\0\0\0", "audio file", "transcribe"),
    "b.mp3": (b"\xff\xfb\x90\x64" + bytes(100), "audio file", "transcribe"),
    "a.mp4": (b"\0\0\0\x18ftypisom\0\0\2\0", "video", "transcribe"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_text_is_rejected_with_its_format_and_a_remedy(tmp_path, name):
    content, kind, remedy = FILES[name]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a.txt").write_bytes(b"text")
    with pytest.raises(CorpusError, match=rf"{name} is not plain text \({kind}\): ") as caught:
        source_files([str(tmp_path / name)], CorpusConfig(), ReadingLog())
    assert remedy in str(caught.value)
    assert "--encoding" not in str(caught.value)
    log = ReadingLog()
    (text,) = source_files([str(tmp_path)], CorpusConfig(), log)
    assert PurePath(text.name).name == "a.txt"
    assert [phrase.startswith(f"1 {kind}") for phrase in log.skipped] == [True]


@pytest.mark.parametrize(
    "text",
    ["BMW builds cars", "MZ is a prefix", "ID3 tags", "PARIS", "PAR1S", "Rar! said the lion", "RIFFs and WAVEs", "PK",
     "The ftyp box", "OggS", "%PDF is a format", "%! a prompt", "GIF89a", "{\\rt", "BZh is nothing", "MThd", ""],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.txt", "a.docx", "a.tar", "a.pdf"])
def test_text_is_not_mistaken_for_another_format(text, name):
    assert recognized(text.encode() + b"\n and more text" * 20, name) is None


@pytest.mark.parametrize("word", ["ясный день", "ящик", "Яблоко"])
def test_text_in_another_encoding_is_not_mistaken_for_another_format(word):
    assert recognized(word.encode("cp1251") + b"\nand more", "a.txt") is None


def test_files_of_a_kind_are_counted_together(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"text")
    for number in range(3):
        (tmp_path / f"{number}.pdf").write_bytes(FILES["a.pdf"][0])
        (tmp_path / f"{number}").write_bytes(FILES["a"][0])
    log = ReadingLog()
    source_files([str(tmp_path)], CorpusConfig(), log)
    assert sorted(log.skipped) == ["3 PDF files", "3 gzip files without the suffix .gz"]
