"""What is displayed of a model during training: short samples, or what it writes from something given."""

from collections.abc import Callable, Sequence
from typing import Any

from seqgen.config import BEAM_SIZE, SamplingConfig
from seqgen.levels.base import Level, TextLevel
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.textroll import text as as_text
from seqgen.sampling.composer import compose
from seqgen.sampling.sampler import Sample, sample
from seqgen.sampling.transcriber import Transcriber

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
        (score,) = compose(model, level, None, _MUSIC, [Sample(seed)], unseen_ids)
        return as_text(score, width)
    assert isinstance(level, TextLevel)  # noqa: S101  # there are no other levels
    samples = [Sample(seed + index) for index in range(num_documents)]
    texts = [""] * num_documents
    for index, text in sample(model, level, "", _TEXT, samples, unseen_ids, knows_beginnings=knows_beginnings):
        texts[index] += text
    return "\n".join(texts)


def transcribe(
    model: LanguageModel,
    level: Level[Any],
    given_level: Level[Any],
    unseen_ids: Sequence[int],
    givens: Sequence[str],
    beam_size: int = BEAM_SIZE,
    progress: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Return what a conditional model writes for each given.

    Args:
        model: the model.
        level: the vocabulary of the texts.
        given_level: the vocabulary of the givens.
        unseen_ids: ids that are never written.
        givens: any number of texts; those of similar length are searched together.
        beam_size: the number of hypotheses per given; 1 is greedy.
        progress: receives the number of different givens that were searched, whenever some are finished.
    """
    assert isinstance(level, TextLevel) and isinstance(given_level, TextLevel)  # noqa: S101, PT018  # pairs are text
    found = Transcriber(model, level, given_level, unseen_ids).best(givens, 1, beam_size, progress=progress)
    return [best[0].text if best else "" for best in found]
