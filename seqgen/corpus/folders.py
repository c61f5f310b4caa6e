"""The files of a folder or a pattern: which of them are read, and what is left out and why."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from seqgen.corpus.provenance import Samples, is_run, own_files
from seqgen.corpus.reading import Reading, unreadable
from seqgen.errors import CorpusError

_SPECIAL = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def files_below(folder: Path, reading: Reading) -> list[Path]:
    """Return the files below a folder, sorted, without hidden ones and what seqgen itself wrote.

    Args:
        folder: where to look; links to folders in it are not followed.
        reading: told what is left out.

    Raises:
        CorpusError: the folder cannot be read.
    """

    def leave_out(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise CorpusError(f"the folder {folder} cannot be read: {error.strerror}") from error
        reading.skip(f"unreadable folder ({error.strerror})", error.filename)

    files: list[Path] = []
    runs: list[Path] = []
    for root, subfolders, names in os.walk(folder, onerror=leave_out):
        for name in filter(_is_hidden, (*subfolders, *names)):
            reading.skip("hidden file", str(Path(root, name)))
        subfolders[:] = [name for name in subfolders if not _is_hidden(name)]
        for name in subfolders:
            if Path(root, name).is_symlink():  # may lead in a circle
                reading.skip("linked folder", str(Path(root, name)))
        own = own_files(Path(root), names)
        runs += [Path(root)] if is_run(names) else []
        for name in names:
            if name in own:
                reading.skip(own[name], str(Path(root, name)))
            elif not _is_hidden(name):
                files.append(Path(root, name))
    return list(_readable(sorted(files), Samples(runs), reading))


def files_among(matches: Iterable[Path], reading: Reading) -> list[Path]:
    """Return the files among the matches of a pattern that seqgen did not write itself.

    Args:
        matches: files, folders and whatever else has such a name.
        reading: told what is left out.
    """

    @cache
    def own_files_of(folder: Path) -> dict[str, str]:
        return own_files(folder, {path.name for path in folder.iterdir()})

    files = [path for path in matches if not path.is_dir()]
    own = {path: kind for path in files if (kind := own_files_of(path.parent).get(path.name))}
    for path, kind in own.items():
        reading.skip(kind, str(path))
    runs = {path.parent for path in own}
    return list(_readable((path for path in files if path not in own), Samples(runs), reading))


def distinct(paths: Sequence[Path], reading: Reading) -> list[Path]:
    """Return the paths without those found again through a link to a folder, which may be a circle."""
    resolved = cache(Path.resolve)
    places = {path: resolved(path.parent) / path.name for path in paths}
    shortest: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: len(path.parts)):
        if shortest.setdefault(places[path], path) is not path:
            reading.skip("file found again through a linked folder", str(path))
    return [path for path in paths if shortest[places[path]] is path]


def mode_of(path: Path) -> int:
    """Return what a path is and who may read it, as `stat` has it; 0 where there is nothing that can be looked at."""
    with suppress(OSError, ValueError):
        return path.stat().st_mode
    return 0


def special(mode: int) -> str | None:
    """Return what it is that is neither a file nor a folder, or None."""
    return _SPECIAL.get(stat.S_IFMT(mode))


def _readable(files: Iterable[Path], samples: Samples, reading: Reading) -> Iterator[Path]:
    """Yield the regular files that are not samples of seqgen."""
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
            reading.skip(kind, str(path))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")
