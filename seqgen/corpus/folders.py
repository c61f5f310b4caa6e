"""The files of a folder or a pattern: which are read, and which are skipped and why."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from seqgen.corpus.provenance import Samples, is_run, own_files
from seqgen.corpus.reading import ReadingLog, unreadable
from seqgen.errors import CorpusError

_SPECIAL = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def files_below(folder: Path, log: ReadingLog) -> list[Path]:
    """Return the files below a folder, sorted, without hidden files and those that seqgen wrote.

    Args:
        folder: where to look; links to folders in it are not followed.
        log: counts what is skipped.

    Raises:
        CorpusError: the folder cannot be read.
    """

    def skip(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise CorpusError(f"the folder {folder} cannot be read: {error.strerror}") from error
        log.skip(f"unreadable folder ({error.strerror})", error.filename)

    files: list[Path] = []
    runs: list[Path] = []
    for root, subfolders, names in os.walk(folder, onerror=skip):
        for name in filter(_is_hidden, (*subfolders, *names)):
            log.skip("hidden file", str(Path(root, name)))
        subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
        for name in subfolders:
            if Path(root, name).is_symlink():  # may be a circle
                log.skip("linked folder", str(Path(root, name)))
        own = own_files(Path(root), names)
        runs += [Path(root)] if is_run(names) else []
        for name in names:
            if name in own:
                log.skip(own[name], str(Path(root, name)))
            elif not _is_hidden(name):
                files.append(Path(root, name))
    return list(_readable(sorted(files), Samples(runs), log))


def files_among(matches: Iterable[Path], log: ReadingLog) -> list[Path]:
    """Return the files among the matches of a pattern, without those that seqgen wrote.

    Args:
        matches: files, folders and anything else with a matching name.
        log: counts what is skipped.
    """

    @cache
    def own_files_of(folder: Path) -> dict[str, str]:
        return own_files(folder, {path.name for path in folder.iterdir()})

    files = [path for path in matches if not path.is_dir()]
    own = {path: kind for path in files if (kind := own_files_of(path.parent).get(path.name))}
    for path, kind in own.items():
        log.skip(kind, str(path))
    runs = {path.parent for path in own}
    return list(_readable((path for path in files if path not in own), Samples(runs), log))


def distinct(paths: Sequence[Path], log: ReadingLog) -> list[Path]:
    """Return the paths without those that were found twice, through a link to a folder."""
    resolved = cache(Path.resolve)
    places = {path: resolved(path.parent) / path.name for path in paths}
    shortest: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: len(path.parts)):
        if shortest.setdefault(places[path], path) is not path:
            log.skip("file found again through a linked folder", str(path))
    return [path for path in paths if shortest[places[path]] is path]


def mode_of(path: Path) -> int:
    """Return the mode of a path as in `os.stat`; 0 if it does not exist or cannot be examined."""
    with suppress(OSError, ValueError):
        return path.stat().st_mode
    return 0


def special(mode: int) -> str | None:
    """Return the kind of what is neither a file nor a folder, such as a pipe; otherwise None."""
    return _SPECIAL.get(stat.S_IFMT(mode))


def _readable(files: Iterable[Path], samples: Samples, log: ReadingLog) -> Iterator[Path]:
    """Yield the regular files that are not samples written by seqgen."""
    for path in files:
        try:
            kind = special(path.stat().st_mode)
        except OSError as error:
            is_dangling = error.errno in (errno.ENOENT, errno.ELOOP) and path.is_symlink()
            kind = "dangling link" if is_dangling else unreadable(str(path), error).kind
        if kind is None and path in samples:
            kind = "sample that seqgen wrote"
        if kind is None:
            yield path
        else:
            log.skip(kind, str(path))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")
