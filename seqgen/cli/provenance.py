"""The output of `seqgen sample --provenance`: which spans of the samples occur in the training set."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from seqgen.cli import display
from seqgen.cli.progress import ShownProgress
from seqgen.config import FoldersConfig
from seqgen.errors import UsageError
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.music_sources import CopiedMelody
    from seqgen.evaluation.run_corpus import RunCorpus
    from seqgen.evaluation.text_sources import CopiedText
    from seqgen.music.score import Score

_STYLE = "bold underline"  # of copied text on a terminal
_SHOWN = 60  # characters of a span
_BY_CHANCE = "held-out text of this size rarely has so long a span"


def training_set(loaded: "Checkpoint", folders: FoldersConfig) -> "RunCorpus":
    """Return the corpus in which samples are searched for, before they are written.

    Raises:
        UsageError: the model writes from something given.
        CorpusError: the corpus no longer exists.
    """
    from seqgen.evaluation.run_corpus import RunCorpus

    if loaded.given_coding is not None:
        raise UsageError("--provenance is for models that are given nothing: omit it")
    run = RunCorpus(loaded, folders)
    if run.missing is not None:
        raise run.error("omit --provenance")
    return run


def copied_texts(run: "RunCorpus", texts: Sequence[str], prime: str) -> "list[list[CopiedText]]":
    """Return the copied spans of each text, and report them.

    Args:
        run: the corpus.
        texts: the samples.
        prime: with which each of them begins.
    """
    from seqgen.evaluation.text import MAX_TRAINING
    from seqgen.evaluation.text_sources import TextSources

    sources = TextSources(run, max(len(text) - len(prime) for text in texts), ShownProgress())
    found = [sources.find(text, len(prime)) for text in texts]
    _summarize(sum(map(len, found)), f"{sources.min_length} characters")
    if sources.num_characters >= MAX_TRAINING:
        display.note(f"searched the first {MAX_TRAINING:,} characters of the training set")
    for number, copies in enumerate(found, 1):
        sample = f"sample {number}, " if len(texts) > 1 else ""
        for copy in copies:
            shown = f"{copy.text[:_SHOWN]!r}{'...' if len(copy.text) > _SHOWN else ''}"
            display.note(f"{sample}characters {copy.begin + 1:,}-{copy.end:,}: {_source(copy.source)}: {shown}")
    return found


def copied_melodies(run: "RunCorpus", scores: "Sequence[Score]", prime_end: int) -> "list[list[CopiedMelody]]":
    """Return the copied spans of each piece, and report them.

    Args:
        run: the corpus.
        scores: the samples.
        prime_end: step at which their prime ends.
    """
    from seqgen.evaluation.music_sources import MusicSources, num_intervals

    sources = MusicSources(run, max(map(num_intervals, scores)))
    found = [sources.find(score, prime_end) for score in scores]
    _summarize(sum(map(len, found)), f"{sources.min_length} intervals")
    for number, copies in enumerate(found, 1):
        sample = f"sample {number}, " if len(scores) > 1 else ""
        for copy in copies:
            size = counted(copy.length + 1, "note")
            source = f"{copy.source}, {_bars(copy.source_bars)}"
            display.note(f"{sample}part {copy.part}, {_bars(copy.bars)}: {source} ({size}, in any key)")
    return found


def write_marked(text: str, begins: Sequence[int], found: "Sequence[Sequence[CopiedText]]") -> None:
    """Write samples to standard output; on a terminal, the copied spans are marked.

    Args:
        text: all samples.
        begins: the first character of each in the text.
        found: the copied spans of each.
    """
    if not sys.stdout.isatty():
        display.write_result(text)
        return
    marked = Text(display.visible(text))
    for begin, copies in zip(begins, found, strict=True):
        for copy in copies:
            marked.stylize(_STYLE, begin + copy.begin, begin + copy.end)
    display.results().print(marked, end="", soft_wrap=True)


def _summarize(num_spans: int, min_length: str) -> None:
    spans = counted(num_spans, "span") if num_spans else "no span"
    verb = "occur" if num_spans > 1 else "occurs"
    display.note(f"{spans} of at least {min_length} {verb} in the training set ({_BY_CHANCE})")


def _source(source: dict[str, Any]) -> str:
    return ", ".join([source["document"], *(f"{name} {source[name]:,}" for name in ("row", "line") if name in source)])


def _bars(bars: tuple[int, int]) -> str:
    first, last = bars
    return f"bar {first}" if first == last else f"bars {first}-{last}"
