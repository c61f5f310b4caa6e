"""The models that are compared, and whether they can be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.dataset import Dataset, encoded
from seqgen.corpus.signals import kind_of
from seqgen.errors import UsageError
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import surprisals
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel

_NOTES = {  # options of models of music
    "velocity": "predicts velocities",
    "chords": "reads chord symbols as notes",
    "pedal": "lets the sustain pedal extend notes",
}


class Contender(NamedTuple):
    """A model that is compared with others.

    Attributes:
        name: see `short_names`.
        checkpoint: the checkpoint.
        model: its model.
        folders: where the prepared corpus of its run is stored.
    """

    name: str
    checkpoint: Checkpoint
    model: LanguageModel
    folders: FoldersConfig

    @property
    def is_of_music(self) -> bool:
        """Whether it is a model of music."""
        return isinstance(self.checkpoint.level, NoteLevel)

    @property
    def is_conditional(self) -> bool:
        """Whether its texts are written from something given."""
        return self.checkpoint.given_coding is not None


class Scored(NamedTuple):
    """A text as a contender encodes it, and what its tokens cost.

    Attributes:
        contender: the model.
        dataset: the text.
        nats: of each token, 0 for start tokens, shape (tokens,).
    """

    contender: Contender
    dataset: Dataset
    nats: NDArray[np.float32]


@contextmanager
def scored(contender: Contender, held_out: HeldOut, *, is_first: bool, progress: Progress = SILENT) -> Iterator[Scored]:
    """Provide a text with its costs.

    Args:
        contender: the model.
        held_out: the text, as the run of the first contender reads it.
        is_first: whether this is the first contender.
        progress: receives the progress.
    """
    checkpoint = contender.checkpoint
    text = held_out.encoded() if is_first else encoded(checkpoint.level, held_out.documents(), checkpoint.given_coding)
    with text as dataset:
        yield Scored(contender, dataset, surprisals(contender.model, dataset, progress=progress))


def check_comparable(contenders: Sequence[Contender]) -> None:
    """Check that models can be scored on the same documents.

    Raises:
        UsageError: they cannot; the message says why.
    """
    first, *others = contenders
    for other in others:
        if reason := _difference(first, other):
            raise UsageError(f"{first.name} and {other.name} cannot be compared: {reason}")


def _difference(first: Contender, other: Contender) -> str | None:
    """Return why two models cannot be scored on the same documents; None if they can."""
    mine, others = first.checkpoint.config.corpus, other.checkpoint.config.corpus
    if first.is_of_music != other.is_of_music:
        kinds = ["music" if each.is_of_music else "text" for each in (first, other)]
        return f"the first is a model of {kinds[0]}, the other of {kinds[1]}"
    if first.is_conditional != other.is_conditional:
        names = (first.name, other.name) if first.is_conditional else (other.name, first.name)
        return f"{names[0]} writes from something given, {names[1]} does not"
    codings = [each.checkpoint.given_coding for each in (first, other)]
    kinds = [kind_of(coding) for coding in codings if coding is not None]
    if len(set(kinds)) > 1:
        return f"the first is given {kinds[0]}, the other {kinds[1]}"
    if first.is_of_music:
        if mine.grid != others.grid:
            return f"the first has {mine.grid} steps per quarter note, the other {others.grid}"
        for name, what in _NOTES.items():
            if (own := getattr(mine, name)) != getattr(others, name):
                return f"the {'first' if own else 'other'} {what}, the {'other' if own else 'first'} does not"
    elif mine.document != others.document:
        return f"a document is a {mine.document} for the first, a {others.document} for the other"
    return None
