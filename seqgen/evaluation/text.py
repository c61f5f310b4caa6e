"""What samples of text copy from the training set, compared with held-out text."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.corpus.documents import Document
from seqgen.evaluation.copying import Copied, Library, Work
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.sampler import begin, sample

NGRAM = 20  # characters; shorter n-grams often match by chance
MAX_TRAINING = 1 << 25  # characters of the training set that are searched
_LENGTH = 1000  # tokens per sample


@dataclass(frozen=True)
class Verbatim:
    """What texts have in common with the training set.

    Attributes:
        characters: number of characters of the texts.
        ngram: number of characters of an n-gram.
        new_share: share of n-grams that do not occur in the training set; None if there are no n-grams.
        longest: the longest sequence of characters that occurs in the training set.
        source: document of the training set that contains it, and its first character there.
    """

    characters: int
    ngram: int
    new_share: float | None
    longest: str
    source: tuple[str, int] | None

    @classmethod
    def of(cls, copied: Copied, texts: Sequence[Work]) -> "Verbatim":
        """Return the result of a search with the text of the longest run."""
        new_share = None if copied.share_found is None else 1 - copied.share_found
        run = copied.longest
        if run is None:
            return cls(copied.num_symbols, copied.n, new_share, "", None)
        text = next(work.symbols for work in texts if work.name == run.sample)
        longest = "".join(map(str, text[run.sample_place : run.sample_place + run.length]))
        return cls(copied.num_symbols, copied.n, new_share, longest, (run.source, run.source_place))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        place = {} if self.source is None else {"source": self.source[0], "place": self.source[1]}
        run = {"length": len(self.longest), "text": self.longest, **place}
        return {"characters": self.characters, "ngram": self.ngram, "new_share": self.new_share, "longest": run}


@dataclass(frozen=True)
class TextReport:
    """What samples and held-out text have in common with the training set, as far as it was searched."""

    num_samples: int
    training_characters: int
    samples: Verbatim
    held_out: Verbatim

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "num_samples": self.num_samples,
            "training_characters": self.training_characters,
            "samples": self.samples.to_json(),
            "held_out": self.held_out.to_json(),
        }


def report_on_texts(
    checkpoint: Checkpoint,
    model: LanguageModel,
    level: TextLevel,
    train: Iterable[Document[str]],
    held_out: Iterable[Document[str]],
    num_samples: int,
    seed: int,
    progress: Progress = SILENT,
) -> TextReport:
    """Draw samples and search the training set for them, and for the same amount of held-out text.

    Args:
        checkpoint: the checkpoint.
        model: its model.
        level: its level.
        train: documents of the training set.
        held_out: documents that are not in the training set.
        num_samples: number of samples.
        seed: seed of the first sample.
        progress: receives the progress.
    """
    config = SamplingConfig(num_samples=num_samples, seed=seed, length=_LENGTH)
    texts = [""] * num_samples
    unseen_ids, knows_beginnings = checkpoint.unseen, checkpoint.knows_beginnings
    written = sample(model, level, "", config, begin(config), unseen_ids, knows_beginnings=knows_beginnings)
    for index, text in progress.track("sampling", written, num_samples * _LENGTH):  # one item per token
        texts[index] += text
    drawn = [Work(f"sample {number}", text) for number, text in enumerate(texts, start=1)]
    others = [
        Work(f"text {number}", text)  # lines of a file have the same name
        for number, (_, text) in enumerate(first_texts(held_out, sum(map(len, texts))), start=1)
    ]
    known = [Work(document.name, text) for document, text in first_texts(train, MAX_TRAINING)]
    size = sum(len(work.symbols) for work in known)
    with progress.task("searching for copies", size) as task:
        library = Library(known, task)
        found = [Verbatim.of(library.search(works, NGRAM), works) for works in (drawn, others)]
    return TextReport(num_samples, size, *found)


def first_texts(documents: Iterable[Document[str]], size: int) -> Iterator[tuple[Document[str], str]]:
    """Yield documents with their texts, with at most this number of characters in total."""
    for document in documents:
        if size <= 0:
            return
        text = "".join(_first(document.chunks(), size))
        size -= len(text)
        yield document, text


def _first(chunks: Iterable[str], size: int) -> Iterator[str]:
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return
