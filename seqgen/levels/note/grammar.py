"""The rules of the language of notes (`tokens.py`): what may come next, in many streams at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.levels.note.tokens import (
    BAR,
    BAR_QUARTERS,
    CHORD,
    DENOMINATOR,
    DRUM,
    DRUMS,
    END,
    FAMILY,
    HOLD,
    KEY,
    MAX_DENSE,
    MAX_REACH,
    MAX_VOICES,
    MEMBER,
    METRE,
    NUM_PITCHES,
    PICKUP,
    PITCH,
    POSITION,
    REPEAT,
    REST,
    SPLIT,
    START,
    VOICE,
)

# The last token, and so what may come.
(
    BEGINNING,
    AFTER_KEY,
    AFTER_METRE,
    AFTER_NUMERATOR,
    AFTER_TRACK,
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
) = range(20)

# The fields of a stream's state.
(
    PLACE,  # one of the above
    STEP,  # in the bar
    SLICE,  # the step of the bar's last slice, or -1
    FAR,  # sum of the positions in a row before this one
    BAR_STEPS,  # length of the bar
    BAR_START,  # when it begins
    NUMERATOR,
    SPEAKER,  # the voice that speaks or has last spoken in the slice, or -1
    HAS_MOVED,  # whether a voice of the slice did more than hold
    LOWEST,  # pitch of the chord so far
    NUM_TRACKS,
    NUM_VOICES,
    NUM_BARS,
    NUM_NOTES,
    GIVEN,  # how many of the given contents have come
    FORCED,  # the next token of the one that is coming, or -1
    IS_WHOLE,  # whether the chord must not grow, being given
    NUM_TIED,  # how many voices hold a note into the bar; more than there are if it could not come again anyway
    DISTANCE,  # of REPEAT
) = range(19)
NUM_FIELDS = 19

IS_SOURCE = 1 << MAX_VOICES

Array = NDArray[np.int32]
Row = NDArray[np.bool_]


class Streams(NamedTuple):
    """What is known of each stream.

    Attributes:
        states: the fields above, shape (streams, NUM_FIELDS).
        tracks: the number of each voice's track, from 1, negative for drums; shape (streams, MAX_VOICES).
        sounding: whether each voice plays, shape (streams, MAX_VOICES).
        struck: 1 + the time when each pitch of each track was last begun, shape (streams, MAX_VOICES, NUM_PITCHES).
        bars: of the last bars, each at its number modulo MAX_REACH: which voices played in the end, a bit each, and
            `IS_SOURCE` if REPEAT can begin with it; shape (streams, MAX_REACH).
    """

    states: Array
    tracks: Array
    sounding: Array
    struck: Array
    bars: NDArray[np.int64]


class Given(NamedTuple):
    """What some voices must say, the same in all streams.

    Attributes:
        contents: time, voice, and from where to where the tokens are in `tokens` (nowhere if anything but HOLD will
            do), in the order of time and voice; shape (contents, 4). Voice -1 is what follows the bar line.
        tokens: those that must come.
        until: the time of each voice's last content, or -1; shape (MAX_VOICES,). Before it the voice says no more.
    """

    contents: Array
    tokens: Array
    until: Array


@compiled()
def follow(
    barred: NDArray[np.float32],
    forbidden: Row,
    ids: NDArray[np.int64],
    grid: int,
    states: Array,
    tracks: Array,
    sounding: Array,
    struck: Array,
    bars: NDArray[np.int64],
    contents: Array,
    tokens: Array,
    until: Array,
) -> None:
    """Take a token in each stream, and tell which may come next.

    The arrays come one by one, since numba takes 20 us to look into a tuple.

    Args:
        barred: written, shape (streams, vocabulary): 0 where a token may come and -inf elsewhere.
        forbidden: tokens that may come only where no other can, shape (vocabulary,).
        ids: the tokens, shape (streams,); START changes nothing, and what comes after END is ignored.
        grid: steps a quarter.
        states: of `Streams`, changed in place, as the next four.
        tracks: see there.
        sounding: see there.
        struck: see there.
        bars: see there.
        contents: of `Given`.
        tokens: see there.
        until: see there.
    """
    streams, given = Streams(states, tracks, sounding, struck, bars), Given(contents, tokens, until)
    row = np.zeros(barred.shape[1], dtype=np.bool_)
    for i in range(len(ids)):
        if ids[i] != START and states[i, PLACE] != AFTER_END:
            _take(ids[i], grid, streams, i, given)
        row[:] = False
        _allow(row, grid, streams, i, given)
        is_wanted = (row & ~forbidden).any()
        for token in range(len(row)):
            may_come = row[token] and not (is_wanted and forbidden[token])
            barred[i, token] = 0 if may_come else -np.inf


@compiled()
def _take(token: int, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Take a token."""
    state = streams.states[i]
    if state[PLACE] in (AFTER_REPEAT, AFTER_DISTANCE):
        _take_again(token - POSITION, streams, i)
    elif token in (BAR, REPEAT):
        _take_bar_line(token, streams, i)
    elif token in (END, PICKUP, METRE) or KEY <= token < FAMILY:
        _take_frame(token, streams, i, grid)
    elif token in (SPLIT, DRUMS) or FAMILY <= token <= VOICE:
        _take_track(token, state, streams.tracks[i])
    elif POSITION < token <= POSITION + BAR_QUARTERS * grid:
        _take_position(token - POSITION, state, BAR_QUARTERS * grid)
    else:
        _take_content(token, streams, i)
    _take_given(state, given)


