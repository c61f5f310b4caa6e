"""Which tokens may come next in music that is being sampled."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.note.grammar import follow, parse
from seqgen.levels.note.state import IS_COMPLETE, NUM_BARS, Given, Streams, nothing_given
from seqgen.levels.note.tokens import END, START


class NoteConstraint:
    """The grammar of the note level, for streams that begin with the same tokens.

    Args:
        vocabulary_size: number of tokens.
        grid: steps per quarter note.
        prime: the tokens that all streams begin with.
        num_streams: number of streams.
        forbidden: tokens that may come only where no other may.
        given: contents that some voices must have after the prime.
        min_bars: END may not come before this number of bars.

    Raises:
        MusicError: the prime violates the grammar.
    """

    def __init__(
        self,
        vocabulary_size: int,
        grid: int,
        prime: Sequence[int] = (),
        num_streams: int = 1,
        forbidden: Sequence[int] = (),
        given: Given | None = None,
        min_bars: int = 0,
    ) -> None:
        streams = parse(prime[1:] if prime and prime[0] == START else prime, grid, vocabulary_size).streams
        self._streams = Streams._make(np.repeat(array, num_streams, axis=0) for array in streams)
        if given is not None:
            self._streams.states[:, IS_COMPLETE] = 1  # the prime's last chord is complete
        self._given = nothing_given() if given is None else given
        self._grid = grid
        self._min_bars = min_bars
        self._forbidden = np.zeros(vocabulary_size, dtype=np.bool_)
        self._forbidden[list(forbidden)] = True
        self._mask = np.zeros((num_streams, vocabulary_size), dtype=np.float32)
        self.advance(np.full(num_streams, START))

    def mask(self) -> NDArray[np.float32]:
        """Return 0 where a token may come and -inf elsewhere, shape (streams, vocabulary)."""
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the next token of each stream, shape (streams,)."""
        follow(self._mask, self._forbidden, ids, self._grid, *self._streams, *self._given)
        if self._min_bars:
            self._mask[self.num_bars < self._min_bars, END] = -np.inf

    @property
    def num_bars(self) -> NDArray[np.int32]:
        """How many bars each stream has begun, shape (streams,)."""
        return self._streams.states[:, NUM_BARS]
