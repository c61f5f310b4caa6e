"""Transitions of the grammar of notes: how a token changes the state of a stream."""

from seqgen.compiled import compiled
from seqgen.levels.note.state import (
    AFTER_AGAIN,
    AFTER_BAR,
    AFTER_BAR_KEY,
    AFTER_BAR_METRE,
    AFTER_CHORD,
    AFTER_COUNT,
    AFTER_DISTANCE,
    AFTER_END,
    AFTER_FAMILY,
    AFTER_FINAL,
    AFTER_KEY,
    AFTER_LENGTH,
    AFTER_METRE,
    AFTER_NOTE,
    AFTER_NUMERATOR,
    AFTER_PICKUP,
    AFTER_POSITION,
    AFTER_REPEAT,
    AFTER_REST,
    AFTER_TRACK,
    AFTER_VELOCITY,
    AFTER_VOICE,
    BAR_START,
    BAR_STEPS,
    CURRENT_VOICE,
    DISTANCE,
    FEWEST_LEFT,
    FINAL_DEGREE,
    FORCED,
    HAS_CHANGE,
    IS_COMPLETE,
    LAST_SLICE,
    LOWEST,
    MOST_LEFT,
    NUM_BARS,
    NUM_GIVEN,
    NUM_NOTES,
    NUM_TIED,
    NUM_TRACKS,
    NUM_VOICES,
    NUMERATOR,
    PHASE,
    POSITION_BASE,
    SHARPS,
    STEP,
    Array,
    Given,
    Streams,
)
from seqgen.levels.note.tokens import (
    BAR,
    BAR_QUARTERS,
    CHORD,
    DENOMINATOR,
    DRUM,
    DRUMS,
    END,
    FAMILY,
    FINAL,
    HOLD,
    KEY,
    LENGTH,
    MAX_REACH,
    MAX_VOICES,
    MEMBER,
    METRE,
    PICKUP,
    PITCH,
    POSITION,
    REPEAT,
    REST,
    SPLIT,
    START,
    VOICE,
)
from seqgen.music.score import MAX_SHARPS


