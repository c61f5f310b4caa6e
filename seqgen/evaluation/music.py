"""What `seqgen evaluate` tells of a model of music beside its likelihood: a baseline, and what its samples are like."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.corpus.split import Piece
from seqgen.corpus.store import Part, encoded
from seqgen.errors import MusicError
from seqgen.evaluation.copying import Comparison as Copying
from seqgen.evaluation.copying import Library, works_of
from seqgen.evaluation.likelihood import Score as Likelihood
from seqgen.evaluation.ngram import NgramModel
from seqgen.levels.base import Level
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.comparison import Comparison, compare
from seqgen.music.score import Score
from seqgen.sampling.composer import compose
from seqgen.sampling.generator import Never, generate
from seqgen.sampling.sampler import begin

_FREE_LENGTH = 2000  # tokens of a sample without rules; what has not ended by then is judged as far as it goes
_BARS, _LENGTH = 64, 8000  # of a sample with them: as long as most pieces


class Work(NamedTuple):
    """A piece of music with its file's name."""

    name: str
    score: Score


@dataclass(frozen=True)
class Baseline:
    """The n-gram model of the order that predicts best, learned from the training part in all keys it is read in."""

    order: int
    nats_per_token: float


@dataclass(frozen=True)
class SampleReport:
    """What samples of a model are like.

    Attributes:
        num_samples: how many were drawn.
        valid_share: how many of as many samples that were drawn without any rules are music.
        comparison: of samples with held-out music, and of that with the training music.
        copying: what samples share with the training music, and what held-out music does.
    """

    num_samples: int
    valid_share: float
    comparison: Comparison
    copying: Copying

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "num_samples": self.num_samples,
            "valid_share_without_rules": self.valid_share,
            "samples": self.comparison.samples.to_json(),
            "held_out": self.comparison.held_out.to_json(),
            "overlaps": asdict(self.comparison.overlaps),
            "overlaps_of_held_out_with_train": asdict(self.comparison.reference),
            "copying": self.copying.to_json(),
        }


def baseline(level: Level, checkpoint: Checkpoint, train: Sequence[Piece], held_out: Part) -> Baseline:
    """Return how well n-grams predict the held-out part; their order is chosen on it."""
    variants = level.variants(checkpoint.config.corpus)
    with encoded(level, train) as part:
        ids = part.ids if variants is None else np.concatenate([variant[part.ids] for variant in variants])
        model = NgramModel.fit(replace(part, ids=ids), max_order=8)
    scores = model.scores(held_out)
    best: Likelihood = min(scores, key=lambda score: score.nats)
    return Baseline(scores.index(best) + 1, best.nats_per_token)


def report_on_samples(
    checkpoint: Checkpoint,
    model: LanguageModel,
    level: NoteLevel,
    train: Sequence[Work],
    held_out: Sequence[Work],
    num_samples: int,
    seed: int,
) -> SampleReport:
    """Draw samples and compare them.

    Args:
        checkpoint: of the model.
        model: the model.
        level: its level.
        train: the pieces it has learned from.
        held_out: pieces it has not.
        num_samples: how many samples to draw.
        seed: of the first.
    """
    config = SamplingConfig(num_samples=num_samples, seed=seed, bars=_BARS, length=_LENGTH)
    samples = compose(model, level, None, config, begin(config), checkpoint.unseen)
    library = Library(work for piece in train for work in works_of(*piece))
    return SampleReport(
        num_samples,
        _valid_share(checkpoint, model, level, config),
        compare(samples, [piece.score for piece in held_out], [piece.score for piece in train]),
        library.compare(
            [work for number, score in enumerate(samples, 1) for work in works_of(f"sample {number}", score)],
            [work for piece in held_out for work in works_of(*piece)],
        ),
    )


def _valid_share(checkpoint: Checkpoint, model: LanguageModel, level: NoteLevel, config: SamplingConfig) -> float:
    """Return the share of samples drawn without rules that are in the note level's language."""
    never = Never(level.vocabulary_size, checkpoint.unseen)
    seeds = [sample.seed for sample in begin(config)]
    draws = generate(model, [level.START], seeds, config, never, "auto")
    ids = np.array([draw.ids.numpy() for _, draw in zip(range(_FREE_LENGTH), draws, strict=False)])
    return sum(_is_music(level, stream.tolist()) for stream in ids.T) / len(seeds)


def _is_music(level: NoteLevel, ids: list[int]) -> bool:
    ids = ids[: ids.index(level.END) + 1] if level.END in ids else ids
    try:
        level.decode(ids)
    except MusicError:
        return False
    return True
