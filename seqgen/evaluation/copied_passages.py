"""Which passages of samples occur in the training set, and how long such passages are by chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from seqgen.evaluation import music_sources
from seqgen.evaluation.drawn_samples import DrawnSample
from seqgen.evaluation.music_sources import SHORTEST, CopiedMelody, MusicSources, num_intervals
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.evaluation.text import MAX_TRAINING, NGRAM
from seqgen.evaluation.text_sources import LONGEST, CopiedText, TextSources
from seqgen.music.score import Score


@dataclass(frozen=True)
class CopiedPassages:
    """What samples have in common with the training set.

    Attributes:
        unit: in which the length of a passage is counted: `characters` or `intervals`.
        min_length: length from which a passage is longer than by chance, see `spans.chance_length`.
        shortest: length below which no passage is reported.
        always: length from which a passage is regarded as a copy, even if held-out works have such passages.
        found: the passages of each sample that are longer than by chance, or the longest one if none is.
        is_partial: whether only the beginning of the training set was searched.
    """

    unit: str
    min_length: int
    shortest: int
    always: int
    found: list[list[CopiedText] | list[CopiedMelody]]
    is_partial: bool = False

    @property
    def longest(self) -> int:
        """The length of the longest passage; 0 if none is reported."""
        return max((copy.length for copies in self.found for copy in copies), default=0)

    @classmethod
    def of(cls, run: RunCorpus, drawn: Sequence[DrawnSample], progress: Progress = SILENT) -> "CopiedPassages":
        """Search the training set of a run.

        Raises:
            CorpusError: the training set no longer exists.
        """
        texts = [each.content for each in drawn if isinstance(each.content, str)]
        if texts:
            return cls._of_texts(run, texts, progress)
        return cls._of_music(run, [each.content for each in drawn if isinstance(each.content, Score)])

    @classmethod
    def _of_texts(cls, run: RunCorpus, texts: Sequence[str], progress: Progress) -> "CopiedPassages":
        sources = TextSources(run, max(map(len, texts)), progress)
        found = [sources.find(text) or sources.longest(text) for text in texts]
        return cls("characters", sources.min_length, NGRAM, LONGEST, [*found], sources.num_characters >= MAX_TRAINING)

    @classmethod
    def _of_music(cls, run: RunCorpus, scores: Sequence[Score]) -> "CopiedPassages":
        sources = MusicSources(run, max(map(num_intervals, scores)))
        found = [sources.find(score) or sources.longest(score) for score in scores]
        return cls("intervals", sources.min_length, SHORTEST, music_sources.LONGEST, [*found])
