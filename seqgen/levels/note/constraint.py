"""Which tokens may come next in music that is being sampled."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.note import tokens as t
from seqgen.levels.note.factors import NUM_COLUMNS, first_ids
from seqgen.levels.note.grammar import follow, parse
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.ranges import voice_ranges
from seqgen.levels.note.state import (
    AFTER_METRE,
    AFTER_NUMERATOR,
    FEWEST_LEFT,
    FORCED,
    IS_COMPLETE,
    MOST_LEFT,
    NUM_BARS,
    NUMERATOR,
    PHASE,
    UNLIMITED,
    Given,
    Row,
    Streams,
    nothing_given,
)
from seqgen.music.score import DENOMINATORS


class NoteConstraint:
    """The grammar of the note level, for streams that begin with the same tokens.

    Args:
        vocabulary_size: number of tokens.
        grid: steps per quarter note.
        prime: the tokens that all streams begin with.
        habits: of the corpus, which the streams follow; by default any.
        forbidden: tokens that may come only where no other may.
        shifts: semitones by which each stream is transposed in the end; one per stream.
        given: contents that some voices must have after the prime.
        num_bars: the smallest and the largest number of bars of a whole piece.
        header: known tokens of the header after the prime, by the number of tokens between.

    Raises:
        MusicError: the prime violates the grammar.
    """

    def __init__(
        self,
        vocabulary_size: int,
        grid: int,
        prime: Sequence[int] = (),
        habits: Habits = Habits(metres=()),  # noqa: B008  # immutable
        forbidden: Sequence[int] = (),
        shifts: Sequence[int] = (0,),
        given: Given | None = None,
        num_bars: tuple[int, int] = (1, UNLIMITED),
        header: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        prime = prime[1:] if prime and prime[0] == t.START else prime
        streams = parse(prime, grid, vocabulary_size).streams
        self._streams = Streams._make(np.repeat(array, len(shifts), axis=0) for array in streams)
        if given is not None:
            self._streams.states[:, IS_COMPLETE] = 1  # the prime's last chord is complete
        self._given = nothing_given() if given is None else given
        self._grid = grid
        self._shifts = shifts
        self._ranges = habits.ranges
        self._layouts = habits.layout_tokens
        self._metres = _metre_masks(habits.metres, vocabulary_size)
        self._forbidden = np.zeros(vocabulary_size, dtype=np.bool_)
        self._forbidden[list(forbidden)] = True
        self._mask = np.zeros((len(shifts), vocabulary_size), dtype=np.float32)
        self._first = first_ids(grid, vocabulary_size)
        self._inputs = np.zeros((len(shifts), NUM_COLUMNS), dtype=np.int64)
        self._headers = {stream: list(prime) for stream in range(len(shifts))}  # of streams without bars
        self._known = {len(prime) + place: token for place, token in header.items()}
        self._limit_bars(*num_bars)
        if self.num_bars[0]:
            self._limit_pitches(list(self._headers))
        self.advance(np.full(len(shifts), t.START))

    def mask(self) -> NDArray[np.float32]:
        """Return 0 where a token may come and -inf elsewhere, shape (streams, vocabulary)."""
        return self._mask

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Take the next token of each stream, shape (streams,); a negative one is ignored."""
        ids = np.maximum(ids, t.START)
        if self._headers:
            self._limit_pitches([stream for stream in self._headers if ids[stream] == t.BAR])
            for stream, header in self._headers.items():
                header += [] if ids[stream] == t.START else [int(ids[stream])]
        follow(self._mask, self._inputs, self._first, self._forbidden, ids, self._grid, *self._streams, *self._given)
        self._limit_metres()
        self._limit_tracks()
        self._require_known()

    def inputs(self) -> NDArray[np.int64]:
        """Return the last token of each stream with its factors, shape (streams, 1 + factors)."""
        return self._inputs

    @property
    def num_bars(self) -> NDArray[np.int32]:
        """How many bars each stream has begun, shape (streams,)."""
        return self._streams.states[:, NUM_BARS]

    def _limit_bars(self, fewest: int, most: int) -> None:
        """Limit the number of bars of a whole piece."""
        states = self._streams.states
        others = states[:, NUM_BARS] - 1  # besides the current bar and those that are left
        states[:, FEWEST_LEFT] = np.maximum(states[:, FEWEST_LEFT], fewest - others)
        states[:, MOST_LEFT] = np.minimum(states[:, MOST_LEFT], most - others)

    def _limit_pitches(self, streams: Sequence[int]) -> None:
        """Limit the pitches of streams that begin their first bar."""
        for stream in streams:
            limits = voice_ranges(self._ranges, self._headers.pop(stream)) - self._shifts[stream]
            self._streams.lowest[stream], self._streams.highest[stream] = np.clip(limits, 0, t.NUM_PITCHES - 1)

    def _limit_metres(self) -> None:
        """Exclude metres that the corpus does not have."""
        states = self._streams.states
        is_metre = np.isin(states[:, PHASE], (AFTER_METRE, AFTER_NUMERATOR)) & (states[:, FORCED] < 0)
        for stream in np.flatnonzero(is_metre) if self._metres else ():
            numerator = states[stream, NUMERATOR] if states[stream, PHASE] == AFTER_NUMERATOR else 0
            if int(numerator) in self._metres:  # not if a prime has another one
                self._mask[stream, self._metres[int(numerator)]] = -np.inf

    def _limit_tracks(self) -> None:
        """Exclude tracks with which no piece of the corpus continues."""
        for stream, header in self._headers.items() if self._layouts else ():
            tracks = tuple(header[t.NUM_KEY_AND_METRE :])
            following = [layout[len(tracks) :] for layout in self._layouts if layout[: len(tracks)] == tracks]
            if len(header) < t.NUM_KEY_AND_METRE or not following:  # the length follows the tracks
                continue
            allowed = np.zeros(self._mask.shape[1], dtype=np.bool_)
            for rest in following:
                allowed[[rest[0]] if rest else [t.LENGTH, t.BAR]] = True
            self._mask[stream, ~allowed] = -np.inf

    def _require_known(self) -> None:
        """Exclude all but the known tokens of the header."""
        for stream, header in self._headers.items():
            if len(header) in self._known:
                self._mask[stream] = -np.inf
                self._mask[stream, self._known[len(header)]] = 0


def _metre_masks(metres: Sequence[tuple[int, int]], vocabulary_size: int) -> Mapping[int, Row]:
    """Return the tokens that may not follow each numerator, and for 0 those that are no numerator."""
    masks: dict[int, Row] = {}
    for numerator, denominator in metres:
        for place, token in (0, t.POSITION + numerator), (numerator, t.DENOMINATOR + DENOMINATORS.index(denominator)):
            masks.setdefault(place, np.ones(vocabulary_size, dtype=np.bool_))[token] = False
    return masks
