"""Compressed files, which are read in place: .gz, .bz2, .xz and the members of a .zip."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from seqgen.corpus.reading import ReadingLog, UnusableFileError, unreadable

Opener = Callable[[], io.BufferedReader]

ZIP = ".zip"
_BUFFER_BYTES = 1 << 18  # unpacked at a time; the default of 8 KiB takes three times as long
_UNPACKERS: dict[str, Callable[[IO[bytes]], IO[bytes]]] = {
    ".gz": lambda file: cast(IO[bytes], gzip.GzipFile(fileobj=file)),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
# A few bytes can claim gigabytes, which raise a MemoryError.
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, ValueError, MemoryError)


def without_packing(name: str) -> str:
    """Return the name of a file without the suffix of its compression: `a.csv` for `a.csv.gz`."""
    suffix = _suffix(name)
    return name[: -len(suffix)] if suffix else name


def unpacked(name: str, open_packed: Opener, limit: int) -> Opener:
    """Return a function that opens a file unpacked; a file that is not compressed is opened as it is.

    Args:
        name: the name, whose suffix shows the compression.
        open_packed: opens the file as it is.
        limit: the largest number of bytes that it may unpack to.
    """
    suffix = _suffix(name)
    if not suffix:
        return open_packed
    unpack = _UNPACKERS[suffix]
    return lambda: io.BufferedReader(_Unpacked(name, open_packed, unpack, limit), _BUFFER_BYTES)


def members(path: Path, limit: int, log: ReadingLog) -> Iterator[tuple[str, Opener]]:
    """Yield name and opener of each usable file in a zip archive, sorted by name.

    Raises:
        UnusableFileError: it is not an archive, or unpacks to more than the limit.
    """
    try:
        archive = zipfile.ZipFile(path)  # must stay open for its members
    except _BROKEN as error:
        raise _broken(str(path), error) from error
    infos = sorted(archive.infolist(), key=lambda info: info.filename)
    if sum(info.file_size for info in infos) > limit:
        raise _too_large(str(path), limit)
    for info in infos:
        name, place = f"{path}/{info.filename}", PurePosixPath(info.filename.replace("\\", "/"))
        if info.filename.endswith("/"):
            continue
        if not info.filename:
            log.skip("member without a name", str(path))
        elif place.is_absolute() or ".." in place.parts or ":" in "".join(place.parts[:1]):
            log.skip("member with a path outside its archive", name)
        elif any(part.startswith(".") or part == "__MACOSX" for part in place.parts):
            log.skip("hidden file", name)
        elif info.flag_bits & 1:
            log.skip("encrypted member", name)
        elif place.suffix.lower() == ZIP:
            log.skip("archive in an archive", name)
        else:
            yield name, _member_opener(archive, info, name)


def _member_opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Opener:
    def open_member() -> IO[bytes]:
        return archive.open(info)

    return lambda: io.BufferedReader(_Unpacked(name, open_member, lambda file: file, info.file_size), _BUFFER_BYTES)


class _Unpacked(io.RawIOBase):
    """Unpacks a stream; rejects broken data and more than a number of bytes."""

    def __init__(
        self,
        name: str,
        open_packed: Callable[[], IO[bytes]],
        unpack: Callable[[IO[bytes]], IO[bytes]],
        limit: int,
    ) -> None:
        self._name = name
        self._limit = self._left = limit
        try:
            self._packed = open_packed()
            self._stream = unpack(self._packed)
        except _BROKEN as error:
            raise _broken(name, error) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what comes is writable
        try:
            data = self._stream.read(len(buffer))
        except _BROKEN as error:
            raise _broken(self._name, error) from error
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._name, self._limit)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        for file in ("_stream", "_packed"):  # missing if the constructor has failed
            if hasattr(self, file):
                getattr(self, file).close()
        super().close()


def _suffix(name: str) -> str:
    return next((suffix for suffix in _UNPACKERS if name.lower().endswith(suffix)), "")


def _broken(name: str, error: Exception) -> UnusableFileError:
    if isinstance(error, OSError) and error.errno:
        return unreadable(name, error)
    return UnusableFileError(
        "broken archive",
        f"{name} is damaged, or does not have the format of its suffix: {str(error) or 'it needs too much memory'}",
    )


def _too_large(name: str, limit: int) -> UnusableFileError:
    return UnusableFileError(
        "archive of more than --unpack-limit",
        f"{name} unpacks to more than {limit / 1e9:g} GB: raise --unpack-limit if that is correct",
    )
