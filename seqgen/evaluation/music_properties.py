"""What the tokens of a piece of music stand for: properties that units may track, and the notes of a piano roll."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.note import NoteLevel
from seqgen.levels.note import state as s
from seqgen.levels.note.grammar import parse
from seqgen.music.beams import beat_of
from seqgen.music.score import Bar, Score

States = NDArray[np.int32]  # of the grammar after each token, shape (tokens, fields)
Values = NDArray[np.float64]

NO_TOKEN = -1


def beat(states: States, grid: int) -> Values:
    """Return the number of the beat in the bar, from 1; 0 before the first bar."""
    values = np.zeros(len(states))
    for place, state in enumerate(states.tolist()):
        if state[s.NUM_BARS]:
            denominator = 4 * grid * state[s.NUMERATOR] // state[s.BAR_STEPS]
            values[place] = 1 + beat_of(state[s.STEP], Bar(state[s.NUMERATOR], denominator), grid)
    return values


def position_in_bar(states: States, grid: int) -> Values:
    """Return the time in the bar in quarter notes."""
    return np.asarray(states[:, s.STEP] / grid)


def bar(states: States, grid: int) -> Values:  # noqa: ARG001  # as all properties
    """Return the number of bars so far."""
    return states[:, s.NUM_BARS].astype(np.float64)


def voice(states: States, grid: int) -> Values:  # noqa: ARG001
    """Return the voice of the last content of the slice, from 1; 0 before the first one."""
    return (1 + states[:, s.CURRENT_VOICE]).astype(np.float64)


PROPERTIES: Mapping[str, Callable[[States, int], Values]] = {
    "beat": beat,
    "position in bar": position_in_bar,
    "bar": bar,
    "voice": voice,
}


class RollNote(NamedTuple):
    """A note of a piano roll.

    Attributes:
        token: the index of its pitch token; `NO_TOKEN` for a note of bars that REPEAT repeats.
        onset: in steps.
        duration: in steps.
        pitch: MIDI number.
        track: index of its track.
    """

    token: int
    onset: int
    duration: int
    pitch: int
    track: int


class ReadMusic:
    """A piece, or its beginning, as the grammar understands its tokens.

    Args:
        level: the level.
        ids: the tokens without START.

    Attributes:
        score: the music.
    """

    def __init__(self, level: NoteLevel, ids: Sequence[int]) -> None:
        self._streams, self._states = parse(ids, level.grid, level.vocabulary_size)
        self.score: Score = level.decode(ids)

    @property
    def properties(self) -> dict[str, Values]:
        """The properties of each token, shape (tokens,)."""
        return {name: function(self._states, self.score.grid) for name, function in PROPERTIES.items()}

    @property
    def notes(self) -> list[RollNote]:
        """The notes by time."""
        tracks = np.abs(self._streams.tracks[0]) - 1
        token_of = {
            (int(tracks[state[s.CURRENT_VOICE]]), state[s.BAR_START] + state[s.STEP], state[s.LOWEST]): place
            for place, state in enumerate(self._states.tolist())
            if state[s.PHASE] == s.AFTER_NOTE
        }
        return sorted(
            (
                RollNote(token_of.get((number, note.onset, note.pitch), NO_TOKEN), *note[:3], number)
                for number, track in enumerate(self.score.tracks)
                for note in track.notes
            ),
            key=lambda note: (note.onset, note.pitch),
        )