@compiled()
def _take_bar_line(token: int, streams: Streams, i: int) -> None:
    """Take the end of a bar, with which the next begins or bars come again."""
    state = streams.states[i]
    if state[NUM_BARS] > 0 and state[PLACE] != AFTER_AGAIN:
        playing = np.int64(0)
        for voice in range(state[NUM_VOICES]):
            playing |= np.int64(streams.sounding[i, voice]) << voice
        streams.bars[i, (state[NUM_BARS] - 1) % MAX_REACH] = playing | (IS_SOURCE if state[NUM_TIED] == 0 else 0)
    if token == REPEAT:
        state[PLACE] = AFTER_REPEAT
        return
    state[BAR_START] += state[BAR_STEPS] if state[NUM_BARS] > 0 else 0
    state[NUM_BARS] += 1
    state[STEP], state[SLICE], state[SPEAKER], state[HAS_MOVED] = 0, -1, -1, 0
    state[NUM_TIED] = streams.sounding[i].sum()
    state[PLACE] = AFTER_BAR


@compiled()
def _take_again(number: int, streams: Streams, i: int) -> None:
    """Take how far back the bars are that come again, or how many."""
    state = streams.states[i]
    if state[PLACE] == AFTER_REPEAT:
        state[DISTANCE] = number
        state[PLACE] = AFTER_DISTANCE
        return
    for bar in range(state[NUM_BARS], state[NUM_BARS] + number):
        streams.bars[i, bar % MAX_REACH] = streams.bars[i, (bar - state[DISTANCE]) % MAX_REACH]
    state[NUM_BARS] += number
    state[BAR_START] += number * state[BAR_STEPS]
    for voice in range(state[NUM_VOICES]):
        streams.sounding[i, voice] = streams.bars[i, (state[NUM_BARS] - 1) % MAX_REACH] >> voice & 1
    state[PLACE] = AFTER_AGAIN


@compiled()
def _take_frame(token: int, streams: Streams, i: int, grid: int) -> None:
    """Take an end, a signature or the mark of a pickup."""
    state = streams.states[i]
    if state[NUM_BARS] > 0 and token != END:
        state[NUM_TIED] = MAX_VOICES + 1  # a change, or a pickup
        streams.bars[i] = 0
    if token == END:
        state[PLACE] = AFTER_END
    elif token == PICKUP:
        state[SLICE] = state[STEP] - 1
        state[PLACE] = AFTER_PICKUP
    elif token == METRE:
        state[PLACE] = AFTER_METRE
    elif token < DENOMINATOR:
        state[PLACE] = AFTER_BAR_KEY if state[NUM_BARS] > 0 else AFTER_KEY
    else:
        state[BAR_STEPS] = 4 * grid * state[NUMERATOR] // (1 << (token - DENOMINATOR))
        state[PLACE] = AFTER_BAR_METRE if state[NUM_BARS] > 0 else AFTER_TRACK


