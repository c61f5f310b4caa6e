"""Atomic replacement of files."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes | bytearray) -> None:
    """Replace the content of a file atomically: after a crash it has either the old or the new content.

    The content is written to a temporary file, which is flushed to disk and renamed; then the folder is flushed.
    Symbolic links and permissions are kept. If the path is not a regular file, such as a pipe, it is written to.

    Raises:
        OSError: the folder is not writable or the disk is full; the old file is kept. `filename` is that of the file.
    """
    try:
        _replace(path.resolve(), content)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # not the temporary file
        raise


def _replace(path: Path, content: bytes | bytearray) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    permissions = path.stat().st_mode & 0o777 if path.exists() else _permissions()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(permissions)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    flush_folder(path.parent)


def append(path: Path, content: bytes) -> None:
    """Append to a file, which is left unchanged if that fails.

    Raises:
        OSError: the file cannot be written, or the disk is full.
    """
    with path.open("ab", buffering=0) as file:
        before, written = file.tell(), 0
        try:
            while written < len(content):
                written += file.write(content[written:])
        except OSError:
            file.truncate(before)
            raise


def remove_unfinished(path: Path) -> None:
    """Delete temporary files of calls of `replace` that were killed; no other process may be replacing the file."""
    for left in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            left.unlink()


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to disk, if the system supports it."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _permissions() -> int:
    """Return the permissions of a new file; those of temporary files are more restrictive."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
