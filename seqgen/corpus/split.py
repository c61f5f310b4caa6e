"""Which part of the documents trains and which validates."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any, NamedTuple

from seqgen.corpus.documents import Document, Excerpt

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
_NUM_LONGEST = 32  # of more than these, the longest
_SHARE_CUT = 0.5  # of the text at least, in documents that are cut
_NEAR = 0.9  # of the size wanted is enough


@dataclass(frozen=True)
class Split:
    """How documents are divided: whole ones by their content, others each at a point.

    Attributes:
        threshold: documents whose lot is below it validate; None cuts every document.
        valid_fraction: a document of size n that is cut trains on the first `int((1 - valid_fraction) * n)`.
        kept: lots below the threshold of documents that train, since they are too long to validate.
        cut: lots of documents that are cut.
        share: how much of the text validates, about.
    """

    threshold: float | None
    valid_fraction: float
    kept: frozenset[float] = frozenset()
    cut: frozenset[float] = frozenset()
    share: float = 0.0

    def divide(self, document: Document) -> Iterator[tuple[str, Document]]:
        """Yield the document with its part, or two excerpts of it, each with its part."""
        if self.threshold is not None:
            hash_fraction = document.hash_fraction
            if hash_fraction not in self.cut:
                is_valid = hash_fraction < self.threshold and hash_fraction not in self.kept
                yield VALID if is_valid else TRAIN, document
                return
        cut = int((1 - self.valid_fraction) * document.size)
        if cut:
            yield TRAIN, Excerpt(document, 0, cut)
        yield VALID, Excerpt(document, cut)

    @property
    def settings(self) -> list[Any]:
        """What decides where a document goes, as plain JSON values."""
        exceptions = [sorted(self.kept), sorted(self.cut)] if self.kept or self.cut else []
        return [self.threshold, self.valid_fraction, *exceptions]


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
    _longest: list[tuple[int, float]] = field(default_factory=list)  # a heap

    def add(self, document: Document) -> None:
        """Count one document."""
        size, hash_fraction = document.size, document.hash_fraction
        self.documents += 1
        self.size += size
        self._held_back += size * (hash_fraction < self.valid_fraction)
        if len(self._by_lot) < _MAX_RANKED:
            self._by_lot[hash_fraction] = self._by_lot.get(hash_fraction, 0) + size
        (heappush if len(self._longest) < _NUM_LONGEST else heappushpop)(self._longest, (size, hash_fraction))

    @property
    def num_different(self) -> int:
        """How many documents there are without duplicates; 0 where they are too many to know."""
        return len(self._by_lot) if len(self._by_lot) < _MAX_RANKED else 0

    def split(self, whole: Whole) -> Split:
        """Return the split of the documents counted.

        They go whole to one side, those with the lowest lots to validation until they make up the share, without those
        that are too long for it. Where this cannot come near the share, because they are few or some are very long, the
        longest are cut and the others stay whole: a model must see where documents end.
        """
        if len(self._by_lot) < 2:
            return Split(None, self.valid_fraction)
        if len(self._by_lot) >= _MAX_RANKED:
            return self._split_of_many()
        if len(self._by_lot) >= whole.min_documents and (chosen := self._whole(whole)):
            share = self._size_of(chosen) / self.size
            return _below(self._by_lot, chosen, self.valid_fraction, share)
        return self._cutting_the_longest()

    def _whole(self, whole: Whole) -> list[float] | None:
        """Return the lots of the documents that validate, or None if no choice of whole ones comes near the share."""
        sizes, wanted = self._by_lot, self.valid_fraction * self.size
        most = max(0.5, 2 * self.valid_fraction) * len(sizes)  # or training lacks what fits into validation
        candidates = [_nearest(sizes, wanted), _fitting(sizes, wanted), [_shortest(sizes)]]
        off = [abs(self._size_of(chosen) - wanted) for chosen in candidates]
        near = [
            (0.0 if difference <= wanted / 2 else difference, place)  # of several that are near, the first
            for place, (chosen, difference) in enumerate(zip(candidates, off, strict=True))
            if whole.low * wanted <= self._size_of(chosen) <= whole.high * wanted and len(chosen) <= most
        ]
        return candidates[min(near)[1]] if near else None

    def _size_of(self, lots: Iterable[float]) -> int:
        return sum(self._by_lot[lot] for lot in lots)

    def _cutting_the_longest(self) -> Split:
        """Return the split that cuts the longest documents, and divides the others whole."""
        cut = _longest(self._by_lot, _SHARE_CUT * self.size)
        others = {lot: size for lot, size in self._by_lot.items() if lot not in cut}
        wanted = self.valid_fraction * self.size
        chosen = _fitting(others, self.valid_fraction * sum(others.values()))
        if not chosen and len(others) > 1 and others[_shortest(others)] <= wanted / 2:
            chosen = [_shortest(others)]
        fraction = (wanted - self._size_of(chosen)) / self._size_of(cut)
        fraction = min(fraction, max(self.valid_fraction, 0.5))  # of little that may be cut, most still trains
        return _below(others, chosen, fraction, self.valid_fraction, cut)

    def _split_of_many(self) -> Split:
        """Return the split of more documents than are ranked: the share of the lots is near that of the text.

        Unless some documents are very long, which are cut.
        """
        wanted = self.valid_fraction * self.size
        if FILES.low * wanted <= self._held_back <= FILES.high * wanted:
            return Split(self.valid_fraction, self.valid_fraction)
        cut = _longest({lot: size for size, lot in self._longest}, _SHARE_CUT * self.size)
        return Split(self.valid_fraction, self.valid_fraction, cut=cut)


def _nearest(sizes: Mapping[float, int], wanted: float) -> list[float]:
    """Return the lowest lots, but not all, whose documents together come nearest to a size."""
    chosen, total = [], 0
    for lot in sorted(sizes):
        if abs(total + sizes[lot] - wanted) >= abs(total - wanted):
            break
        chosen.append(lot)
        total += sizes[lot]
    return chosen[: len(sizes) - 1]


def _fitting(sizes: Mapping[float, int], wanted: float) -> list[float]:
    """Return the lowest lots, but not all, whose documents fit into a size; those that are too long are passed over."""
    chosen, total = [], 0
    for lot in sorted(sizes):
        if total >= _NEAR * wanted:  # or many would be passed over for one that is short enough
            break
        if total + sizes[lot] <= wanted:
            chosen.append(lot)
            total += sizes[lot]
    return chosen[: len(sizes) - 1]


def _shortest(sizes: Mapping[float, int]) -> float:
    return min(sizes, key=lambda lot: (sizes[lot], lot))


def _longest(sizes: Mapping[float, int], wanted: float) -> frozenset[float]:
    """Return the lots of the longest documents that have a size together, or of all if they have less."""
    chosen, total = set(), 0
    for lot in sorted(sizes, key=lambda lot: (-sizes[lot], lot)):
        if total >= wanted:
            break
        chosen.add(lot)
        total += sizes[lot]
    return frozenset(chosen)


def _below(
    sizes: Mapping[float, int],
    chosen: list[float],
    valid_fraction: float,
    share: float,
    cut: frozenset[float] = frozenset(),
) -> Split:
    """Return the split that validates on the chosen lots, as a threshold with its exceptions.

    Args:
        sizes: of all documents that are not cut, by lot.
        chosen: the lots of those that validate, in order.
        valid_fraction: of the documents that are cut.
        share: of the text that validates in all.
        cut: the lots of those that are cut.
    """
    threshold = min((lot for lot in sizes if lot > chosen[-1]), default=1.0) if chosen else 0.0
    kept = frozenset(lot for lot in sizes if lot < threshold) - set(chosen)
    return Split(threshold, valid_fraction, kept, cut, share)
