"""Comparison of samples of a model of music with held-out music and with the training set."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.corpus.documents import Document
from seqgen.evaluation.copying import Copying, Library, first_works, works_of
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.model.language_model import LanguageModel
from seqgen.music.comparison import MusicComparison, compare
from seqgen.music.score import Score
from seqgen.sampling.common_start import common_start
from seqgen.sampling.composer import compose
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from seqgen.sampling.sampler import begin

_FREE_LENGTH = 2000  # maximum tokens of a sample without the grammar; longer samples are judged up to here
_LENGTH = 8000  # maximum tokens of a sample with the grammar


class NamedScore(NamedTuple):
    """A piece of music with the name of its file."""

    name: str
    score: Score


@dataclass(frozen=True)
class MusicReport:
    """Properties of samples of music.

    Attributes:
        num_samples: number of samples.
        valid_share: share of valid pieces among the same number of samples drawn without the grammar.
        comparison: comparison of samples with held-out music, and of held-out with training music.
        copying: what samples and held-out music have in common with the training music.
    """

    num_samples: int
    valid_share: float
    comparison: MusicComparison
    copying: Copying

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "num_samples": self.num_samples,
            "valid_share_without_rules": self.valid_share,
            "samples": self.comparison.samples.to_json(),
            "held_out": self.comparison.held_out.to_json(),
            "overlaps": asdict(self.comparison.overlaps),
            "overlaps_of_held_out_with_train": asdict(self.comparison.reference),
            "copying": self.copying.to_json(),
        }


def report_on_music(
    checkpoint: Checkpoint,
    model: LanguageModel,
    level: NoteLevel,
    train: Iterable[Document[Score]],
    held_out: Iterable[Document[Score]],
    num_samples: int,
    seed: int,
    progress: Progress = SILENT,
) -> MusicReport:
    """Draw samples and compare them with music.

    Args:
        checkpoint: the checkpoint.
        model: its model.
        level: its level.
        train: pieces of the training set.
        held_out: pieces that are not in the training set.
        num_samples: number of samples.
        seed: seed of the first sample.
        progress: receives the progress.
    """
    config = SamplingConfig(num_samples=num_samples, seed=seed, length=_LENGTH)
    begun = begin(config)
    with progress.task("sampling", num_samples) as task:

        def count() -> None:
            task.advance(sum(sample.is_finished for sample in begun) - task.done)

        start = common_start(level, None, config, checkpoint.unseen)
        samples = compose(model, level, start, config, begun, checkpoint.unseen, count)
    valid_share = _valid_share(checkpoint, model, level, config, progress)
    known, new = list(_works(train)), list(_works(held_out))
    library = Library(work for piece in known for work in works_of(*piece))
    drawn = [work for number, score in enumerate(samples, 1) for work in works_of(f"sample {number}", score)]
    num_moves = sum(len(work.symbols) for work in drawn)  # the longest copy grows with the total length
    others = first_works((work for piece in new for work in works_of(*piece)), num_moves)
    return MusicReport(
        num_samples,
        valid_share,
        compare(samples, [piece.score for piece in new], [piece.score for piece in known]),
        library.compare(drawn, others),
    )


def _works(pieces: Iterable[Document[Score]]) -> Iterator[NamedScore]:
    for piece in pieces:
        yield from (NamedScore(piece.name, score) for score in piece.chunks())


def _valid_share(
    checkpoint: Checkpoint, model: LanguageModel, level: NoteLevel, config: SamplingConfig, progress: Progress
) -> float:
    """Return the share of samples drawn without the grammar that are valid music."""
    seeds = [sample.seed for sample in begin(config)]
    judge = Judge(level, checkpoint.unseen, len(seeds))
    reading = prefill(model, level.inputs(np.array([level.START]))).repeat(len(seeds))
    draws = decode(model, reading, uniform_numbers(seeds), config, judge, "auto", judge.inputs)
    for _ in progress.track("sampling without the grammar", islice(draws, _FREE_LENGTH), _FREE_LENGTH):
        pass
    return float(judge.is_valid.mean())


class Judge(Never):
    """Follows streams that are drawn without the grammar, up to their ends.

    Args:
        level: the vocabulary.
        forbidden: the excluded ids.
        num_streams: number of streams.

    Attributes:
        is_valid: whether each stream is valid so far, shape (streams,).
    """

    def __init__(self, level: NoteLevel, forbidden: Sequence[int], num_streams: int) -> None:
        super().__init__(level.vocabulary_size, forbidden)
        self.is_valid = np.ones(num_streams, dtype=np.bool_)
        self._is_over = np.zeros(num_streams, dtype=np.bool_)
        self._grammar = NoteConstraint(level.vocabulary_size, level.grid, shifts=[0] * num_streams)
        self.inputs = self._grammar.inputs

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the next token of each stream; one that is invalid is over."""
        self.is_valid &= self._is_over | (self._grammar.mask()[np.arange(len(ids)), ids] == 0)
        self._is_over |= ~self.is_valid | (ids == t.END)
        self._grammar.advance(np.where(self._is_over, t.END, ids))
