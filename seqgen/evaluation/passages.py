"""The passages of a text on which two models differ most."""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document
from seqgen.evaluation.alignment import Alignment

NUM_SHOWN = 3  # passages in each direction
_LENGTH = 80  # characters of a passage, at least; at most about twice as many
_ROUNDING = 0.01  # nats, of differences that may come from rounding
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class ScoredPassage:
    """A passage: part of a text, a piece of music, or a pair.

    Attributes:
        origin: the file, and the row or line in it, as far as they are known.
        text: the text; for music, its size.
        nats: what it costs the first model and the other one.
        given: what the text is given, if it is given anything.
    """

    origin: dict[str, Any]
    text: str
    nats: tuple[float, float]
    given: str | None = None

    @property
    def difference(self) -> float:
        """The nats of the other model minus those of the first."""
        return self.nats[1] - self.nats[0]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        given = {} if self.given is None else {"given": self.given}
        return {**self.origin, **given, "text": self.text, "nats": list(self.nats)}


@dataclass
class Extremes:
    """The passages on which the other model differs most from the first.

    Attributes:
        better: those on which it is better, the largest difference first.
        worse: those on which it is worse, the largest difference first.
    """

    better: list[ScoredPassage] = field(default_factory=list)
    worse: list[ScoredPassage] = field(default_factory=list)

    def add(self, passages: Iterable[ScoredPassage]) -> None:
        """Keep those that differ most."""
        found = list(passages)
        better = [passage for passage in found if passage.difference < -_ROUNDING]
        worse = [passage for passage in found if passage.difference > _ROUNDING]
        self.better = heapq.nsmallest(NUM_SHOWN, [*self.better, *better], key=lambda passage: passage.difference)
        self.worse = heapq.nlargest(NUM_SHOWN, [*self.worse, *worse], key=lambda passage: passage.difference)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {name: [passage.to_json() for passage in getattr(self, name)] for name in ("better", "worse")}


def passages_of_text(document: Document[str], text: str, alignment: Alignment) -> Iterator[ScoredPassage]:
    """Yield the passages of a document of text, which end where tokens of both models end, between words if possible.

    Args:
        document: the document.
        text: its content.
        alignment: the costs.
    """
    begin, first, line = 0, 0, document.line_at(0)
    for last in _last_places(alignment.ends, text):
        end = int(alignment.ends[last])
        own, other = alignment.nats[:, first : last + 1].sum(axis=1).tolist()
        passage = text[begin:end]
        place = {} if line is None else {"line": line + _leading_newlines(passage)}
        yield ScoredPassage(document.origin | place, passage, (own, other))
        line = line and line + passage.count("\n")
        begin, first = end, last + 1


def _last_places(ends: NDArray[np.int64], text: str) -> Iterator[int]:
    """Yield the index in `ends` of the last place of each passage."""
    spaces = [place for match in _SPACE.finditer(text) for place in match.span()]
    is_between_words = np.isin(ends, spaces)
    begin, final = 0, len(ends) - 1
    while begin + 2 * _LENGTH < ends[final]:
        first, stop = np.searchsorted(ends, [begin + _LENGTH, begin + 2 * _LENGTH])
        last = min(first + int(is_between_words[first:stop].argmax()), final) if first < stop else first
        yield int(last)
        begin = int(ends[last])
        if last == final:
            return
    yield final


def _leading_newlines(text: str) -> int:
    return text[: len(text) - len(text.lstrip())].count("\n")
