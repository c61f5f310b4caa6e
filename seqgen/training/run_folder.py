"""A run on disk: its folder under `checkpoints/`, its checkpoints, its configuration and its log."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from seqgen import files
from seqgen.checkpoint import Checkpoint, unwritten
from seqgen.errors import CheckpointError, UsageError
from seqgen.options import LARGEST
from seqgen.runs import BEST, LAST, PREVIOUS, check_free, make_numbered, name_from, not_resumable
from seqgen.training.event_files import FILES, EventFiles, remove_event_files

CONFIG, METRICS, CURVE = "config.toml", "metrics.jsonl", "curve.png"
LOCK = "lock"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Attributes:
        folder: the folder with its files.
        say: displays a message to the user.
        lock: held while this process trains the run, and released when the process ends in any way; None if another
            process holds it.
        events: also receive the log; None without `--log-to`.
    """

    folder: Path
    say: Callable[[str], None]
    lock: FileLock | None = None
    events: EventFiles | None = None
    _unwritten: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name for `--resume` and `--checkpoint`."""
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
        """Create the folder of a new run.

        Args:
            checkpoints_dir: the folder of all runs.
            name: the run's name; None to derive one from the sources, with a number if it is taken.
            sources: the sources of its corpus.
            say: displays a message to the user.
            overwrite: whether an existing run of this name is deleted.

        Raises:
            UsageError: the name is taken or invalid.
            CheckpointError: the folder cannot be created.
        """
        check_free(checkpoints_dir, name, overwrite=overwrite)
        try:
            checkpoints_dir.mkdir(parents=True, exist_ok=True)
            if name is not None or overwrite:
                folder = checkpoints_dir / (name or name_from(sources))
                folder.mkdir(exist_ok=True)
            else:
                folder = make_numbered(checkpoints_dir / name_from(sources))
        except OSError as error:
            raise _unwritable(checkpoints_dir, error) from error
        run = cls._locked(folder, say)
        try:
            for file in (BEST, LAST, PREVIOUS, CONFIG, METRICS, CURVE):
                (folder / file).unlink(missing_ok=True)
            remove_event_files(folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        return run

    @classmethod
    def existing(cls, checkpoints_dir: Path, name: str, say: Callable[[str], None]) -> Self:
        """Return the run that `--resume NAME|FOLDER` refers to.

        Args:
            checkpoints_dir: the folder of all runs.
            name: the run's name, its folder, or its `last.safetensors`.
            say: displays a message to the user.

        Raises:
            CheckpointError: there is no such run, or it cannot be resumed.
        """
        for path in (checkpoints_dir / name, Path(name)):
            folder = path.parent if path.name == LAST else path
            if (folder / LAST).is_file():
                return cls._locked(folder if folder.name.strip(".") else folder.resolve(), say)
            if (folder / PREVIOUS).is_file():
                raise CheckpointError(
                    f"{folder / LAST} is missing; to resume from the previous state, copy {folder / PREVIOUS} to its "
                    "place"
                )
            if path.is_file():
                raise CheckpointError(
                    f"--resume needs a run, whose state is in {LAST}, not {path}; to start a new run from the weights "
                    f"of this file, use --from {path}"
                )
        raise not_resumable(name, checkpoints_dir)

    @classmethod
    def _locked(cls, folder: Path, say: Callable[[str], None]) -> Self:
        """Return the run in a folder, locked for this process.

        Raises:
            UsageError: another process has locked it.
            CheckpointError: it cannot be written, or contains links, through which files elsewhere would be changed.
        """
        for file in (BEST, LAST, PREVIOUS, CONFIG, METRICS, CURVE, LOCK):
            path = folder / file
            if path.is_symlink() or (path.exists() and not path.is_file()):
                raise CheckpointError(f"{path} is a link or not a regular file, so it is not written to: remove it")
        run = cls(folder, say, _lock(folder))
        for file in (BEST, LAST, CONFIG, METRICS):
            files.remove_unfinished(folder / file)
        return run

    def release(self) -> None:
        """Release the lock, so that other processes can train the run."""
        if self.events is not None:
            with self.optional_file(FILES):
                self.events.close()
        if self.lock is not None:
            self.lock.release()

    def read_last(self) -> Checkpoint:
        """Return the newest state."""
        return Checkpoint.read(self.folder / LAST)

    def save_last(self, checkpoint: Checkpoint) -> None:
        """Replace the newest state; the one before remains as `previous.safetensors`.

        Raises:
            CheckpointError: it cannot be written; the old files remain.
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
    def optional_file(self, file: str) -> Iterator[Path]:
        """Yield the path of a file that training does not need; a failure to write it is reported only once."""
        path = self.folder / file
        try:
            yield path
        except OSError as error:
            if file not in self._unwritten:
                self._unwritten.add(file)
                self.say(f"{path} could not be written: {error.strerror}; training continues without it")

    def write_config(self, content: str) -> None:
        """Write the options to `config.toml`, which `--config` reads."""
        with self.optional_file(CONFIG) as path:
            files.replace(path, content.encode())

    def log(self, record: dict[str, Any]) -> None:
        """Append a record to the log."""
        with self.optional_file(METRICS) as path:
            files.append(path, f"{json.dumps(record)}\n".encode())
        if self.events is not None:
            with self.optional_file(FILES):
                self.events.add(record)

    def read_log(self) -> list[dict[str, Any]]:
        """Return the records of the log, without invalid lines such as one that a crash truncated."""
        records = []
        with suppress(FileNotFoundError):
            for line in (self.folder / METRICS).read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, RecursionError):
                    records.append(json.loads(line))
        return [record for record in records if _is_report(record)]

    def rewind_log(self, step: int) -> None:
        """Delete the records of later steps, and invalid lines."""
        with self.optional_file(METRICS) as path:
            records = [record for record in self.read_log() if record["step"] <= step]
            files.replace(path, "".join(f"{json.dumps(record)}\n" for record in records).encode())
        self._restart_events()

    def with_events(self) -> Self:
        """Return the run with event files that also receive its log, and that contain it so far."""
        run = replace(self, events=EventFiles(self.folder))
        run._restart_events()
        return run

    def _restart_events(self) -> None:
        if self.events is not None:
            with self.optional_file(FILES):
                self.events.restart(self.read_log())


def _is_report(record: Any) -> bool:
    """Return whether a record of a log is a report: a step, and other values that are numbers, texts or None."""
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return False
    example = record.get("example") or {}
    if not isinstance(example, dict) or not all(isinstance(text, str) for text in example.values()):
        return False
    return all(
        value is None or type(value) is float or (type(value) is int and 0 <= value <= LARGEST)
        for name, value in record.items()
        if name != "example"
    )


def _lock(folder: Path) -> FileLock:
    """Acquire and return the lock of a run.

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
