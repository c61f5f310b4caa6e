"""Deep recurrent language models of text and music: train, sample and evaluate.

import seqgen

model = seqgen.train("poems.txt", time="60s")  # or seqgen.load("poems")
print(model.sample("Once", length=200)[0])
print(model.score("Once upon a time")["bits_per_character"])

docs/python.md describes everything. What goes wrong for a reason that a caller can mend is a `SeqgenError`, see
`seqgen/errors.py`; a wrong argument is a `UsageError`, which is a `ValueError` too.
"""

from typing import TYPE_CHECKING, Any

from seqgen.errors import CheckpointError, CorpusError, MusicError, SeqgenError, SignalError, TrainingError, UsageError

if TYPE_CHECKING:
    from seqgen.api import Model, load, read_music, train
    from seqgen.music.score import Score

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "CorpusError",
    "Model",
    "MusicError",
    "Score",
    "SeqgenError",
    "SignalError",
    "TrainingError",
    "UsageError",
    "load",
    "read_music",
    "train",
]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Import the API at its first use, so that the command line starts without torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from seqgen.process import limit_spinning

    limit_spinning(is_sampling=True)  # before torch is loaded
    from seqgen import api

    return getattr(api, name)
