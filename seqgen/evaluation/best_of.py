"""`--best-of`: of several pieces of music, the one that is most likely per note and is not copied."""

from collections.abc import Sequence
from dataclasses import replace

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig, SamplingConfig
from seqgen.corpus.split import TRAIN
from seqgen.evaluation.copying import Library, works_of
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.levels.note import NoteLevel
from seqgen.model.language_model import LanguageModel
from seqgen.music.score import Score
from seqgen.sampling.common_start import CommonStart
from seqgen.sampling.composer import compose, without_prime
from seqgen.sampling.sampler import Sample, begin
from seqgen.wording import counted

_COPIED = 0.5  # share of the melodic 8-grams that occur in the training set, from which on a piece is a copy


def compose_best(
    checkpoint: Checkpoint,
    model: LanguageModel,
    level: NoteLevel,
    start: CommonStart,
    config: SamplingConfig,
    folders: FoldersConfig,
) -> tuple[list[Score], list[Sample], list[str]]:
    """Compose pieces, each the best of `config.best_of`.

    Args:
        checkpoint: of the model.
        model: the language model.
        level: its vocabulary.
        start: what all pieces begin with.
        config: the sampling options.
        folders: where prepared corpora are kept.

    Returns:
        The pieces, their samples, and sentences on the choice.
    """
    num_each = config.best_of or 1
    samples = begin(replace(config, num_samples=config.num_samples * num_each))
    scores = compose(model, level, start, config, samples, checkpoint.unseen)
    if num_each == 1:
        return scores, samples, []
    parts = [without_prime(score, start.end) for score in scores] if start.end else scores
    library, notices = _library(RunCorpus(checkpoint, folders))
    is_copied = [library is not None and _is_copied(part, library) for part in parts]
    costs = [sample.nats / max(1, part.num_notes) for sample, part in zip(samples, parts, strict=True)]
    groups = [range(first, first + num_each) for first in range(0, len(scores), num_each)]
    kept = [min(group, key=lambda place: (is_copied[place], costs[place])) for group in groups]
    notices += _sentences(is_copied, kept)
    return [scores[place] for place in kept], [samples[place] for place in kept], notices


def _library(corpus: RunCorpus) -> tuple[Library | None, list[str]]:
    """Return the training pieces, if they still exist, and otherwise why not."""
    if corpus.missing is not None:
        return None, [f"--best-of cannot exclude copies of the training set: {corpus.missing}"]
    pieces = ((document.name, score) for document in corpus.documents(TRAIN) for score in document.chunks())
    return Library(work for name, score in pieces for work in works_of(name, score)), []


def _is_copied(score: Score, library: Library) -> bool:
    return (library.search(works_of("", score)).share_found or 0) > _COPIED


def _sentences(is_copied: Sequence[bool], kept: Sequence[int]) -> list[str]:
    """Return what was excluded, and whether a copy had to be kept."""
    sentences = []
    if any(is_copied):
        pieces = counted(sum(is_copied), "piece")
        sentences.append(f"{pieces} of {len(is_copied):,} have most of their melody from the training set")
    if num_copies := sum(is_copied[place] for place in kept):
        sentences.append(f"{counted(num_copies, 'such piece')} had to be kept: raise --best-of or --temperature")
    return sentences
