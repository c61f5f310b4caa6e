"""The nearest-neighbour baseline of a conditional model: the target of the training given most similar to the given."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import Ids

_MAX_DISTANCES = 1 << 23  # computed at once: 32 MiB
_MAX_BLOCK = 1 << 16  # training pairs in memory
_PARTS = 16  # of a signal
_MAX_NUMBERS = 1 << 24  # of the outlines in memory

_Given = TypeVar("_Given")


def nearest_targets(
    givens: Sequence[str], training: Iterable[tuple[str, str]], progress: Progress = SILENT
) -> list[str]:
    """Return the target of the training given with the smallest edit distance (Levenshtein) to each given.

    The first of several equally near training givens counts. The training pairs are read once and in blocks, so the
    memory does not depend on their number; 2,000 sentences are compared with 164,000 in 14 s on one core.

    Args:
        givens: the givens to look up.
        training: pairs of a training given and its target.
        progress: receives the number of training pairs read.

    Raises:
        ValueError: there are no training pairs.
    """
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    distinct = list(dict.fromkeys(givens))
    best = np.full(len(distinct), np.iinfo(np.int32).max, dtype=np.int32)
    targets = [""] * len(distinct)
    is_empty = True
    with progress.task("searching for the nearest training pairs") as task:
        for block in _blocks(training, min(_MAX_BLOCK, max(1, _MAX_DISTANCES // max(1, len(distinct))))):
            is_empty = False
            distances = cdist(distinct, [given for given, _ in block], scorer=Levenshtein.distance, dtype=np.int32)
            nearest, smallest = distances.argmin(axis=1), distances.min(axis=1)
            for row in np.flatnonzero(smallest < best):
                targets[row] = block[nearest[row]][1]
            best = np.minimum(best, smallest)
            task.advance(len(block))
    if is_empty:
        raise ValueError("the nearest training pair needs at least one training pair, got none")
    target_of = dict(zip(distinct, targets, strict=True))
    return [target_of[given] for given in givens]


def nearest_signal_targets(
    givens: Sequence[Ids], training: Iterable[tuple[Ids, str]], progress: Progress = SILENT
) -> list[str]:
    """Return the target of the training signal whose outline has the smallest Euclidean distance to that of each given.

    The outline of a signal is the mean of its vectors in each of 16 parts of equal length.

    Args:
        givens: the vectors of each signal, shape (positions, features).
        training: pairs of the vectors of a training signal and its target.
        progress: receives the number of training pairs read.

    Raises:
        ValueError: there are no training pairs.
    """
    outlines = np.stack(list(map(_outline, givens)))
    best, targets = np.full(len(givens), np.inf), [""] * len(givens)
    with progress.task("searching for the nearest training pairs") as task:
        for block in _blocks(training, max(1, _MAX_NUMBERS // outlines.shape[1])):
            others = np.stack([_outline(rows) for rows, _ in block])
            squares = (outlines**2).sum(1)[:, None] + (others**2).sum(1) - 2 * outlines @ others.T
            nearest, smallest = squares.argmin(axis=1), squares.min(axis=1)
            for row in np.flatnonzero(smallest < best):
                targets[row] = block[nearest[row]][1]
            best = np.minimum(best, smallest)
            task.advance(len(block))
    if np.isinf(best).any():
        raise ValueError("the nearest training pair needs at least one training pair, got none")
    return targets


def _outline(rows: Ids) -> NDArray[np.float64]:
    """Return the mean of the vectors in each part, flattened."""
    edges = np.linspace(0, len(rows), _PARTS + 1)
    parts = [rows[int(begin) : max(int(begin) + 1, int(end))] for begin, end in pairwise(edges)]
    return np.concatenate([np.mean(part, axis=0, dtype=np.float64) for part in parts])


def _blocks(pairs: Iterable[tuple[_Given, str]], size: int) -> Iterator[list[tuple[_Given, str]]]:
    remaining = iter(pairs)
    while block := list(islice(remaining, size)):
        yield block
