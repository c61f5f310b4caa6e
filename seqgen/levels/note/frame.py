"""Rules of the grammar of notes around the slices: the header, positions, bar lines, repetitions and the end."""

from seqgen.compiled import compiled
from seqgen.levels.note.contents import voice_due
from seqgen.levels.note.state import (
    AFTER_BAR,
    AFTER_BAR_KEY,
    AFTER_COUNT,
    AFTER_DISTANCE,
    AFTER_FAMILY,
    AFTER_FINAL,
    AFTER_KEY,
    AFTER_LENGTH,
    AFTER_METRE,
    AFTER_NUMERATOR,
    AFTER_PICKUP,
    AFTER_POSITION,
    AFTER_REPEAT,
    BAR_START,
    BAR_STEPS,
    BEGINNING,
    CURRENT_VOICE,
    DISTANCE,
    FEWEST_LEFT,
    LAST_SLICE,
    MOST_LEFT,
    NUM_BARS,
    NUM_GIVEN,
    NUM_NOTES,
    NUM_TIED,
    NUM_TRACKS,
    NUM_VOICES,
    NUMERATOR,
    PHASE,
    STEP,
    Array,
    Given,
    Row,
    Streams,
)
from seqgen.levels.note.tokens import (
    BAR,
    BAR_QUARTERS,
    DENOMINATOR,
    DRUMS,
    END,
    FAMILY,
    FINAL,
    KEY,
    LENGTH,
    MAX_DENSE,
    MAX_REACH,
    MAX_VOICES,
    MEMBER,
    METRE,
    PICKUP,
    POSITION,
    REPEAT,
    SPLIT,
    VOICE,
    longest,
)
from seqgen.levels.note.transition import adds_position

_longest = compiled()(longest)


@compiled()
def allow_header(row: Row, state: Array, grid: int) -> None:
    """Allow what comes before the first bar, and the numbers of a metre anywhere."""
    phase = state[PHASE]
    if phase == BEGINNING:
        row[KEY:DENOMINATOR] = True
    elif phase == AFTER_KEY:
        row[FINAL:KEY] = True
    elif phase == AFTER_FINAL:
        row[METRE] = True
    elif phase == AFTER_METRE:
        row[POSITION + 1 : POSITION + 1 + BAR_QUARTERS * grid] = True
    elif phase == AFTER_NUMERATOR:
        for power in range(FAMILY - DENOMINATOR):
            row[DENOMINATOR + power] = 4 * grid * state[NUMERATOR] % (1 << power) == 0
    elif phase == AFTER_LENGTH:
        fewest, most = max(state[FEWEST_LEFT] - 1, 1), min(state[MOST_LEFT] - 1, _longest(grid))
        row[POSITION + fewest : POSITION + most + 1] = True
    elif phase == AFTER_COUNT:
        row[BAR] = True
    elif phase == AFTER_FAMILY:
        row[MEMBER : VOICE + 1] = True
    else:
        has_room = state[NUM_VOICES] < MAX_VOICES
        row[BAR] = state[NUM_TRACKS] > 0 and state[MOST_LEFT] > _longest(grid) + 1
        row[LENGTH] = state[NUM_TRACKS] > 0 and state[FEWEST_LEFT] <= _longest(grid) + 1
        row[SPLIT] = state[NUM_TRACKS] > 0 and has_room
        row[DRUMS] = has_room
        row[FAMILY:MEMBER] = has_room


@compiled()
def allow_repeat(row: Row, grid: int, streams: Streams, i: int) -> None:
    """Allow what follows REPEAT and its numbers."""
    state = streams.states[i]
    if state[PHASE] == AFTER_REPEAT:
        for distance in range(1, _longest_distance(state, grid) + 1):
            row[POSITION + distance] = streams.is_source[i, (state[NUM_BARS] - distance) % MAX_REACH]
    elif state[PHASE] == AFTER_DISTANCE:
        row[POSITION + 1 : POSITION + 1 + min(state[DISTANCE], _most_repeated(state))] = True
    else:
        row[BAR] = state[MOST_LEFT] > 1
        row[REPEAT] = _most_repeated(state) > 0
        row[END] = _may_end(state)


@compiled()
def allow_frame(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Allow what ends the slice (positions, bar lines, the end), and what may follow a bar line."""
    state, highest = streams.states[i], BAR_QUARTERS * grid
    phase = state[PHASE]
    is_within = state[NUM_VOICES] <= MAX_DENSE and 0 <= state[CURRENT_VOICE] < state[NUM_VOICES] - 1
    if is_within or voice_due(streams, i, given) < MAX_VOICES:
        return
    is_free = state[NUM_GIVEN] == len(given.contents)
    bar_end = state[BAR_START] + state[BAR_STEPS]
    if is_free and state[NUM_BARS] > 1:
        row[KEY:DENOMINATOR] = phase == AFTER_BAR
        row[METRE] = phase in (AFTER_BAR, AFTER_BAR_KEY)
    is_open = phase == AFTER_POSITION and state[STEP] <= state[LAST_SLICE]
    row[END] = is_free and _may_end(state) and phase != AFTER_PICKUP and not is_open
    row[PICKUP] = phase == AFTER_POSITION and state[NUM_BARS] == 1 and state[LAST_SLICE] < 0
    if phase != AFTER_POSITION:
        is_over = is_free or given.contents[state[NUM_GIVEN], 0] >= bar_end
        row[BAR] = is_over and state[MOST_LEFT] > 1
        row[REPEAT] = is_free and _most_repeated(state) > 0 and _has_source(grid, streams, i)
    if phase != AFTER_POSITION or adds_position(state, highest):
        _allow_positions(row, state, highest, given)


@compiled()
def _most_repeated(state: Array) -> int:
    """Return how many bars may be repeated: those that are left, except one in which the first note may come."""
    return int(state[MOST_LEFT] - 1 - (state[NUM_NOTES] == 0))


@compiled()
def _may_end(state: Array) -> bool:
    """Return whether the current bar may be the last one."""
    return bool(state[NUM_NOTES] > 0 and state[FEWEST_LEFT] <= 1)


@compiled()
def _allow_positions(row: Row, state: Array, highest: int, given: Given) -> None:
    """Allow later steps of the bar, up to the time of the next given content."""
    is_added = adds_position(state, highest)
    base = state[STEP] if is_added else 0
    after = state[LAST_SLICE] if is_added else state[STEP]
    last = state[BAR_STEPS] - 1
    if state[NUM_GIVEN] < len(given.contents):
        until = given.contents[state[NUM_GIVEN], 0] - state[BAR_START]
        last = min(last, until)
        # While the contents of all voices are given, no other slice may come before.
        free_after = given.until[: state[NUM_VOICES]].min() - state[BAR_START]
        after = max(after, min(until - 1, free_after))
    for steps in range(1, highest + 1):
        position = base + steps
        is_continued = steps == highest and position < last and after < last
        row[POSITION + steps] = after < position <= last or is_continued


@compiled()
def _has_source(grid: int, streams: Streams, i: int) -> bool:
    """Return whether REPEAT could begin with any bar, the current one included."""
    state = streams.states[i]
    if state[NUM_TIED] == 0:
        return True
    for distance in range(2, _longest_distance(state, grid) + 1):
        if streams.is_source[i, (state[NUM_BARS] - distance) % MAX_REACH]:
            return True
    return False


@compiled()
def _longest_distance(state: Array, grid: int) -> int:
    """Return how many bars back there are bars, and tokens for the distance."""
    return int(min(state[NUM_BARS], MAX_REACH, BAR_QUARTERS * grid))