@compiled()
def _take_track(token: int, state: Array, tracks: Array) -> None:
    """Take a part of a track's description."""
    if FAMILY <= token < MEMBER:
        state[PLACE] = AFTER_FAMILY
        return
    voice = state[NUM_VOICES]
    if token == SPLIT:
        tracks[voice] = tracks[voice - 1]
    else:
        state[NUM_TRACKS] += 1
        tracks[voice] = -state[NUM_TRACKS] if token == DRUMS else state[NUM_TRACKS]
    state[NUM_VOICES] += 1
    state[PLACE] = AFTER_TRACK


@compiled()
def _take_position(steps: int, state: Array, highest: int) -> None:
    """Take a position, or the numerator of a metre."""
    if state[PLACE] == AFTER_METRE:
        state[NUMERATOR] = steps
        state[PLACE] = AFTER_NUMERATOR
        return
    state[FAR] = state[STEP] if _is_added(state, highest) else 0
    state[STEP] = state[FAR] + steps
    state[SPEAKER], state[HAS_MOVED] = -1, 0
    state[PLACE] = AFTER_POSITION


@compiled()
def _is_added(state: Array, highest: int) -> bool:
    """Tell whether another position would be added to the last one."""
    return bool(state[PLACE] == AFTER_POSITION and state[STEP] == state[FAR] + highest)


@compiled()
def _take_content(token: int, streams: Streams, i: int) -> None:
    """Take what a voice says, or the choice of the voice."""
    state = streams.states[i]
    place = state[PLACE]
    if VOICE < token < PITCH:
        state[SPEAKER] = token - VOICE
        state[PLACE] = AFTER_VOICE
        return
    if token == CHORD:
        state[PLACE] = AFTER_CHORD
        return
    if place not in (AFTER_VOICE, AFTER_VELOCITY, AFTER_CHORD):
        state[SPEAKER] += 1
    state[IS_WHOLE] = 0
    if token > POSITION:
        state[PLACE] = AFTER_VELOCITY
        return
    state[SLICE] = state[STEP]
    state[PLACE] = AFTER_REST
    if token == HOLD:
        return
    state[HAS_MOVED] = 1
    voice = state[SPEAKER]
    if state[STEP] == 0 and place != AFTER_CHORD:
        state[NUM_TIED] -= streams.sounding[i, voice]
    streams.sounding[i, voice] = token != REST
    if token != REST:
        pitch = token - PITCH if token < DRUM else token - DRUM
        streams.struck[i, abs(streams.tracks[i, voice]) - 1, pitch] = state[BAR_START] + state[STEP] + 1
        state[LOWEST] = pitch
        state[NUM_NOTES] += 1
        state[PLACE] = AFTER_NOTE


@compiled()
def _take_given(state: Array, given: Given) -> None:
    """Count what has come of the given contents."""
    if state[GIVEN] == len(given.contents) or state[PLACE] in (AFTER_VOICE, AFTER_POSITION, AFTER_PICKUP, AFTER_TRACK):
        return
    time, voice, first, last = given.contents[state[GIVEN]]
    if time != state[BAR_START] + state[STEP] or voice != state[SPEAKER]:
        return
    if state[PLACE] == AFTER_BAR and state[FORCED] < 0:
        state[FORCED] = first if voice < 0 else -1
        return
    if first == last:
        state[GIVEN] += 1 if state[PLACE] in (AFTER_NOTE, AFTER_REST) else 0
        return
    state[FORCED] = max(state[FORCED], first) + 1
    if state[FORCED] == last:
        state[FORCED] = -1
        state[GIVEN] += 1
        state[IS_WHOLE] = 1


