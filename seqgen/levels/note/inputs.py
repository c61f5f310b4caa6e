"""What the network reads: each BAR as LEFT n, if it is known how many bars are left.

It does not have to predict the numbers. If it had to, the loss on Bach's chorales after 480 steps would be 2.11 nats
per note with the last 64 bars counted, and 1.98 with the last 4, instead of 1.95.
"""

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import Ids
from seqgen.levels.note import tokens as t


def inputs_of(ids: Ids, offsets: NDArray[np.int64]) -> Ids:
    """Return what the network reads instead of the tokens of whole documents, shape (tokens,).

    Args:
        ids: of the documents, concatenated.
        offsets: where each begins, and where the last ends.
    """
    begun = np.zeros(len(ids), dtype=np.int64)  # bars that begin with each token
    begun[ids == t.BAR] = 1
    repeats = np.flatnonzero(ids == t.REPEAT)
    repeats = repeats[repeats + 2 < len(ids)]
    begun[repeats + 2] = ids[repeats + 2].astype(np.int64) - t.POSITION
    lengths = np.flatnonzero(ids[:-1] == t.LENGTH)
    num_bars = np.zeros(len(offsets) - 1, dtype=np.int64)
    num_bars[np.searchsorted(offsets, lengths, side="right") - 1] = ids[lengths + 1].astype(np.int64) - t.POSITION
    total = begun.cumsum()
    before = np.concatenate([[0], total])[offsets[:-1]]
    left = np.repeat(num_bars + before, np.diff(offsets)) - total + 1
    inputs = ids.copy()
    is_counted = (ids == t.BAR) & (left > 0) & (left <= t.MAX_LEFT)
    inputs[is_counted] = t.LEFT + left[is_counted]
    return inputs


class Countdown:
    """Counts the bars that are left in sampled streams, and replaces their BAR tokens.

    Args:
        num_streams: number of streams.
        num_bars: of the whole pieces, if all have the same number; otherwise LENGTH states it.
    """

    def __init__(self, num_streams: int, num_bars: int | None = None) -> None:
        self._left = np.full(num_streams, num_bars + 1 if num_bars else 0, dtype=np.int64)
        self._last = np.full((2, num_streams), t.START, dtype=np.int64)  # the last tokens, the latest first

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Take the next token of each stream, and return what the network reads instead; shape (streams,)."""
        steps = ids - t.POSITION
        self._left = np.where(self._last[0] == t.LENGTH, steps + 1, self._left)
        self._left -= np.where(self._last[1] == t.REPEAT, steps, 0) + (ids == t.BAR)
        self._last = np.stack([ids, self._last[0]])
        is_counted = (ids == t.BAR) & (self._left > 0) & (self._left <= t.MAX_LEFT)
        return np.where(is_counted, t.LEFT + self._left, ids)
