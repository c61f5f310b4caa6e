"""Rules of the grammar of notes within a slice: which contents the voices may have."""

from seqgen.compiled import compiled
from seqgen.levels.note.state import (
    AFTER_CHORD,
    AFTER_NOTE,
    AFTER_VELOCITY,
    BAR_START,
    CURRENT_VOICE,
    HAS_CHANGE,
    IS_COMPLETE,
    LOWEST,
    NUM_GIVEN,
    NUM_VOICES,
    PHASE,
    STEP,
    Given,
    Row,
    Streams,
)
from seqgen.levels.note.tokens import (
    BAR_QUARTERS,
    CHORD,
    DRUM,
    HOLD,
    MAX_DENSE,
    MAX_VOICES,
    NUM_PITCHES,
    PITCH,
    POSITION,
    REST,
    VOICE,
)


@compiled()
def allow_slice(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow what continues the slice: another note of the chord, and contents of the next voices."""
    state = streams.states[i]
    if state[PHASE] == AFTER_NOTE and state[IS_COMPLETE] == 0:
        row[CHORD] = _has_pitch(streams, i, state[CURRENT_VOICE], state[LOWEST])
    following = state[CURRENT_VOICE] + 1
    if following < state[NUM_VOICES]:
        allow_content(row, following, grid, streams, i, given)
    if state[NUM_VOICES] <= MAX_DENSE:
        return
    due = voice_due(streams, i, given)
    for voice in range(following + 1, min(state[NUM_VOICES], due + 1)):
        is_free = given.until[voice] < state[BAR_START] + state[STEP]
        has_content = streams.pitches[i, voice] > 0 or _has_pitch(streams, i, voice, NUM_PITCHES)
        row[VOICE + voice] = voice == due or (is_free and has_content)


@compiled()
def allow_content(row: Row, voice: int, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow the contents that a voice may have, or what completes the one in progress."""
    state = streams.states[i]
    is_begun = state[PHASE] in (AFTER_VELOCITY, AFTER_CHORD)
    is_due = not is_begun and voice_due(streams, i, given) == voice
    is_dense = state[NUM_VOICES] <= MAX_DENSE
    if is_due and given.contents[state[NUM_GIVEN], 3] > given.contents[state[NUM_GIVEN], 2]:
        row[given.tokens[given.contents[state[NUM_GIVEN], 2]]] = True
        return
    if not is_due and not is_begun and given.until[voice] >= state[BAR_START] + state[STEP]:
        row[HOLD] = is_dense
        return
    below = state[LOWEST] if state[PHASE] == AFTER_CHORD else NUM_PITCHES
    has_pitch = _allow_pitches(row, streams, i, voice, below)
    if not is_begun:
        row[POSITION + 1 + BAR_QUARTERS * grid :] = has_pitch
        row[REST] = streams.pitches[i, voice] > 0
        must_change = is_due or (voice == state[NUM_VOICES] - 1 and state[HAS_CHANGE] == 0 and has_pitch)
        row[HOLD] = is_dense and not must_change


@compiled()
def _allow_pitches(row: Row, streams: Streams, i: int, voice: int, below: int) -> bool:
    """Allow the pitches below another that have no onset in the voice's track yet; return whether there are any."""
    state, track = streams.states[i], streams.tracks[i, voice]
    first = DRUM if track < 0 else PITCH
    has_pitch = False
    stop = min(below, streams.highest[i, voice] + 1)
    for pitch in range(streams.lowest[i, voice], stop):
        if streams.onset_times[i, abs(track) - 1, pitch] != state[BAR_START] + state[STEP] + 1:
            row[first + pitch] = True
            has_pitch = True
    return has_pitch


@compiled()
def _has_pitch(streams: Streams, i: int, voice: int, below: int) -> bool:
    """Return whether some pitch below another has no onset in the voice's track at this time yet."""
    state, track = streams.states[i], abs(streams.tracks[i, voice]) - 1
    stop = min(below, streams.highest[i, voice] + 1)
    for pitch in range(streams.lowest[i, voice], stop):  # numba does not support generators here
        if streams.onset_times[i, track, pitch] != state[BAR_START] + state[STEP] + 1:
            return True
    return False


@compiled()
def voice_due(streams: Streams, i: int, given: Given) -> int:
    """Return the voice whose given content must come next in this slice, or `MAX_VOICES`."""
    state = streams.states[i]
    now = state[BAR_START] + state[STEP]
    if state[NUM_GIVEN] < len(given.contents) and given.contents[state[NUM_GIVEN], 0] == now:
        return int(given.contents[state[NUM_GIVEN], 1])
    return MAX_VOICES
