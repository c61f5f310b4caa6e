"""A run on disk: its folder under `checkpoints/`, its checkpoints, its configuration and its log."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from seqgen import files
from seqgen.checkpoint import BEST, LAST, PREVIOUS, Checkpoint, nearest, unwritten
from seqgen.corpus.archives import without_packing
from seqgen.errors import CheckpointError, UsageError
from seqgen.options import LARGEST

CONFIG, METRICS, CURVE = "config.toml", "metrics.jsonl", "curve.png"
LOCK = "lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Run:
    """The folder of one run.

    Attributes:
        folder: where its files are.
        say: takes sentences for the user.
        lock: held while this process trains it, and let go of however the process ends; None where another one does.
    """

    folder: Path
    say: Callable[[str], None]
    lock: FileLock | None = None
    _unwritten: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """What `--resume` and `--checkpoint` call it."""
        return self.folder.name

    @property
    def best(self) -> Path:
        """The file of the best model."""
        return self.folder / BEST

    @classmethod
    def create(
        cls,
        checkpoints_dir: Path,
        name: str | None,
        sources: Iterable[str],
        say: Callable[[str], None],
        *,
        overwrite: bool,
    ) -> Self:
        """Make the folder of a new run.

        Args:
            checkpoints_dir: where runs are kept.
            name: the run's name; None makes one from the sources, numbered if taken.
            sources: what it learns from.
            say: takes sentences for the user.
            overwrite: whether an existing run of this name is deleted.

        Raises:
            UsageError: the name is taken, or cannot be one.
            CheckpointError: the folder cannot be made.
        """
        refuse_taken(checkpoints_dir, name, overwrite=overwrite)
        try:
            checkpoints_dir.mkdir(parents=True, exist_ok=True)
            if name is not None or overwrite:
                folder = checkpoints_dir / (name or _name_from(sources))
                folder.mkdir(exist_ok=True)
            else:
                folder = _numbered(checkpoints_dir / _name_from(sources))
        except OSError as error:
            raise _unwritable(checkpoints_dir, error) from error
        run = cls._held(folder, say)
        try:
            for file in (BEST, LAST, PREVIOUS, CONFIG, METRICS, CURVE):
                (folder / file).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return run

    @classmethod
    def existing(cls, checkpoints_dir: Path, name: str, say: Callable[[str], None]) -> Self:
        """Return the run that `--resume NAME|FOLDER` means.

        Args:
            checkpoints_dir: where runs are kept.
            name: the run's name there, its folder, or its `last.safetensors`.
            say: takes sentences for the user.

        Raises:
            CheckpointError: there is none to resume.
        """
        for path in (checkpoints_dir / name, Path(name)):
            folder = path.parent if path.name == LAST else path
            if (folder / LAST).is_file():
                return cls._held(folder if folder.name.strip(".") else folder.resolve(), say)
            if (folder / PREVIOUS).is_file():
                raise CheckpointError(
                    f"{folder / LAST} is missing; to resume from the previous state, copy {folder / PREVIOUS} "
                    "to its place"
                )
            if path.is_file():
                raise CheckpointError(
                    f"--resume needs a run, whose state is in {LAST}, not {path}; to start a new run from the weights "
                    f"of this file, use --from {path}"
                )
        resumable = sorted(path.parent.name for path in checkpoints_dir.glob(f"*/{LAST}"))
        raise CheckpointError(
            f"there is no run {name!r} to resume in {checkpoints_dir}; the runs there are: "
            f"{', '.join(resumable) or 'none'}"
            f"{nearest(name, resumable)}"
        )

    @classmethod
    def _held(cls, folder: Path, say: Callable[[str], None]) -> Self:
        """Return the run that this process alone trains from now on.

        Raises:
            CheckpointError: it holds what leads elsewhere: a stranger's folder is not to reach beyond itself.
        """
        for file in (BEST, LAST, PREVIOUS, CONFIG, METRICS, CURVE, LOCK):
            path = folder / file
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise CheckpointError(f"{path} is a link or no regular file, which a run does not write to: remove it")
        run = cls(folder, say, _locked(folder))
        for file in (BEST, LAST, CONFIG, METRICS):
            files.remove_unfinished(folder / file)
        return run

    def release(self) -> None:
        """Let others train it."""
        if self.lock is not None:
            self.lock.release()

    def read_last(self) -> Checkpoint:
        """Return the newest state."""
        return Checkpoint.read(self.folder / LAST)

    def save_last(self, checkpoint: Checkpoint) -> None:
        """Replace the newest state; the one before stays as `previous`.

        Raises:
            CheckpointError: it cannot be written; the newest state is still there.
        """
        last, previous = self.folder / LAST, self.folder / PREVIOUS
        try:
            if last.is_file():
                with suppress(FileNotFoundError):
                    previous.unlink()
                try:
                    os.link(last, previous)
                except OSError:  # a file system without hard links
                    shutil.copyfile(last, previous)
        except OSError as error:
            raise unwritten(last, error) from error
        checkpoint.write(last)

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Replace the best model."""
        checkpoint.write(self.best)

    @contextmanager
    def dispensable(self, file: str) -> Iterator[Path]:
        """Lend the path of a file that training can do without; if it cannot be written, the user learns so once."""
        path = self.folder / file
        try:
            yield path
        except OSError as error:
            if file not in self._unwritten:
                self._unwritten.add(file)
                self.say(f"{path} could not be written: {error.strerror}; training continues without it")

    def write_config(self, content: str) -> None:
        """Write the options, so that `--config` can take them."""
        with self.dispensable(CONFIG) as path:
            files.replace(path, content.encode())

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to the log."""
        with self.dispensable(METRICS) as path:
            files.append(path, f"{json.dumps(record)}\n".encode())

    def read_log(self) -> list[dict[str, Any]]:
        """Return the log's records; what is none, as a line torn by a crash, is left out."""
        records = []
        with suppress(FileNotFoundError):
            for line in (self.folder / METRICS).read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, RecursionError):
                    records.append(json.loads(line))
        return [record for record in records if _is_report(record)]

    def rewind_log(self, step: int) -> None:
        """Drop what was logged after this step, and a torn last line."""
        with self.dispensable(METRICS) as path:
            kept = [record for record in self.read_log() if record["step"] <= step]
            files.replace(path, "".join(f"{json.dumps(record)}\n" for record in kept).encode())


