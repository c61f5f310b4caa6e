"""Which documents train and which validate."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqgen.corpus.documents import Document, Excerpt
from seqgen.corpus.passages import Passages
from seqgen.corpus.statistics import Statistics
from seqgen.levels.base import Content

TRAIN, VALID = PARTS = ("train", "valid")


class WholeDocuments(NamedTuple):
    """When every document stays whole, on one side of the split.

    Attributes:
        min_documents: the smallest number of different documents.
        low: the smallest share of the text that may validate, as a factor of the share asked for.
        high: the largest.
        is_always: whether no document may be cut, whatever validates then.
    """

    min_documents: int
    low: float
    high: float
    is_always: bool = False


FILES = WholeDocuments(min_documents=20, low=0.5, high=1.5)  # few files may differ in kind: both sides get some of each
PASSAGES = WholeDocuments(min_documents=2, low=0.5, high=5.0)  # a model must see where lines, paragraphs, records end
PAIRS = WholeDocuments(min_documents=2, low=0.0, high=math.inf, is_always=True)
_SHARE_CUT = 0.5  # of the text, at least, is in the documents that are cut
_NEAR = 0.9  # of the size asked for is enough


@dataclass(frozen=True)
class Split:
    """How documents are divided: whole ones by a hash of their content, others each at a position.

    Attributes:
        threshold: documents whose `hash_fraction` is below it validate; None cuts every document.
        valid_fraction: a document of size n that is cut trains on its first `int((1 - valid_fraction) * n)` characters
            or bars, or on those before the nearest position at which it can be divided.
        too_long: hash fractions below the threshold of documents that train, because they are too long to validate.
        cut: hash fractions of documents that are cut.
        share: about how much of the text validates.
    """

    threshold: float | None
    valid_fraction: float
    too_long: frozenset[float] = frozenset()
    cut: frozenset[float] = frozenset()
    share: float = 0.0

    def divide(self, document: Document[Content]) -> Iterator[tuple[str, Document[Content]]]:
        """Yield the name of a part with the document, or of both parts with an excerpt of it each."""
        if self.threshold is not None:
            hash_fraction = document.hash_fraction
            if hash_fraction not in self.cut:
                is_valid = hash_fraction < self.threshold and hash_fraction not in self.too_long
                yield VALID if is_valid else TRAIN, document
                return
        position = document.cut_near(int((1 - self.valid_fraction) * document.size))
        if position == document.size:
            yield TRAIN, document
            return
        if position:
            yield TRAIN, Excerpt(document, 0, position)
        yield VALID, Excerpt(document, position)

    def divide_all(self, passages: Passages) -> Iterator[tuple[str, Passages | Document[str]]]:
        """Yield the name of a part with documents, or excerpts of them, in the order of each part."""
        fractions = passages.hash_fractions
        if self.threshold is None or (self.cut and np.isin(fractions, list(self.cut)).any()):
            for document in passages:
                yield from self.divide(document)
            return
        is_valid = fractions < self.threshold
        if self.too_long:
            is_valid[is_valid] = ~np.isin(fractions[is_valid], list(self.too_long))
        for part, chosen in ((TRAIN, ~is_valid), (VALID, is_valid)):
            if chosen.any():
                yield part, passages.select(chosen)

    @property
    def settings(self) -> list[Any]:
        """What decides where a document goes, as JSON values."""
        exceptions = [sorted(self.too_long), sorted(self.cut)] if self.too_long or self.cut else []
        return [self.threshold, self.valid_fraction, *exceptions]


def choose_split(statistics: Statistics, whole: WholeDocuments) -> Split:
    """Return the split of the documents counted.

    Every document goes whole to one side: those with the lowest hash fractions validate until they make up the share
    asked for, except those that are too long for it. If that cannot come near the share, because there are few
    documents or some are very long, the longest are cut and the others stay whole: a model must see where documents
    end.

    Args:
        statistics: of all documents.
        whole: when every document stays whole.
    """
    sizes, valid_fraction = statistics.sizes, statistics.valid_fraction
    target = valid_fraction * statistics.size
    if len(sizes) < 2:
        return Split(None, valid_fraction)
    if not statistics.is_complete:  # then the share of the hash fractions is near that of the text
        if whole.is_always or FILES.low * target <= statistics.valid_size <= FILES.high * target:
            return Split(valid_fraction, valid_fraction)
        cut = _longest(statistics.longest, _SHARE_CUT * statistics.size)  # unless some documents are very long
        return Split(valid_fraction, valid_fraction, cut=cut)
    if len(sizes) >= whole.min_documents and (chosen := _whole(sizes, target, valid_fraction, whole)):
        return _validating(chosen, sizes, valid_fraction, _total(sizes, chosen) / statistics.size)
    return _cutting_the_longest(sizes, target, valid_fraction)


def _whole(
    sizes: Mapping[float, int], target: float, valid_fraction: float, whole: WholeDocuments
) -> list[float] | None:
    """Return the documents that validate, by hash fraction; None if no choice of whole ones comes near the target."""
    most = max(0.5, 2 * valid_fraction) * len(sizes)  # else training lacks what fits into validation
    candidates = [_nearest(sizes, target), _fitting(sizes, target), [_shortest(sizes)]]
    differences = [abs(_total(sizes, chosen) - target) for chosen in candidates]
    near = [
        (0.0 if difference <= target / 2 else difference, place)  # of several that are near, the first
        for place, (chosen, difference) in enumerate(zip(candidates, differences, strict=True))
        if chosen and whole.low * target <= _total(sizes, chosen) <= whole.high * target and len(chosen) <= most
    ]
    return candidates[min(near)[1]] if near else None


def _cutting_the_longest(sizes: Mapping[float, int], target: float, valid_fraction: float) -> Split:
    """Return the split that cuts the longest documents, and divides the others whole."""
    cut = _longest(sizes, _SHARE_CUT * sum(sizes.values()))
    others = {hash_fraction: size for hash_fraction, size in sizes.items() if hash_fraction not in cut}
    chosen = _fitting(others, valid_fraction * sum(others.values()))
    if not chosen and len(others) > 1 and others[_shortest(others)] <= target / 2:
        chosen = [_shortest(others)]
    fraction = (target - _total(sizes, chosen)) / _total(sizes, cut)
    fraction = min(fraction, max(valid_fraction, 0.5))  # if little may be cut, most of it still trains
    return _validating(chosen, others, fraction, valid_fraction, cut)


def _validating(
    chosen: list[float],
    sizes: Mapping[float, int],
    valid_fraction: float,
    share: float,
    cut: frozenset[float] = frozenset(),
) -> Split:
    """Return the split that validates on the chosen documents, as a threshold with exceptions.

    Args:
        chosen: hash fractions of the documents that validate, in ascending order.
        sizes: of all documents that are not cut, by hash fraction.
        valid_fraction: of each document that is cut.
        share: of all text that validates.
        cut: hash fractions of the documents that are cut.
    """
    threshold = min((each for each in sizes if each > chosen[-1]), default=1.0) if chosen else 0.0
    too_long = frozenset(each for each in sizes if each < threshold) - set(chosen)
    return Split(threshold, valid_fraction, too_long, cut, share)


def _nearest(sizes: Mapping[float, int], target: float) -> list[float]:
    """Return the lowest hash fractions, but not all, whose documents together come nearest to a size."""
    chosen, total = [], 0
    for hash_fraction in sorted(sizes):
        if abs(total + sizes[hash_fraction] - target) >= abs(total - target):
            break
        chosen.append(hash_fraction)
        total += sizes[hash_fraction]
    return chosen[: len(sizes) - 1]


def _fitting(sizes: Mapping[float, int], target: float) -> list[float]:
    """Return the lowest hash fractions, but not all, whose documents fit into a size, without those too long for it."""
    chosen, total = [], 0
    for hash_fraction in sorted(sizes):
        if total >= _NEAR * target:  # or many would be left out for one that is short enough
            break
        if total + sizes[hash_fraction] <= target:
            chosen.append(hash_fraction)
            total += sizes[hash_fraction]
    return chosen[: len(sizes) - 1]


def _shortest(sizes: Mapping[float, int]) -> float:
    return min(sizes, key=lambda hash_fraction: (sizes[hash_fraction], hash_fraction))


def _longest(sizes: Mapping[float, int], target: float) -> frozenset[float]:
    """Return the hash fractions of the longest documents that reach a size together, or of all if they do not."""
    chosen, total = set(), 0
    for hash_fraction in sorted(sizes, key=lambda each: (-sizes[each], each)):
        if total >= target:
            break
        chosen.add(hash_fraction)
        total += sizes[hash_fraction]
    return frozenset(chosen)


def _total(sizes: Mapping[float, int], chosen: Iterable[float]) -> int:
    return sum(sizes[hash_fraction] for hash_fraction in chosen)
