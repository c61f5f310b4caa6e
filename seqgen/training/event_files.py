"""The figures of a run as event files of TensorBoard, in the folder of the run."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from seqgen.errors import UsageError

FILES = "events.out.tfevents.*"  # as TensorBoard names them


def check_installed(log_to: str | None) -> None:
    """Check that the package of `--log-to` is installed.

    Raises:
        UsageError: it is not.
    """
    if log_to is not None and find_spec(log_to) is None:
        raise UsageError(f"--log-to {log_to} needs the package {log_to}: pip install {log_to}")


def remove_event_files(folder: Path) -> None:
    """Delete the event files of a run."""
    for path in folder.glob(FILES):
        path.unlink(missing_ok=True)


class EventFiles:
    """Writes the records of `metrics.jsonl`: numbers as scalars, the texts of examples as texts.

    Args:
        folder: the folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def restart(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Replace everything that was written by these records."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        remove_event_files(self._folder)
        self._writer = SummaryWriter(str(self._folder))
        for record in records:
            self.add(record)

    def add(self, record: Mapping[str, Any]) -> None:
        """Write a record at its step."""
        figures, step = dict(record), record["step"]
        for name, text in (figures.pop("example", None) or {}).items():
            self._writer.add_text(f"example/{name}", text, step)
        for name, value in figures.items():
            if value is not None and name != "step":
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