def _is_report(record: Any) -> bool:
    """Tell whether a line of a log is a report: numbers, or None, and a step."""
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return False
    return all(
        value is None or type(value) is float or (type(value) is int and 0 <= value <= LARGEST)
        for value in record.values()
    )


def check_name(name: str, option: str = "--name") -> str:
    """Return the name of a run as it is.

    Raises:
        UsageError: it holds what a folder's name should not.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{option} must start with a letter or digit, followed by letters, digits, '.', '_' or '-', got {name!r}"
        )
    return name


def refuse_taken(checkpoints_dir: Path, name: str | None, *, overwrite: bool) -> None:
    """Refuse to write over a run, unless that is wanted.

    Raises:
        UsageError: there is a run of this name, or it cannot be a name.
    """
    if name is None:
        return
    folder = checkpoints_dir / check_name(name)
    if not overwrite and any((folder / file).exists() for file in (BEST, LAST)):
        raise UsageError(
            f"the run {name!r} already exists in {checkpoints_dir}: resume it with --resume {name}, replace it with "
            "--overwrite, or choose another --name"
        )


def _name_from(sources: Iterable[str]) -> str:
    """Return a name made from the first source."""
    source = without_packing(next(iter(sources)).removeprefix("builtin:"))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).resolve().stem).strip("-._") or "run"


def _numbered(folder: Path) -> Path:
    """Make the folder, with the first free number behind its name if it is taken."""
    for number in chain([""], (f"-{number}" for number in count(2))):
        with suppress(FileExistsError):
            numbered = folder.with_name(folder.name + number)
            numbered.mkdir()
            break
    return numbered


def _locked(folder: Path) -> FileLock:
    """Return the lock of a run, held.

    Raises:
        UsageError: another process holds it.
        CheckpointError: the folder cannot be written.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(
            f"the run {folder.name!r} is being trained by another process: wait for it, stop it, or choose another "
            "--name"
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    return lock


def _unwritable(folder: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"{folder} cannot be written: {error.strerror}; choose another --checkpoints-dir")
