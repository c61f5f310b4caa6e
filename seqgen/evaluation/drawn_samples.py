"""Samples of a model at several temperatures, each as `seqgen sample` draws it with the same seed."""

from dataclasses import dataclass

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.score import Score
from seqgen.sampling.common_start import common_start
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import Sample, begin, sample

TEMPERATURES = (0.5, 0.7, 1.0, 1.2)
MUSIC_LENGTH = 2000  # tokens, after which a piece is cut: a model that has learned little may not end it


@dataclass(frozen=True)
class DrawnSample:
    """A sample.

    Attributes:
        config: the options with which it is drawn.
        content: the text or the music.
        sample: its size and likelihood.
    """

    config: SamplingConfig
    content: str | Score
    sample: Sample


def draw_samples(
    checkpoint: Checkpoint, model: LanguageModel, seed: int, progress: Progress = SILENT
) -> list[DrawnSample]:
    """Return one sample per temperature of a model that is given nothing.

    Args:
        checkpoint: the checkpoint.
        model: its model.
        seed: seed of each sample.
        progress: receives the progress.
    """
    is_music = isinstance(checkpoint.level, NoteLevel)
    length = MUSIC_LENGTH if is_music else None
    configs = [SamplingConfig(temperature=value, seed=seed, length=length) for value in TEMPERATURES]
    write = _composed if is_music else _written
    return list(progress.track("sampling", (write(checkpoint, model, config) for config in configs), len(configs)))


def _written(checkpoint: Checkpoint, model: LanguageModel, config: SamplingConfig) -> DrawnSample:
    """Return a text."""
    assert isinstance(checkpoint.level, TextLevel)  # noqa: S101  # the other kind of level
    samples = begin(config)
    written = sample(
        model, checkpoint.level, "", config, samples, checkpoint.unseen, knows_beginnings=checkpoint.knows_beginnings
    )
    text = "".join(more for _, more in written)
    return DrawnSample(config, text, samples[0])


def _composed(checkpoint: Checkpoint, model: LanguageModel, config: SamplingConfig) -> DrawnSample:
    """Return a piece of music."""
    assert isinstance(checkpoint.level, NoteLevel)  # noqa: S101  # the other kind of level
    samples, start = begin(config), common_start(checkpoint.level, None, config, checkpoint.unseen)
    (score,) = compose(model, checkpoint.level, start, config, samples, checkpoint.unseen)
    return DrawnSample(config, score, samples[0])