@compiled()
def _allow(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Mark the tokens that may come next in a stream; after END, only END."""
    state = streams.states[i]
    place = state[PLACE]
    if place == AFTER_END:
        row[END] = True
    elif state[FORCED] >= 0:
        row[given.tokens[state[FORCED]]] = True
    elif place <= AFTER_FAMILY:
        _allow_header(row, state, grid)
    elif place in (AFTER_REPEAT, AFTER_DISTANCE, AFTER_AGAIN):
        _allow_again(row, grid, streams, i)
    elif place in (AFTER_VOICE, AFTER_VELOCITY, AFTER_CHORD):
        _allow_content(row, state[SPEAKER], grid, streams, i, given)
    else:
        if state[STEP] > state[SLICE] or state[SPEAKER] >= 0:
            _allow_slice(row, grid, streams, i, given)
        _allow_frame(row, grid, streams, i, given)


@compiled()
def _allow_again(row: Row, grid: int, streams: Streams, i: int) -> None:
    """Allow what comes after REPEAT and its numbers."""
    state = streams.states[i]
    if state[PLACE] == AFTER_REPEAT:
        for distance in range(1, _num_sources(state, grid) + 1):
            source = streams.bars[i, (state[NUM_BARS] - distance) % MAX_REACH]
            row[POSITION + distance] = source & IS_SOURCE > 0
    elif state[PLACE] == AFTER_DISTANCE:
        row[POSITION + 1 : POSITION + 1 + state[DISTANCE]] = True
    else:
        row[BAR], row[REPEAT] = True, True
        row[END] = state[NUM_NOTES] > 0


@compiled()
def _allow_header(row: Row, state: Array, grid: int) -> None:
    """Allow what comes before the first bar, and the numbers of a metre anywhere."""
    place = state[PLACE]
    if place == BEGINNING:
        row[KEY:DENOMINATOR] = True
    elif place == AFTER_KEY:
        row[METRE] = True
    elif place == AFTER_METRE:
        row[POSITION + 1 : POSITION + 1 + BAR_QUARTERS * grid] = True
    elif place == AFTER_NUMERATOR:
        for power in range(FAMILY - DENOMINATOR):
            row[DENOMINATOR + power] = 4 * grid * state[NUMERATOR] % (1 << power) == 0
    elif place == AFTER_FAMILY:
        row[MEMBER : VOICE + 1] = True
    else:
        has_room = state[NUM_VOICES] < MAX_VOICES
        row[BAR] = state[NUM_TRACKS] > 0
        row[SPLIT] = state[NUM_TRACKS] > 0 and has_room
        row[DRUMS] = has_room
        row[FAMILY:MEMBER] = has_room


@compiled()
def _allow_slice(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow more in the slice: another note of the chord, and what the voices below say."""
    state = streams.states[i]
    if state[PLACE] == AFTER_NOTE and state[IS_WHOLE] == 0:
        row[CHORD] = _has_pitch(streams, i, state[SPEAKER], state[LOWEST])
    following = state[SPEAKER] + 1
    if following < state[NUM_VOICES]:
        _allow_content(row, following, grid, streams, i, given)
    if state[NUM_VOICES] <= MAX_DENSE:
        return
    due = _voice_due(state, given)
    for voice in range(following + 1, min(state[NUM_VOICES], due + 1)):
        is_free = given.until[voice] < state[BAR_START] + state[STEP]
        can_speak = streams.sounding[i, voice] > 0 or _has_pitch(streams, i, voice, NUM_PITCHES)
        row[VOICE + voice] = voice == due or (is_free and can_speak)


@compiled()
def _voice_due(state: Array, given: Given) -> int:
    """Return the voice whose given content must come in this slice, or `MAX_VOICES`."""
    if state[GIVEN] < len(given.contents) and given.contents[state[GIVEN], 0] == state[BAR_START] + state[STEP]:
        return int(given.contents[state[GIVEN], 1])
    return MAX_VOICES


@compiled()
def _has_pitch(streams: Streams, i: int, voice: int, below: int) -> bool:
    """Tell whether a voice can begin a pitch below another, that its track has not begun in this slice."""
    state, track = streams.states[i], abs(streams.tracks[i, voice]) - 1
    for pitch in range(below):  # noqa: SIM110  # numba knows no generators
        if streams.struck[i, track, pitch] != state[BAR_START] + state[STEP] + 1:
            return True
    return False


@compiled()
def _allow_content(row: Row, voice: int, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow what a voice may say, or the rest of what it is saying."""
    state = streams.states[i]
    now = state[BAR_START] + state[STEP]
    is_begun = state[PLACE] in (AFTER_VELOCITY, AFTER_CHORD)
    is_due = not is_begun and _voice_due(state, given) == voice
    is_dense = state[NUM_VOICES] <= MAX_DENSE
    if is_due and given.contents[state[GIVEN], 3] > given.contents[state[GIVEN], 2]:
        row[given.tokens[given.contents[state[GIVEN], 2]]] = True
        return
    if not is_due and not is_begun and given.until[voice] >= now:
        row[HOLD] = is_dense
        return
    below = state[LOWEST] if state[PLACE] == AFTER_CHORD else NUM_PITCHES
    has_pitch = _allow_pitches(row, streams, i, voice, below)
    if not is_begun:
        row[POSITION + 1 + BAR_QUARTERS * grid :] = has_pitch
        row[REST] = streams.sounding[i, voice] > 0
        must_move = is_due or (voice == state[NUM_VOICES] - 1 and state[HAS_MOVED] == 0 and has_pitch)
        row[HOLD] = is_dense and not must_move


@compiled()
def _allow_pitches(row: Row, streams: Streams, i: int, voice: int, below: int) -> bool:
    """Allow the pitches below another that the voice's track has not begun in this slice; tell if there are any."""
    state, track = streams.states[i], streams.tracks[i, voice]
    first = DRUM if track < 0 else PITCH
    has_pitch = False
    for pitch in range(below):
        if streams.struck[i, abs(track) - 1, pitch] != state[BAR_START] + state[STEP] + 1:
            row[first + pitch] = True
            has_pitch = True
    return has_pitch


@compiled()
def _num_sources(state: Array, grid: int) -> int:
    """Return how many bars back there are bars, and tokens for the distance."""
    return int(min(state[NUM_BARS], MAX_REACH, BAR_QUARTERS * grid))


@compiled()
def _can_repeat(grid: int, streams: Streams, i: int) -> bool:
    """Tell whether there are bars that could come again after the one that is under way."""
    state = streams.states[i]
    if state[NUM_TIED] == 0:
        return True
    for distance in range(2, _num_sources(state, grid) + 1):
        if streams.bars[i, (state[NUM_BARS] - distance) % MAX_REACH] & IS_SOURCE > 0:
            return True
    return False


@compiled()
def _allow_frame(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow what ends the slice: positions, bar lines, the end; and what may follow a bar line."""
    state, highest = streams.states[i], BAR_QUARTERS * grid
    place = state[PLACE]
    is_within = state[NUM_VOICES] <= MAX_DENSE and 0 <= state[SPEAKER] < state[NUM_VOICES] - 1
    if is_within or _voice_due(state, given) < MAX_VOICES:
        return
    is_free = state[GIVEN] == len(given.contents)
    bar_end = state[BAR_START] + state[BAR_STEPS]
    if is_free and state[NUM_BARS] > 1:
        row[KEY:DENOMINATOR] = place == AFTER_BAR
        row[METRE] = place in (AFTER_BAR, AFTER_BAR_KEY)
    is_open = place == AFTER_POSITION and state[STEP] <= state[SLICE]
    row[END] = is_free and state[NUM_NOTES] > 0 and place != AFTER_PICKUP and not is_open
    row[PICKUP] = place == AFTER_POSITION and state[NUM_BARS] == 1 and state[SLICE] < 0
    if place != AFTER_POSITION:
        row[BAR] = is_free or given.contents[state[GIVEN], 0] >= bar_end
        row[REPEAT] = is_free and _can_repeat(grid, streams, i)
    if place != AFTER_POSITION or _is_added(state, highest):
        _allow_positions(row, state, highest, given)


@compiled()
def _allow_positions(row: Row, state: Array, highest: int, given: Given) -> None:
    """Allow later steps of the bar, but none behind a given content."""
    is_added = _is_added(state, highest)
    base = state[STEP] if is_added else 0
    after = state[SLICE] if is_added else state[STEP]
    last = state[BAR_STEPS] - 1
    if state[GIVEN] < len(given.contents):
        until = given.contents[state[GIVEN], 0] - state[BAR_START]
        last = min(last, until)
        # While all voices are given, nothing else can come.
        free_after = given.until[: state[NUM_VOICES]].min() - state[BAR_START]
        after = max(after, min(until - 1, free_after))
    for steps in range(1, highest + 1):
        position = base + steps
        goes_on = steps == highest and position < last and after < last
        row[POSITION + steps] = after < position <= last or goes_on
