"""The factors of music: what the network reads with each token (see `LanguageModel`).

The tokens up to it determine all of them, so they add no information. But a network has to learn from hundreds of
tokens which intervals the voices form, while a musician sees them in the score.
"""

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.levels.base import Ids
from seqgen.levels.note.state import (
    AFTER_CHORD,
    AFTER_VELOCITY,
    AFTER_VOICE,
    BAR_START,
    BAR_STEPS,
    CURRENT_VOICE,
    FEWEST_LEFT,
    FINAL_DEGREE,
    MOST_LEFT,
    NUM_BARS,
    NUM_VOICES,
    PHASE,
    SHARPS,
    STEP,
    Array,
    Given,
    Streams,
    initial_streams,
    nothing_given,
)
from seqgen.levels.note.tokens import (
    BAR_QUARTERS,
    KEY,
    MAX_DENSE,
    MAX_LEFT,
    NUM_PITCHES,
    PITCH,
    POSITION,
    UNKNOWN_FINAL,
)
from seqgen.levels.note.transition import take
from seqgen.music.score import MAX_SHARPS
from seqgen.music.tonality import degree

# The columns: a token and its factors. A factor is a number, or 0 where there is nothing to state. Only the first
# `MAX_DENSE` voices have factors.
(
    TOKEN,
    NEXT_VOICE,  # 1 + the voice after the current one, or the current one if its content is incomplete
    NEXT_PITCH,  # 1 + the pitch that this voice sounds, plus 128 for a drum
    NEXT_DEGREE,  # 1 + the degree of this pitch, see `degree`
    DURATION,  # 1 + how long it has lasted so far in steps, unless it began before a REPEAT
    SIGNATURE,  # 1 + the number of sharps + 7
    BARS_LEFT,  # the number of bars that are left, this one included
    TIME,  # 1 + the time in the bar in steps
    TIME_LEFT,  # 1 + the time to the end of the bar
    FINAL_TIME,  # 1 + the time in one of the last two bars, counted from the beginning of the penultimate one
    FINAL_CLASS,  # 1 + the pitch class of the last bass note, plus 12 in the penultimate bar, 24 in the last one
) = range(11)
PITCHES = 11  # for each voice, 1 + the pitch that it sounds, plus 128 for a drum
INTERVALS = PITCHES + MAX_DENSE  # for each voice, 1 + the interval in semitones from NEXT_PITCH up to its pitch + 48
PARALLELS = INTERVALS + MAX_DENSE  # for each voice, the pitch that would form parallels with it, see `_parallel`
NUM_COLUMNS = PARALLELS + MAX_DENSE

_MAX_INTERVAL = 48  # larger intervals count as this one
_LOWEST_C = 60
_NUM_KINDS = 2 * (MAX_DENSE + 2)  # of parallels: fifths or octaves, by the number of voices

_degree = compiled()(degree)


def _sizes(grid: int) -> NDArray[np.int64]:
    """Return how many values each factor has."""
    pitched, degrees, keys = 1 + 2 * NUM_PITCHES, 13, 2 + 2 * MAX_SHARPS
    times = 2 + BAR_QUARTERS * grid  # of a longer bar, the end is one time
    single = [0, 1 + MAX_DENSE, pitched, degrees, times, keys, 1 + MAX_LEFT, times, times, 2 * times, 1 + 3 * 12]
    by_voice = (pitched, 2 + 2 * _MAX_INTERVAL, 1 + _NUM_KINDS * NUM_PITCHES)
    sizes = np.array(single + [size for size in by_voice for _ in range(MAX_DENSE)])
    sizes[PARALLELS + 1 :] = 0  # those of all voices have the same ids
    return sizes


def num_factors(grid: int) -> int:
    """Return the number of ids of factors, given the number of steps per quarter note."""
    return int(_sizes(grid).sum())


def first_ids(grid: int, vocabulary_size: int) -> NDArray[np.int64]:
    """Return the id of 0 in each column, shape (NUM_COLUMNS,); that of tokens is 0."""
    sizes = _sizes(grid)
    first = vocabulary_size + sizes.cumsum() - sizes
    first[TOKEN], first[PARALLELS:] = 0, first[PARALLELS]
    return first


def with_factors(ids: Ids, grid: int, vocabulary_size: int, num_bars: int | None = None) -> Ids:
    """Return the valid tokens of a piece with their factors, shape (tokens, NUM_COLUMNS).

    Args:
        ids: the tokens, with START.
        grid: steps per quarter note.
        vocabulary_size: number of tokens.
        num_bars: of the whole piece; None if LENGTH states it, or if it is not known.
    """
    inputs = np.zeros((len(ids), NUM_COLUMNS), dtype=np.min_scalar_type(vocabulary_size + num_factors(grid)))
    streams = initial_streams(1)
    if num_bars is not None:
        streams.states[:, [FEWEST_LEFT, MOST_LEFT]] = num_bars + 1
    _read(inputs, np.array(ids, dtype=np.int64), grid, first_ids(grid, vocabulary_size), streams, nothing_given())
    return inputs


@compiled()
def _read(inputs: Ids, ids: Ids, grid: int, first: NDArray[np.int64], streams: Streams, given: Given) -> None:
    """Write the inputs of a piece."""
    for place in range(len(ids)):
        take(ids[place], grid, streams, 0, given)
        write_factors(inputs[place], ids[place], grid, first, streams, 0)


