"""What may come next in music that is being sampled."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqgen.errors import MusicError
from seqgen.levels.note import grammar as g
from seqgen.levels.note import tokens as t


class NoteConstraint:
    """The rules of the note level's language, for streams that begin alike.

    Args:
        vocabulary_size: how many tokens there are.
        grid: steps a quarter.
        prime: the tokens that all streams begin with.
        num_streams: how many there are.
        forbidden: tokens that come only where no other can.
        given: what some voices must say after the prime; see `grammar.Given`.
        min_bars: before so many bars, END does not come.

    Raises:
        MusicError: the prime is not in the language.
    """

    def __init__(
        self,
        vocabulary_size: int,
        grid: int,
        prime: Sequence[int] = (),
        num_streams: int = 1,
        forbidden: Sequence[int] = (),
        given: g.Given | None = None,
        min_bars: int = 0,
    ) -> None:
        self._min_bars = 0
        self._grid = grid
        self._given = no_given()
        self._forbidden = np.zeros(vocabulary_size, dtype=np.bool_)
        self._begin(beginning(1))
        for place, token in enumerate(prime):
            if not (token == t.START and place == 0):
                self._refuse_misplaced(place, token)
                self.advance(np.array([token]))
        self._forbidden[list(forbidden)] = True
        if given is not None:
            self._given = given
            self._streams.states[:, g.IS_WHOLE] = 1  # the prime's last chord is not added to
        self._min_bars = min_bars
        self._begin(g.Streams._make(np.repeat(array, num_streams, axis=0) for array in self._streams))

    def mask(self) -> NDArray[np.float32]:
        """Return 0 where a token may come and -inf elsewhere, shape (streams, vocabulary)."""
        return self._barred

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the tokens that have come, shape (streams,)."""
        g.follow(self._barred, self._forbidden, ids, self._grid, *self._streams, *self._given)
        if self._min_bars:
            self._barred[(self.num_bars < self._min_bars), t.END] = -np.inf

    @property
    def num_bars(self) -> NDArray[np.int32]:
        """How many bars each stream has begun, shape (streams,)."""
        return self._streams.states[:, g.NUM_BARS]

    def _begin(self, streams: g.Streams) -> None:
        """Go on from a state."""
        self._streams = streams
        self._barred = np.zeros((len(streams.states), len(self._forbidden)), dtype=np.float32)
        self.advance(np.full(len(streams.states), t.START))

    def _refuse_misplaced(self, place: int, token: int) -> None:
        if not (0 <= token < len(self._forbidden) and self._barred[0, token] == 0):
            raise MusicError(
                "broken notes", f"token {token} cannot stand at place {place} of what codes a piece of music"
            )


def beginning(num_streams: int) -> g.Streams:
    """Return streams before their first token."""
    states = np.zeros((num_streams, g.NUM_FIELDS), dtype=np.int32)
    states[:, [g.SLICE, g.SPEAKER, g.FORCED]] = -1
    by_voice = (num_streams, t.MAX_VOICES)
    return g.Streams(
        states,
        tracks=np.zeros(by_voice, dtype=np.int32),
        sounding=np.zeros(by_voice, dtype=np.int32),
        struck=np.zeros((*by_voice, t.NUM_PITCHES), dtype=np.int32),
        bars=np.zeros((num_streams, t.MAX_REACH), dtype=np.int64),
    )


def no_given() -> g.Given:
    """Return nothing that must come."""
    none = np.zeros((0, 4), dtype=np.int32)
    return g.Given(none, np.zeros(0, dtype=np.int32), np.full(t.MAX_VOICES, -1, dtype=np.int32))