@compiled()
def take(token: int, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Update the state of stream `i` with a token; START changes nothing, nor does any token after END."""
    state = streams.states[i]
    if token == START or state[PHASE] == AFTER_END:
        return
    if state[PHASE] in (AFTER_REPEAT, AFTER_DISTANCE):
        _take_repeat(token - POSITION, streams, i)
    elif token in (BAR, REPEAT):
        _take_bar_line(token, streams, i)
    elif token in (END, PICKUP, METRE) or FINAL <= token < FAMILY:
        _take_frame(token, streams, i, grid)
    elif token == LENGTH:
        state[PHASE] = AFTER_LENGTH
    elif token in (SPLIT, DRUMS) or FAMILY <= token <= VOICE:
        _take_track(token, state, streams.tracks[i])
    elif POSITION < token <= POSITION + BAR_QUARTERS * grid:
        _take_position(token - POSITION, streams, i, BAR_QUARTERS * grid)
    else:
        _take_content(token, streams, i)
    _take_given(state, given)


@compiled()
def _take_bar_line(token: int, streams: Streams, i: int) -> None:
    """Close the current bar, and begin the next one or a repetition."""
    state = streams.states[i]
    if state[NUM_BARS] > 0 and state[PHASE] != AFTER_AGAIN:
        place = (state[NUM_BARS] - 1) % MAX_REACH
        streams.ends[i, place], streams.is_source[i, place] = streams.pitches[i], state[NUM_TIED] == 0
    if token == REPEAT:
        state[PHASE] = AFTER_REPEAT
        return
    state[BAR_START] += state[BAR_STEPS] if state[NUM_BARS] > 0 else 0
    state[NUM_BARS] += 1
    state[FEWEST_LEFT], state[MOST_LEFT] = max(state[FEWEST_LEFT] - 1, 1), state[MOST_LEFT] - 1
    state[STEP], state[LAST_SLICE], state[CURRENT_VOICE], state[HAS_CHANGE] = 0, -1, -1, 0
    state[NUM_TIED] = (streams.pitches[i] > 0).sum()
    streams.before[i] = streams.pitches[i]
    state[PHASE] = AFTER_BAR


@compiled()
def _take_repeat(number: int, streams: Streams, i: int) -> None:
    """Take the distance of a repetition, or its number of bars."""
    state = streams.states[i]
    if state[PHASE] == AFTER_REPEAT:
        state[DISTANCE] = number
        state[PHASE] = AFTER_DISTANCE
        return
    for bar in range(state[NUM_BARS], state[NUM_BARS] + number):
        place, source = bar % MAX_REACH, (bar - state[DISTANCE]) % MAX_REACH
        streams.ends[i, place], streams.is_source[i, place] = streams.ends[i, source], streams.is_source[i, source]
    state[NUM_BARS] += number
    state[FEWEST_LEFT], state[MOST_LEFT] = max(state[FEWEST_LEFT] - number, 1), state[MOST_LEFT] - number
    state[BAR_START] += number * state[BAR_STEPS]
    streams.pitches[i] = streams.ends[i, (state[NUM_BARS] - 1) % MAX_REACH]
    streams.onsets[i] = 0
    state[PHASE] = AFTER_AGAIN


@compiled()
def _take_frame(token: int, streams: Streams, i: int, grid: int) -> None:
    """Take END, PICKUP, FINAL, or a token of a key or time signature."""
    state = streams.states[i]
    if state[NUM_BARS] > 0 and token != END:
        state[NUM_TIED] = MAX_VOICES + 1  # a bar with a change or a pickup cannot be repeated
        streams.is_source[i] = False
    if token == END:
        state[PHASE] = AFTER_END
    elif token == PICKUP:
        state[LAST_SLICE] = state[STEP] - 1
        state[PHASE] = AFTER_PICKUP
    elif token == METRE:
        state[PHASE] = AFTER_METRE
    elif token < KEY:
        state[FINAL_DEGREE] = token - FINAL
        state[PHASE] = AFTER_FINAL
    elif token < DENOMINATOR:
        state[SHARPS] = token - KEY - MAX_SHARPS
        state[PHASE] = AFTER_BAR_KEY if state[NUM_BARS] > 0 else AFTER_KEY
    else:
        state[BAR_STEPS] = 4 * grid * state[NUMERATOR] // (1 << (token - DENOMINATOR))
        state[PHASE] = AFTER_BAR_METRE if state[NUM_BARS] > 0 else AFTER_TRACK


@compiled()
def _take_track(token: int, state: Array, tracks: Array) -> None:
    """Take a token that describes a track."""
    if FAMILY <= token < MEMBER:
        state[PHASE] = AFTER_FAMILY
        return
    voice = state[NUM_VOICES]
    if token == SPLIT:
        tracks[voice] = tracks[voice - 1]
    else:
        state[NUM_TRACKS] += 1
        tracks[voice] = -state[NUM_TRACKS] if token == DRUMS else state[NUM_TRACKS]
    state[NUM_VOICES] += 1
    state[PHASE] = AFTER_TRACK


@compiled()
def _take_position(steps: int, streams: Streams, i: int, highest: int) -> None:
    """Take a position, the numerator of a metre, or the number of bars."""
    state = streams.states[i]
    if state[PHASE] == AFTER_METRE:
        state[NUMERATOR] = steps
        state[PHASE] = AFTER_NUMERATOR
        return
    if state[PHASE] == AFTER_LENGTH:
        state[FEWEST_LEFT] = state[MOST_LEFT] = steps + 1
        state[PHASE] = AFTER_COUNT
        return
    state[POSITION_BASE] = state[STEP] if adds_position(state, highest) else 0
    state[STEP] = state[POSITION_BASE] + steps
    state[CURRENT_VOICE], state[HAS_CHANGE] = -1, 0
    state[PHASE] = AFTER_POSITION
    streams.before[i] = streams.pitches[i]


@compiled()
def adds_position(state: Array, highest: int) -> bool:
    """Return whether the next position is added to the last one, which was the highest."""
    return bool(state[PHASE] == AFTER_POSITION and state[STEP] == state[POSITION_BASE] + highest)


@compiled()
def _take_content(token: int, streams: Streams, i: int) -> None:
    """Take a token of a voice's content, or VOICE."""
    state = streams.states[i]
    phase = state[PHASE]
    if VOICE < token < PITCH:
        state[CURRENT_VOICE] = token - VOICE
        state[PHASE] = AFTER_VOICE
        return
    if token == CHORD:
        state[PHASE] = AFTER_CHORD
        return
    if phase not in (AFTER_VOICE, AFTER_VELOCITY, AFTER_CHORD):
        state[CURRENT_VOICE] += 1
    state[IS_COMPLETE] = 0
    if token > POSITION:
        state[PHASE] = AFTER_VELOCITY
        return
    state[LAST_SLICE] = state[STEP]
    if token != HOLD:
        state[HAS_CHANGE] = 1
        if state[STEP] == 0 and phase != AFTER_CHORD:
            state[NUM_TIED] -= streams.pitches[i, state[CURRENT_VOICE]] > 0
    if token == REST:
        streams.pitches[i, state[CURRENT_VOICE]] = 0
    if token in (HOLD, REST):
        state[PHASE] = AFTER_REST
    else:
        _take_note(token - PITCH if token < DRUM else token - DRUM, streams, i)


@compiled()
def _take_note(pitch: int, streams: Streams, i: int) -> None:
    """Begin a note in the current voice."""
    state = streams.states[i]
    track = abs(streams.tracks[i, state[CURRENT_VOICE]]) - 1
    streams.onset_times[i, track, pitch] = state[BAR_START] + state[STEP] + 1
    if state[PHASE] != AFTER_CHORD:
        streams.pitches[i, state[CURRENT_VOICE]] = pitch + 1
        streams.onsets[i, state[CURRENT_VOICE]] = state[BAR_START] + state[STEP] + 1
    state[LOWEST] = pitch
    state[NUM_NOTES] += 1
    state[PHASE] = AFTER_NOTE


@compiled()
def _take_given(state: Array, given: Given) -> None:
    """Advance through the given contents."""
    no_content = (AFTER_VOICE, AFTER_POSITION, AFTER_PICKUP, AFTER_TRACK)
    if state[NUM_GIVEN] == len(given.contents) or state[PHASE] in no_content:
        return
    time, voice, first, last = given.contents[state[NUM_GIVEN]]
    if time != state[BAR_START] + state[STEP] or voice != state[CURRENT_VOICE]:
        return
    if state[PHASE] == AFTER_BAR and state[FORCED] < 0:
        state[FORCED] = first if voice < 0 else -1
        return
    if first == last:
        state[NUM_GIVEN] += 1 if state[PHASE] in (AFTER_NOTE, AFTER_REST) else 0
        return
    state[FORCED] = max(state[FORCED], first) + 1
    if state[FORCED] == last:
        state[FORCED] = -1
        state[NUM_GIVEN] += 1
        state[IS_COMPLETE] = 1
