"""Signals in a corpus: the images, recordings or strokes that texts are given."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from seqgen.corpus.documents import Document
from seqgen.encoders import SIGNALS, signal_class
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.errors import CorpusError, SignalError
from seqgen.levels.base import Coding

TEXT_KIND = "text"
MAX_BYTES = 1 << 28  # of a signal, which is held in memory
_MAX_REMEMBERED = 1 << 20
_readable: set[bytes] = set()  # the signals that this process has decoded, which every pass over a corpus would repeat
_MIN_SHARE = 0.5  # of the values of a column that are lists, or paths of files, so that it is one of signals


class SignalDocument(Document[bytes]):
    """A signal, which is read when it is needed.

    Args:
        name: the name in errors and reports.
        kind: what it is, one of `SIGNALS`.
        read: returns its bytes.
        row: the number of the record that it comes from, if it comes from one.
    """

    def __init__(self, name: str, kind: str, read: Callable[[], bytes], row: int | None = None) -> None:
        self.name = name
        self.row = row
        self._kind = kind
        self._read = read

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole signal."""
        yield self._read()

    @cached_property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._read())

    @cached_property
    def digest(self) -> bytes:
        """A hash of the bytes."""
        return self.signal.digest

    @property
    def signal(self) -> Signal:
        """The signal itself, which is read again when it is needed."""
        return Signal(self.name, hashlib.sha256(self._read()).digest()[:16], self._read)

    def check(self) -> None:
        """Check that the signal can be read; what was found readable is not decoded again.

        Raises:
            SignalError: it cannot.
        """
        key = self.digest + self._kind.encode()
        if key not in _readable:
            signal_class(self._kind).check(self._read())
            if len(_readable) < _MAX_REMEMBERED:
                _readable.add(key)


def kind_of(coding: Coding[Any]) -> str:
    """Return the kind of what a coding encodes: `TEXT_KIND`, or a kind of signal."""
    return coding.name if isinstance(coding, SignalCoding) else TEXT_KIND


@cache
def _kinds() -> dict[str, str]:
    """Return the kind of signal of each suffix."""
    return {suffix: kind for kind in SIGNALS for suffix in signal_class(kind).suffixes}


def kind_of_suffix(suffix: str) -> str:
    """Return the kind of the signals in files with a suffix, otherwise `TEXT_KIND`."""
    return _kinds().get(suffix.lower(), TEXT_KIND)


def kind_of_values(values: Sequence[Any], folder: Path) -> str:
    """Return the kind of signals that the values of a column or field are: lists of points, or paths of files.

    Args:
        values: the first values.
        folder: that of the table, to which paths are relative.

    Raises:
        LookupError: most values are names of such files, but the files are missing or of several kinds; the message
            says which.
    """
    if sum(isinstance(value, list) for value in values) > _MIN_SHARE * len(values):
        return "strokes"
    texts = [value for value in values if isinstance(value, str)]
    named = [value for value in texts if kind_of_suffix(PurePath(value).suffix) != TEXT_KIND]
    if len(named) <= _MIN_SHARE * len(values):
        return TEXT_KIND
    missing = [value for value in named if not _is_file(folder, value)]
    if len(missing) > _MIN_SHARE * len(named):
        raise LookupError(f"there is no file {missing[0]!r} below {folder}, to which the paths must be relative")
    kinds = sorted({kind_of_suffix(PurePath(value).suffix) for value in named})
    if len(kinds) > 1:
        raise LookupError(f"it names files of several kinds: {', '.join(kinds)}")
    return kinds[0]


def signal_of(value: Any, kind: str, name: str, folder: Path, row: int) -> SignalDocument:
    """Return the signal that a value is, or whose path it is.

    Args:
        value: a list of strokes, or the path of a file below the folder of the table.
        kind: the kind of the signal.
        name: that of the file with the value.
        folder: that of the table.
        row: the number of the record.

    Raises:
        LookupError: it is neither; the message says why.
    """
    if isinstance(value, list):
        return SignalDocument(name, kind, lambda: json.dumps(value).encode(), row)
    if not isinstance(value, str):
        raise LookupError("it is neither a path nor a list of strokes")
    if not _is_file(folder, value):
        raise LookupError(f"there is no file {value!r} below the folder of the table")
    return SignalDocument(value, kind, lambda: read_signal(folder / value), row)


def read_signal(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        SignalError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            return read_limited(file)
    except OSError as error:
        raise SignalError(f"unreadable file ({error.strerror})", f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SignalError("unreadable file", f"cannot be read: {error}") from error


def signal_in(path: Path, expected: str) -> Signal:
    """Return the signal in a file.

    Args:
        path: of the file.
        expected: what the file should hold, for messages.

    Raises:
        CorpusError: it cannot be read, or is too large.
    """
    try:
        return Signal.of(str(path), read_signal(path))
    except SignalError as error:
        raise CorpusError(f"{path} {error}: name a file of the kind that this model is given ({expected})") from error


def read_limited(file: BinaryIO) -> bytes:
    """Return the content of an open file.

    Raises:
        SignalError: it is too large.
    """
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SignalError("huge file", f"has more than {MAX_BYTES >> 20} MiB")
    return data


def _is_file(folder: Path, value: str) -> bool:
    """Return whether a value is the path of a file below a folder."""
    try:
        path = (folder / value).resolve()
        return path.is_file() and path.is_relative_to(folder.resolve())
    except (OSError, ValueError):  # too long, or with a NUL
        return False
