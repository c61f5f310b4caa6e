"""Short samples of text or music that are displayed during training."""

from typing import Any

from seqgen.config import SamplingConfig
from seqgen.levels.base import Level, TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.textroll import text as as_text
from seqgen.sampling.common_start import common_start
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import Sample, sample

_TEXT = SamplingConfig(length=200)
_MUSIC = SamplingConfig(bars=4, length=500)


def preview(
    model: LanguageModel,
    level: Level[Any],
    seed: int,
    unseen_ids: list[int],
    num_documents: int = 1,
    width: int = 80,
    *,
    knows_beginnings: bool = True,
) -> str:
    """Return a short sample.

    Args:
        model: the language model.
        level: its vocabulary.
        seed: the seed of the first document; the others have the seeds that follow.
        unseen_ids: ids that are never drawn.
        num_documents: the number of documents of text, each of which begins a line.
        width: the number of characters in a line of music.
        knows_beginnings: whether training has shown enough beginnings of documents.
    """
    if isinstance(level, NoteLevel):
        start = common_start(level, None, _MUSIC, unseen_ids)
        (score,) = compose(model, level, start, _MUSIC, [Sample(seed)], unseen_ids)
        return as_text(score, width)
    assert isinstance(level, TextLevel)  # noqa: S101  # there are no other levels
    samples = [Sample(seed + index) for index in range(num_documents)]
    texts = [""] * num_documents
    for index, text in sample(model, level, "", _TEXT, samples, unseen_ids, knows_beginnings=knows_beginnings):
        texts[index] += text
    return "\n".join(texts)
