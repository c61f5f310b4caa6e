"""The state of the grammar of notes: what determines which tokens may come next, for a batch of streams."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.note.tokens import MAX_REACH, MAX_VOICES, NUM_PITCHES

# The phases of a stream: what the last token was.
(
    BEGINNING,
    AFTER_KEY,
    AFTER_FINAL,
    AFTER_METRE,
    AFTER_NUMERATOR,
    AFTER_TRACK,
    AFTER_LENGTH,
    AFTER_COUNT,
    AFTER_FAMILY,
    AFTER_BAR,
    AFTER_BAR_KEY,
    AFTER_BAR_METRE,
    AFTER_POSITION,
    AFTER_PICKUP,
    AFTER_VOICE,
    AFTER_VELOCITY,
    AFTER_CHORD,
    AFTER_NOTE,
    AFTER_REST,
    AFTER_REPEAT,
    AFTER_DISTANCE,
    AFTER_AGAIN,
    AFTER_END,
) = range(23)

# The fields of a stream's state. Times are in steps.
(
    PHASE,  # one of the above
    STEP,  # time in the bar
    LAST_SLICE,  # time in the bar of its last slice, or -1
    POSITION_BASE,  # sum of the consecutive positions before the current one
    BAR_STEPS,  # length of the bar
    BAR_START,  # time of the beginning of the bar
    NUMERATOR,
    CURRENT_VOICE,  # the voice of the last content of the slice, or -1
    HAS_CHANGE,  # whether a content of the slice is not HOLD
    LOWEST,  # lowest pitch of the chord so far
    NUM_TRACKS,
    NUM_VOICES,
    NUM_BARS,
    NUM_NOTES,
    NUM_GIVEN,  # how many of the given contents have been completed
    FORCED,  # index of the next token of the given content in progress, or -1
    IS_COMPLETE,  # whether no note may be added to the chord, because it was given
    NUM_TIED,  # number of voices that sustain a note into the bar; more than all voices if it cannot be repeated anyway
    DISTANCE,  # of REPEAT
    FEWEST_LEFT,  # how many bars are left at least, the current one included
    MOST_LEFT,  # how many bars are left at most
    SHARPS,  # the key signature
    FINAL_DEGREE,  # of the last bass note, or UNKNOWN_FINAL
) = range(23)
NUM_FIELDS = 23

UNLIMITED = 1 << 30  # bars

Array = NDArray[np.int32]
Row = NDArray[np.bool_]


class Streams(NamedTuple):
    """The state of each stream.

    Attributes:
        states: the fields above, shape (streams, NUM_FIELDS).
        tracks: the track number of each voice, from 1, negative for drums; shape (streams, MAX_VOICES).
        lowest: the lowest pitch that each voice may have, shape (streams, MAX_VOICES).
        highest: the highest pitch that each voice may have, shape (streams, MAX_VOICES).
        pitches: 1 + the highest pitch that each voice sounds, or 0, shape (streams, MAX_VOICES).
        before: the same before the current slice.
        onsets: 1 + the time at which this pitch began, or 0 if it is not known; shape (streams, MAX_VOICES).
        onset_times: 1 + the time of the last onset of each pitch of each track, shape (streams, MAX_VOICES,
            NUM_PITCHES).
        ends: `pitches` at the end of each of the last bars, at its number modulo MAX_REACH; shape (streams, MAX_REACH,
            MAX_VOICES).
        is_source: whether REPEAT can begin with each of these bars, shape (streams, MAX_REACH).
    """

    states: Array
    tracks: Array
    lowest: Array
    highest: Array
    pitches: Array
    before: Array
    onsets: Array
    onset_times: Array
    ends: Array
    is_source: NDArray[np.bool_]


class Given(NamedTuple):
    """Contents that some voices must have, the same in all streams.

    Attributes:
        contents: time, voice, and start and stop of the required tokens in `tokens` (an empty range requires anything
            but HOLD), ordered by time and voice; shape (contents, 4). Voice -1 stands for what follows a bar line.
        tokens: the required tokens.
        until: the time of the last given content of each voice, or -1; shape (MAX_VOICES,). Up to this time, the voice
            has no other contents.
    """

    contents: Array
    tokens: Array
    until: Array


def initial_streams(num_streams: int) -> Streams:
    """Return streams before their first token."""
    states = np.zeros((num_streams, NUM_FIELDS), dtype=np.int32)
    states[:, [LAST_SLICE, CURRENT_VOICE, FORCED]] = -1
    states[:, FEWEST_LEFT], states[:, MOST_LEFT] = 1, UNLIMITED
    by_voice = (num_streams, MAX_VOICES)
    return Streams(
        states,
        tracks=np.zeros(by_voice, dtype=np.int32),
        lowest=np.zeros(by_voice, dtype=np.int32),
        highest=np.full(by_voice, NUM_PITCHES - 1, dtype=np.int32),
        pitches=np.zeros(by_voice, dtype=np.int32),
        before=np.zeros(by_voice, dtype=np.int32),
        onsets=np.zeros(by_voice, dtype=np.int32),
        onset_times=np.zeros((*by_voice, NUM_PITCHES), dtype=np.int32),
        ends=np.zeros((num_streams, MAX_REACH, MAX_VOICES), dtype=np.int32),
        is_source=np.zeros((num_streams, MAX_REACH), dtype=np.bool_),
    )


def nothing_given() -> Given:
    """Return no required contents."""
    contents = np.zeros((0, 4), dtype=np.int32)
    return Given(contents, np.zeros(0, dtype=np.int32), np.full(MAX_VOICES, -1, dtype=np.int32))
