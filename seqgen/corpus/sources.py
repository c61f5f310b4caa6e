"""The files that a SOURCE names: a path, a pattern, a folder, an archive, a built-in corpus or standard input."""

import errno
import glob
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from seqgen.config import CorpusConfig
from seqgen.corpus import archives, builtin
from seqgen.corpus.archives import Opener
from seqgen.corpus.folders import distinct, files_among, files_below, mode_of, special
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import RawFile
from seqgen.errors import CorpusError
from seqgen.options import parse_size

BUILTIN = "builtin:"
STANDARD_INPUT = "-"

_ANY_FOLDERS = re.compile(r"(?:\*\*/)+")  # one is enough, and each costs as much as all folders


def find_files(source: str, config: CorpusConfig, log: ReadingLog) -> list[RawFile]:
    """Return all files that a source names, binary files too, in order.

    Args:
        source: as the user named it.
        config: the options of the corpus.
        log: counts what is skipped.

    Raises:
        CorpusError: the source does not exist or cannot be read.
    """
    if source.startswith(BUILTIN):
        return builtin.files(source.removeprefix(BUILTIN))
    if not source.isprintable():
        raise CorpusError(f"the name {source!r} has a character that cannot be printed: rename the file")
    if is_stream(source):
        return [RawFile("standard input" if source == STANDARD_INPUT else source, _Copy(source))]
    path = Path(source)
    limit = parse_size(config.unpack_limit)
    is_alone = stat.S_ISREG(mode_of(path)) and path.suffix.lower() != archives.ZIP
    return [
        RawFile(name, archives.unpacked(name, open_packed, limit), is_alone)
        for file in _paths(source, log)
        for name, open_packed in _openers(file, limit, log, is_alone=file == path)
    ]


def is_stream(source: str) -> bool:
    """Return whether a source can be read only once, and by one process."""
    return source == STANDARD_INPUT or stat.S_ISFIFO(mode_of(Path(source)))


def _paths(source: str, log: ReadingLog) -> list[Path]:
    """Return the files that a path or a pattern names."""
    path = Path(source)
    if source and (mode := mode_of(path)):
        if kind := special(mode):
            raise CorpusError(f"{source} is a {kind}, which cannot be read: name a file or a folder, or pipe it to -")
        return files_below(path, log) if stat.S_ISDIR(mode) else [path]
    pattern = _ANY_FOLDERS.sub("**/", source)
    matches = glob.glob(pattern, recursive=True) if glob.has_magic(source) else []  # noqa: PTH207  # absolute, too
    if not matches:
        raise _missing(source)
    paths = distinct(list(map(Path, sorted(matches))), log)
    files = set(files_among(paths, log))
    found = []
    for path in paths:
        if path in files:
            found.append(path)
        elif path.is_dir() and "**" not in source:
            found += files_below(path, log)
    return distinct(found, log)


def _missing(source: str) -> CorpusError:
    """Return the error for a source that does not name anything."""
    path = Path(source)
    try:
        if path.is_symlink():
            return CorpusError(f"{source} is a link to {path.readlink()}, which does not exist")
        path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            return CorpusError(f"{source} cannot be read: {error.strerror}")
    what = "nothing matches" if glob.has_magic(source) else "there is no file or folder"
    return CorpusError(f"{what} {source!r}; built-in corpora are {', '.join(BUILTIN + name for name in builtin.NAMES)}")


def _openers(path: Path, limit: int, log: ReadingLog, *, is_alone: bool) -> Iterator[tuple[str, Opener]]:
    """Yield name and opener of a file, or of each member of an archive."""
    if path.suffix.lower() != archives.ZIP:
        yield str(path), lambda: path.open("rb")
        return
    try:
        yield from archives.members(path, limit, log)
    except UnusableFileError as error:
        log.skip_or_raise(error, is_alone=is_alone)


class _Copy:
    """Opens a copy of standard input or of a pipe, which exists as long as this object."""

    def __init__(self, source: str) -> None:
        if source == STANDARD_INPUT and (sys.stdin is None or sys.stdin.closed or sys.stdin.isatty()):
            raise CorpusError(
                "- is standard input, which can be read only once and must be a pipe: cat FILE | seqgen ... --corpus -"
            )
        folder = tempfile.mkdtemp(prefix="seqgen-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._path = Path(folder, "copy")
        try:
            with (
                sys.stdin.buffer if source == STANDARD_INPUT else Path(source).open("rb") as stream,
                self._path.open("wb") as file,
            ):
                shutil.copyfileobj(stream, file)
        except OSError as error:
            raise CorpusError(f"{source} cannot be copied to {folder}: {error.strerror}; see TMPDIR") from error

    def __call__(self) -> BufferedReader:
        return self._path.open("rb")
