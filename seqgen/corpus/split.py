"""Which part of the documents trains and which validates."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from seqgen.corpus.documents import Document
from seqgen.levels.base import Content

TRAIN, VALID = PARTS = ("train", "valid")


class Whole(NamedTuple):
    """When documents go whole to one side.

    Attributes:
        min_documents: how many different ones there must be.
        low: how far their share of the whole may be below the one asked for, as a factor.
        high: the same above it.
    """

    min_documents: int
    low: float
    high: float


FILES = Whole(min_documents=20, low=0.5, high=1.5)  # a few files may differ in kind: both parts get of each
PASSAGES = Whole(min_documents=2, low=0.5, high=5.0)  # a model must learn how lines, paragraphs and records end
_MAX_RANKED = 100_000  # different documents whose lots are remembered


@dataclass(frozen=True)
class Piece:
    """A document from one character or bar to another; None is its end."""

    document: Document
    start: int = 0
    stop: int | None = None

    @property
    def is_ended(self) -> bool:
        """Whether the document's own end is in the piece: a cut is none."""
        return self.stop is None

    @property
    def is_filled(self) -> bool:
        """Whether there is anything in it."""
        return self.start < (self.document.survey.size if self.stop is None else self.stop)

    def chunks(self) -> Iterator[Content]:
        """Yield the content of the piece."""
        position = 0
        for chunk in self.document.chunks():
            wanted = chunk[max(self.start - position, 0) : None if self.stop is None else max(self.stop - position, 0)]
            if wanted:
                yield wanted
            position += len(chunk)
            if self.stop is not None and position >= self.stop:
                return


@dataclass(frozen=True)
class Split:
    """How documents are divided: whole ones by their content, or each at a point.

    Attributes:
        threshold: documents whose lot is below it validate; None cuts each at a point.
        valid_fraction: a document of size n that is cut trains on the first `int((1 - valid_fraction) * n)`.
    """

    threshold: float | None
    valid_fraction: float

    def pieces(self, document: Document) -> Iterator[tuple[str, Piece]]:
        """Yield part and piece, for each part that gets something of the document."""
        if self.threshold is not None:
            yield VALID if document.survey.lot < self.threshold else TRAIN, Piece(document)
            return
        cut = int((1 - self.valid_fraction) * document.survey.size)
        if cut:
            yield TRAIN, Piece(document, 0, cut)
        yield VALID, Piece(document, cut)


@dataclass
class Tally:
    """Counts what a split needs to know of all documents, in constant memory.

    Args:
        valid_fraction: the share that validates.
    """

    valid_fraction: float
    documents: int = 0
    size: int = 0
    _held_back: int = 0
    _by_lot: dict[float, int] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count one document."""
        survey = document.survey
        self.documents += 1
        self.size += survey.size
        self._held_back += survey.size * (survey.lot < self.valid_fraction)
        if len(self._by_lot) < _MAX_RANKED:
            self._by_lot[survey.lot] = self._by_lot.get(survey.lot, 0) + survey.size

    @property
    def num_different(self) -> int:
        """How many documents there are without duplicates; 0 where they are too many to know."""
        return len(self._by_lot) if len(self._by_lot) < _MAX_RANKED else 0

    def split(self, whole: Whole) -> Split:
        """Return the split of the documents counted.

        Many go whole to one side, those with the lowest lots to validation until they make up the share. Where that
        cannot come near the share asked for, because they are few or of very different lengths, each is cut.
        """
        if len(self._by_lot) < whole.min_documents:
            return Split(None, self.valid_fraction)
        threshold, held_back = self.valid_fraction, self._held_back
        if len(self._by_lot) < _MAX_RANKED:
            threshold, held_back = self._ranked()
        low, high = (factor * self.valid_fraction * self.size for factor in (whole.low, whole.high))
        return Split(threshold if low <= held_back <= high else None, self.valid_fraction)

    def _ranked(self) -> tuple[float, int]:
        """Return the lot below which the documents come nearest to the share, and how much these are."""
        wanted = self.valid_fraction * self.size
        held_back, nearest = 0, (0.0, 0)
        for lot in sorted(self._by_lot):
            if abs(held_back - wanted) < abs(nearest[1] - wanted):
                nearest = lot, held_back
            held_back += self._by_lot[lot]
        return nearest
