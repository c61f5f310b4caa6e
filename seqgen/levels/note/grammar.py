"""The grammar of the token language (`tokens.py`): parses tokens, and states which may come next in each stream."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import compiled
from seqgen.errors import MusicError
from seqgen.levels.note.contents import allow_content, allow_slice
from seqgen.levels.note.factors import write_factors
from seqgen.levels.note.frame import allow_frame, allow_header, allow_repeat
from seqgen.levels.note.state import (
    AFTER_AGAIN,
    AFTER_CHORD,
    AFTER_DISTANCE,
    AFTER_END,
    AFTER_FAMILY,
    AFTER_REPEAT,
    AFTER_VELOCITY,
    AFTER_VOICE,
    CURRENT_VOICE,
    FORCED,
    LAST_SLICE,
    NUM_FIELDS,
    PHASE,
    STEP,
    Array,
    Given,
    Row,
    Streams,
    initial_streams,
    nothing_given,
)
from seqgen.levels.note.tokens import END
from seqgen.levels.note.transition import take


class Parse(NamedTuple):
    """Tokens as the grammar understands them.

    Attributes:
        streams: a single stream after the last token.
        states: its state after each token, shape (tokens, NUM_FIELDS).
    """

    streams: Streams
    states: Array


def parse(tokens: Sequence[int], grid: int, vocabulary_size: int) -> Parse:
    """Parse tokens, without START.

    Raises:
        MusicError: a token violates the grammar.
    """
    ids = np.array(tokens, dtype=np.int64)
    streams, states = initial_streams(1), np.zeros((len(ids), NUM_FIELDS), dtype=np.int32)
    row = np.zeros(vocabulary_size, dtype=np.bool_)
    place = _record(states, row, ids, grid, streams, nothing_given())
    if place < len(ids):
        raise MusicError("broken notes", f"token {tokens[place]} is invalid at place {place} of a piece of music")
    return Parse(streams, states)


@compiled()
def _record(history: Array, row: Row, ids: NDArray[np.int64], grid: int, streams: Streams, given: Given) -> int:
    """Take the tokens of one stream, and write its state after each into `history`.

    Returns:
        How many tokens were taken: all, or those before the first that may not come.
    """
    for place in range(len(ids)):
        row[:] = False
        _allow(row, grid, streams, 0, given)
        if not (0 <= ids[place] < len(row) and row[ids[place]]):
            return place
        take(ids[place], grid, streams, 0, given)
        history[place] = streams.states[0]
    return len(ids)


@compiled()
def follow(
    mask: NDArray[np.float32],
    inputs: NDArray[np.int64],
    first: NDArray[np.int64],
    forbidden: Row,
    ids: NDArray[np.int64],
    grid: int,
    states: Array,
    tracks: Array,
    lowest: Array,
    highest: Array,
    pitches: Array,
    before: Array,
    onsets: Array,
    onset_times: Array,
    ends: Array,
    is_source: NDArray[np.bool_],
    contents: Array,
    tokens: Array,
    until: Array,
) -> None:
    """Take a token in each stream, and mark which may come next.

    Sampling calls this for every token, so it takes the arrays one by one: numba needs 20 us to unpack a tuple.

    Args:
        mask: written, shape (streams, vocabulary): 0 where a token may come and -inf elsewhere.
        inputs: written: the tokens with their factors, shape (streams, 1 + factors).
        first: see `first_ids`.
        forbidden: tokens that may come only where no other may, shape (vocabulary,).
        ids: the tokens, shape (streams,).
        grid: steps per quarter note.
        states: of `Streams`, updated in place, like the next nine.
        tracks: see there.
        lowest: see there.
        highest: see there.
        pitches: see there.
        before: see there.
        onsets: see there.
        onset_times: see there.
        ends: see there.
        is_source: see there.
        contents: of `Given`.
        tokens: see there.
        until: see there.
    """
    streams, given = (
        Streams(states, tracks, lowest, highest, pitches, before, onsets, onset_times, ends, is_source),
        Given(contents, tokens, until),
    )
    row = np.zeros(mask.shape[1], dtype=np.bool_)
    for i in range(len(ids)):
        take(ids[i], grid, streams, i, given)
        write_factors(inputs[i], ids[i], grid, first, streams, i)
        row[:] = False
        _allow(row, grid, streams, i, given)
        has_other = (row & ~forbidden).any()
        for token in range(len(row)):
            may_come = row[token] and not (has_other and forbidden[token])
            mask[i, token] = 0 if may_come else -np.inf


@compiled()
def _allow(row: Row, grid: int, streams: Streams, i: int, given: Given) -> None:
    """Mark the tokens that may come next in a stream; after END, only END."""
    state = streams.states[i]
    phase = state[PHASE]
    if phase == AFTER_END:
        row[END] = True
    elif state[FORCED] >= 0:
        row[given.tokens[state[FORCED]]] = True
    elif phase <= AFTER_FAMILY:
        allow_header(row, state, grid)
    elif phase in (AFTER_REPEAT, AFTER_DISTANCE, AFTER_AGAIN):
        allow_repeat(row, grid, streams, i)
    elif phase in (AFTER_VOICE, AFTER_VELOCITY, AFTER_CHORD):
        allow_content(row, state[CURRENT_VOICE], grid, streams, i, given)
    else:
        if state[STEP] > state[LAST_SLICE] or state[CURRENT_VOICE] >= 0:
            allow_slice(row, grid, streams, i, given)
        allow_frame(row, grid, streams, i, given)
