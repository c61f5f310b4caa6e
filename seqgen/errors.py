"""What can go wrong for a reason the user can mend.

SeqgenError                 one clear sentence: rule, value, remedy (exit status 1)
├── UsageError              an option is out of bounds or clashes with another (exit status 2)
├── CorpusError             a corpus cannot be read or is not enough to learn from
├── MusicError              a piece of music cannot be read, learned from or written
├── CheckpointError         a checkpoint is missing, damaged or not ours
└── TrainingError           training cannot go on
    ├── ShortageError       for want of memory
    └── ProcessLostError           for want of another of its processes
"""


class SeqgenError(Exception):
    """Base of every error that is shown to the user as a sentence, without a traceback."""


class UsageError(SeqgenError, ValueError):
    """An option has a value that its rule forbids, or does not go with another option."""


class CorpusError(SeqgenError):
    """A corpus is missing, unreadable, empty or too small."""


class MusicError(SeqgenError):
    """A piece of music cannot be read, learned from or written.

    Args:
        kind: what it is, in the singular, as "file without notes": pieces that are passed over are counted by it.
        message: the sentence.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class CheckpointError(SeqgenError):
    """A checkpoint is missing, damaged, of another format or of a newer version."""


class TrainingError(SeqgenError):
    """Training cannot go on; what was saved before stays."""


class ShortageError(TrainingError):
    """There is not enough memory."""


class ProcessLostError(TrainingError):
    """Another process of this training has ended, or cannot be reached."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is too little memory: Python's, torch's of the CPU, or that of a GPU."""
    signs = ("memory", "alloc_failed")  # the second is cuBLAS'
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in signs)
    )