@compiled()
def write_factors(row: Ids, token: int, grid: int, first: NDArray[np.int64], streams: Streams, i: int) -> None:
    """Write the token that a stream has just taken and its factors.

    Args:
        row: written, shape (NUM_COLUMNS,).
        token: the token.
        grid: steps per quarter note.
        first: see `first_ids`.
        streams: the states after the token.
        i: the stream.
    """
    state = streams.states[i]
    row[:] = first
    row[TOKEN] = token
    if state[NUM_BARS] == 0:
        return
    end = BAR_QUARTERS * grid
    row[SIGNATURE] += 1 + MAX_SHARPS + state[SHARPS]
    row[TIME] += 1 + min(state[STEP], end)
    row[TIME_LEFT] += 1 + min(max(state[BAR_STEPS] - state[STEP], 0), end)
    left = state[MOST_LEFT] if state[FEWEST_LEFT] == state[MOST_LEFT] else 0  # 0 if it is not known
    if 0 < left <= MAX_LEFT:
        row[BARS_LEFT] += left
    if 0 < left <= 2:
        row[FINAL_TIME] += 1 + min(state[STEP], end) + (end + 1 if left == 1 else 0)
    if state[FINAL_DEGREE] != UNKNOWN_FINAL:
        place = 3 - left if 0 < left <= 2 else 0
        row[FINAL_CLASS] += 1 + (state[FINAL_DEGREE] + 7 * state[SHARPS]) % 12 + 12 * place
    _write_voices(row, end, streams, i)


@compiled()
def _write_voices(row: Ids, end: int, streams: Streams, i: int) -> None:
    """Add the factors of the voices."""
    state, pitches, tracks = streams.states[i], streams.pitches[i], streams.tracks[i]
    num_voices = min(state[NUM_VOICES], MAX_DENSE)
    for voice in range(num_voices):
        row[PITCHES + voice] += _sound(pitches[voice], tracks[voice])
    is_begun = state[PHASE] in (AFTER_VOICE, AFTER_VELOCITY, AFTER_CHORD)
    following = state[CURRENT_VOICE] + (0 if is_begun else 1)
    if following >= num_voices:
        return
    row[NEXT_VOICE] += 1 + following
    if pitches[following] == 0:
        return
    row[NEXT_PITCH] += _sound(pitches[following], tracks[following])
    if streams.onsets[i, following] > 0:
        duration = 1 + state[BAR_START] + state[STEP] - streams.onsets[i, following]
        row[DURATION] += 1 + min(max(duration, 0), end)  # it is negative between two positions that are added
    if tracks[following] < 0:
        return
    row[NEXT_DEGREE] += 1 + _degree(pitches[following] - 1, state[SHARPS])
    for voice in range(num_voices):
        if voice != following and pitches[voice] > 0 and tracks[voice] > 0:
            interval = pitches[voice] - pitches[following]
            row[INTERVALS + voice] += 1 + _MAX_INTERVAL + min(max(interval, -_MAX_INTERVAL), _MAX_INTERVAL)
            if voice < following:
                row[PARALLELS + voice] += _parallel(pitches, streams.before[i], voice, following, state[NUM_VOICES])


@compiled()
def _sound(pitch: int, track: int) -> int:
    """Return 1 + a pitch, plus 128 for a drum, or 0; given 1 + the pitch, or 0, and the number of its track."""
    return pitch + NUM_PITCHES if pitch > 0 and track < 0 else pitch


@compiled()
def _parallel(pitches: Array, before: Array, voice: int, following: int, num_voices: int) -> int:
    """Return the pitch of the next voice that would form parallel fifths or octaves with a voice that has moved.

    Octaves are common where instruments double a part, that is with many voices.

    Returns:
        1 + the pitch + 128 times the kind of parallels, by their interval and the number of voices; 0 for none.
    """
    if before[voice] == 0 or before[following] == 0 or pitches[voice] == before[voice]:
        return 0
    interval, pitch = (before[voice] - before[following]) % 12, before[following] + pitches[voice] - before[voice]
    if interval not in (0, 7) or not 0 < pitch <= NUM_PITCHES:
        return 0
    kind = 2 * min(num_voices, MAX_DENSE + 1) + (interval == 0)
    return int(pitch + NUM_PITCHES * kind)


def transposed_factors(table: NDArray[np.int64], grid: int) -> NDArray[np.int64]:
    """Return the id that replaces each id of a factor, counted from the first, given that of each token."""
    factors, first = np.arange(num_factors(grid)), first_ids(grid, 0)
    sounds = np.concatenate([[0], table[PITCH : POSITION + 1] - PITCH + 1])  # nothing, pitches and drums
    for start in (first[NEXT_PITCH], *first[PITCHES:INTERVALS]):
        factors[start : start + len(sounds)] = start + sounds
    for kind in range(_NUM_KINDS):
        start = first[PARALLELS] + kind * NUM_PITCHES
        factors[start + 1 : start + 1 + NUM_PITCHES] = start + sounds[1 : 1 + NUM_PITCHES]
    classes = (table[PITCH + _LOWEST_C : PITCH + _LOWEST_C + 12] - PITCH) % 12
    for start in first[FINAL_CLASS] + 1 + 12 * np.arange(3):
        factors[start : start + 12] = start + classes
    keys = table[KEY : KEY + 1 + 2 * MAX_SHARPS] - KEY
    factors[first[SIGNATURE] + 1 : first[BARS_LEFT]] = first[SIGNATURE] + 1 + keys
    return factors
