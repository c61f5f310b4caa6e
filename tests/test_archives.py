"""Compressed files and archives; the writers of the standard library are the oracle."""

import bz2
import gzip
import lzma
import zipfile

import pytest

from seqgen.corpus import archives
from seqgen.corpus.reading import ReadingLog, UnusableFileError

PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
CONTENT = b"".join(b"line %d of a text\n" % i for i in range(100_000))

every_packing = pytest.mark.parametrize("suffix", PACKERS)


@pytest.fixture
def packed(tmp_path):
    def make(suffix, change=lambda data: data):
        path = tmp_path / f"a.txt{suffix}"
        path.write_bytes(change(PACKERS[suffix](CONTENT)))
        return path

    return make


def read(path, limit=10**9):
    with archives.unpacked(path.name, lambda: path.open("rb"), limit)() as file:
        return file.read()


@every_packing
def test_a_compressed_file_is_decompressed(packed, suffix):
    assert read(packed(suffix)) == CONTENT
    assert archives.without_packing(f"a.csv{suffix.upper()}") == "a.csv"


def test_a_file_that_is_not_compressed_is_unchanged(tmp_path):
    (tmp_path / "a.txt").write_bytes(CONTENT)
    assert read(tmp_path / "a.txt", limit=5) == CONTENT


@every_packing
@pytest.mark.parametrize(
    "change", [lambda data: data[: len(data) // 2], lambda data: b"no archive", lambda data: data[:9000] + b"x" * 900]
)
def test_a_broken_file_is_rejected(packed, suffix, change):
    with pytest.raises(UnusableFileError, match=f"a.txt{suffix} is damaged, or does not have the format of its suffix"):
        read(packed(suffix, change))


@every_packing
def test_decompression_stops_at_the_limit(packed, suffix):
    assert read(packed(suffix), limit=len(CONTENT)) == CONTENT
    with pytest.raises(UnusableFileError, match="unpacks to more than .* GB: raise --unpack-limit if that is correct"):
        read(packed(suffix), limit=len(CONTENT) - 1)


@pytest.fixture
def zipped(tmp_path):
    def make(members):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return tmp_path / "a.zip"

    return make


def members(path, log=None, limit=10**9):
    found = {}
    for name, open_member in archives.members(path, limit, log or ReadingLog()):
        with open_member() as file:
            found[name.removeprefix(f"{path}/")] = file.read()
    return found


def test_members_of_an_archive_are_read_in_order(zipped):
    assert members(zipped({"sub/b.txt": b"b", "a.txt": CONTENT})) == {"a.txt": CONTENT, "sub/b.txt": b"b"}


@pytest.mark.parametrize("name", ["../a.txt", "/etc/a.txt", "sub/../../a.txt", "C:/a.txt", "..\\a.txt"])
def test_members_with_a_path_outside_the_archive_are_skipped(zipped, name):
    log = ReadingLog()
    assert members(zipped({name: b"bad", "good.txt": b"good"}), log) == {"good.txt": b"good"}
    assert log.skipped == ["1 member with a path outside its archive"]


def test_hidden_members_and_nested_archives_are_skipped(zipped):
    log = ReadingLog()
    assert members(zipped({"__MACOSX/a": b"", ".b": b"", "c.zip": b"", "d": b"d"}), log) == {"d": b"d"}
    assert log.skipped == ["2 hidden files", "1 archive in an archive"]


def test_an_archive_above_the_limit_is_rejected(zipped):
    with pytest.raises(UnusableFileError, match="--unpack-limit"):
        members(zipped({"a": b"x" * 600, "b": b"y" * 600}), limit=1000)


def test_a_damaged_member_is_rejected_by_name(zipped):
    path = zipped({"a.txt": CONTENT})
    data = bytearray(path.read_bytes())
    data[5000:5100] = b"x" * 100
    path.write_bytes(data)
    with pytest.raises(UnusableFileError, match=r"a.zip/a.txt is damaged"):
        members(path)


def test_a_member_without_a_name_is_skipped(zipped):
    log, path = ReadingLog(), zipped({"nameless": b"bad", "good.txt": b"good"})
    path.write_bytes(path.read_bytes().replace(b"nameless", b"\0ameless"))  # a zero ends a name
    assert members(path, log) == {"good.txt": b"good"}
    assert log.skipped == ["1 member without a name"]


def test_unusual_names_of_members_raise_no_exception(zipped):
    assert members(zipped({".": b"dot", "good.txt": b"good"}))["good.txt"] == b"good"


def test_a_file_that_is_not_an_archive_is_rejected(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(UnusableFileError, match="a.zip is damaged, or does not have the format of its suffix"):
        members(tmp_path / "a.zip")
