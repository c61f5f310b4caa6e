"""Files that are replaced whole or not at all."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes | bytearray) -> None:
    """Put the content in place of what the file held, so that a crash leaves the old or the new, never a mixture.

    It is written beside the file, flushed to the disk and renamed; then the folder is flushed, which holds the name.
    A link stays a link, permissions stay as they were, and what is no regular file, as a pipe, is written to.

    Raises:
        OSError: the folder cannot be written, or the disk is full; the old file is still there. It names the file.
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
    """Add the content to the end of a file; where that fails, the file is as before.

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
    """Delete what `replace` had begun to put in a file's place when it was killed; no other process may be at it."""
    for left in path.parent.glob(f".{path.name}.*"):
        with suppress(OSError):
            left.unlink()


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _permissions() -> int:
    """Return what a newly made file may do here; a temporary one is closed to others."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
