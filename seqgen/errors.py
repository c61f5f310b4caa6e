"""Errors that the user can correct.

SeqgenError                 base class: a one-line message with rule, value and remedy (exit status 1)
├── UsageError              an option is invalid or conflicts with another (exit status 2)
├── CorpusError             a corpus cannot be read or is too small
├── MusicError              a piece of music cannot be read, encoded or written
├── SignalError             an image, a recording or strokes cannot be read
├── CheckpointError         a checkpoint is missing, damaged or incompatible
└── TrainingError           training cannot continue
    ├── ShortageError       there is not enough memory
    └── ProcessLostError    another process of the training has ended
"""

import re

_LINE_BREAKS = re.compile(r"\s*\n\s*")


class SeqgenError(Exception):
    """Base class of all errors that are shown to the user as one line, without a traceback.

    Args:
        message: which may quote an error of a library that has several lines.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_LINE_BREAKS.sub(" ", message))


class UsageError(SeqgenError, ValueError):
    """The value of an option is invalid, or options cannot be combined."""


class CorpusError(SeqgenError):
    """A corpus is missing, unreadable, empty or too small."""


class MusicError(SeqgenError):
    """A piece of music cannot be read, encoded or written.

    Args:
        kind: reason in the singular, such as "file without notes", by which skipped pieces are counted.
        message: the error message.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class SignalError(SeqgenError):
    """An image, a recording or strokes cannot be read.

    Args:
        kind: reason in the singular, such as "strokes without a point", by which skipped signals are counted.
        message: the rest of a sentence that begins with the name of the signal.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CheckpointError(SeqgenError):
    """A checkpoint is missing or damaged, or has another format or a newer version."""


class TrainingError(SeqgenError):
    """Training cannot continue; the last saved state is kept."""


class ShortageError(TrainingError):
    """There is not enough memory."""


class ProcessLostError(TrainingError):
    """Another process of the training has ended or cannot be reached."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether Python, or torch on a CPU or GPU, raised this error for lack of memory."""
    signs = ("memory", "alloc_failed")  # the second is from cuBLAS
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in signs)
    )
