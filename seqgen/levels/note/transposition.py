"""Transposition of pieces that are encoded as tokens."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import Ids
from seqgen.levels.note import state as s
from seqgen.levels.note import tokens as t
from seqgen.levels.note.grammar import parse
from seqgen.levels.note.ranges import Ranges, voice_ranges
from seqgen.music.keys import transposed_key
from seqgen.music.score import MAX_SHARPS

ALL_KEYS = tuple(range(-5, 7))  # semitones, to all keys by the shortest way
NEAR_KEYS = (0, -7, -5, 5, 7)  # semitones, to the keys with one sharp or flat more, up and down


def transposition(semitones: int, vocabulary_size: int) -> NDArray[np.int64]:
    """Return the id that replaces each id, shape (vocabulary,); pitches beyond MIDI's range change octave."""
    table = np.arange(vocabulary_size)
    moved = np.arange(t.NUM_PITCHES) + semitones
    keys = range(-MAX_SHARPS, MAX_SHARPS + 1)
    table[t.PITCH : t.DRUM] = t.PITCH + np.where(moved < 0, moved + 12, np.where(moved > 127, moved - 12, moved))
    table[t.KEY : t.DENOMINATOR] = [t.key_token(transposed_key(key, semitones)) for key in keys]
    return table


def within_ranges(
    ids: Ids, transpositions: Sequence[int], ranges: Ranges, grid: int, vocabulary_size: int
) -> NDArray[np.bool_]:
    """Return which transpositions keep every part of a piece within its range, shape (transpositions,).

    That by 0 semitones is always among them.

    Args:
        ids: of the piece, with START.
        transpositions: in semitones.
        ranges: of the parts of the corpus.
        grid: steps per quarter note.
        vocabulary_size: number of tokens.
    """
    tokens = [token for token in ids.tolist() if token != t.START]
    streams, states = parse(tokens, grid, vocabulary_size)
    is_note = states[:, s.PHASE] == s.AFTER_NOTE
    voices, pitches = states[is_note, s.CURRENT_VOICE], states[is_note, s.LOWEST]
    is_pitched = streams.tracks[0, voices] > 0
    voices, pitches = voices[is_pitched], pitches[is_pitched]
    lowest, highest = voice_ranges(ranges, tokens[: int(np.argmax(states[:, s.NUM_BARS] > 0))])
    fewest = (lowest[voices] - pitches).max(initial=-t.NUM_PITCHES)
    most = (highest[voices] - pitches).min(initial=t.NUM_PITCHES)
    return np.array([semitones == 0 or fewest <= semitones <= most for semitones in transpositions])
