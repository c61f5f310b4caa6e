"""The overlap of a text with the training and validation sets of a run.

Documents are cut into windows of `WINDOW` tokens, which are searched for at all positions of the set; shorter documents
must occur as whole documents. Windows are compared by 64-bit polynomial hashes (Karp & Rabin 1987, "Efficient
randomized pattern-matching algorithms"), so that a false match is expected once in 10^19 / (windows x tokens) texts. A
window with one different token does not match: the overlap is a lower bound.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.corpus.split import TRAIN, VALID
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.levels.base import Level

WINDOW = 32  # tokens, a power of 2
_BASE = 0x9E3779B97F4A7C15  # odd, with mixed bits
_TABLE_BITS = 24  # of a hash, which exclude most windows before the search
NOTABLE = 0.01  # overlap above which the user is warned
_BLOCK = 1 << 20  # tokens hashed at once

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Overlap:
    """The shares of a text that occur in the training and validation sets of a run, from 0 to 1."""

    training: float
    validation: float

    @classmethod
    def of(cls, text: Dataset, run: RunCorpus, progress: Progress = SILENT) -> Self:
        """Search for a text in the corpus of a run, which must exist."""
        with run.encoded(TRAIN) as training, run.encoded(VALID) as validation:
            return cls(share_in(text, training, progress), share_in(text, validation, progress))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "window": WINDOW}

    @property
    def notes(self) -> list[str]:
        """Warnings for the user."""
        shares = {"training set": self.training, "validation set, which selected the checkpoint": self.validation}
        found = [f"{share:.1%} of the text occurs in the {name}" for name, share in shares.items() if share >= NOTABLE]
        return [f"{', and '.join(found)}: the loss on new text may be higher"] if found else []


def share_in(text: Dataset, known: Dataset, progress: Progress = SILENT) -> float:
    """Return the share of a text's tokens, except start and end tokens, that occur in a known dataset.

    Args:
        text: the documents to search for.
        known: the dataset to search in.
        progress: receives the progress.
    """
    windows = _Windows.of(text)
    if not len(windows.sizes):
        return 0.0
    unique, inverse = np.unique(np.concatenate(list(windows.hashes(text))), return_inverse=True)
    table = np.zeros(1 << _TABLE_BITS, dtype=bool)
    table[_high_bits(unique)] = True
    is_found = np.zeros(len(unique), dtype=bool)
    hashed = progress.track("comparing with the corpus of the run", _all_hashes(known), len(known.ids) // _BLOCK + 1)
    for hashes in hashed:
        likely = hashes[table[_high_bits(hashes)]]
        places = np.minimum(np.searchsorted(unique, likely), len(unique) - 1)
        is_found[places[unique[places] == likely]] = True
    return float(windows.sizes[is_found[inverse]].sum() / windows.sizes.sum())


class _Windows(NamedTuple):
    """The windows that cover the documents of a dataset, without start and end tokens.

    Attributes:
        begins: first position of each; the last window of a long document overlaps the one before it.
        ends: end of each.
        sizes: number of tokens that each adds to the windows before it.
    """

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        first = np.asarray(dataset.offsets[:-1]) + 1
        last = np.asarray(dataset.offsets[1:]) - (dataset.ids[dataset.offsets[1:] - 1] == Level.END)
        counts = -(-(last - first) // WINDOW)
        index = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        first, last = np.repeat(first, counts), np.repeat(last, counts)
        begins = first + WINDOW * index
        sizes = np.minimum(WINDOW, last - begins)
        begins = np.maximum(first, np.minimum(begins, last - WINDOW))
        return cls(begins, np.minimum(begins + WINDOW, last), sizes)

    def short(self) -> Self:
        """Return the windows of documents that are shorter than a window."""
        is_short = self.ends - self.begins < WINDOW
        return type(self)(*(values[is_short] for values in self))

    def hashes(self, dataset: Dataset) -> Iterator[Hashes]:
        """Yield blocks of the hashes of all windows; positions after the end of a document are a separate token."""
        for some in range(0, len(self.begins), _BLOCK // WINDOW):
            begins, ends = (values[some : some + _BLOCK // WINDOW, None] for values in (self.begins, self.ends))
            places = begins + np.arange(WINDOW)
            ids = dataset.ids[np.minimum(places, len(dataset.ids) - 1)].astype(np.uint64)
            yield _hashes(np.where(places < ends, ids, len(dataset.counts)))[:, 0]


def _all_hashes(dataset: Dataset) -> Iterator[Hashes]:
    """Yield the hashes of the windows at all positions, and of all short documents."""
    for begin in range(0, len(dataset.ids) - WINDOW + 1, _BLOCK):
        yield _hashes(dataset.ids[begin : begin + _BLOCK + WINDOW - 1])
    yield from _Windows.of(dataset).short().hashes(dataset)


def _hashes(ids: NDArray[np.integer[Any]]) -> Hashes:
    """Return the hash of every window along the last axis."""
    hashes, power, width = ids.astype(np.uint64), _BASE, 1
    while width < WINDOW:
        hashes = hashes[..., :-width] * np.uint64(power) + hashes[..., width:]
        power, width = power * power % (1 << 64), 2 * width
    return hashes


def _high_bits(hashes: Hashes) -> Hashes:
    return hashes >> np.uint64(64 - _TABLE_BITS)
