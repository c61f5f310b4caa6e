"""The beginning of a piece that sampling continues: the tokens so far, and the contents that some voices must have."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import NoteEncoder, Slices, VoicedTracks, all_voices
from seqgen.levels.note.repeats import folded
from seqgen.levels.note.state import Given
from seqgen.levels.note.voices import Voice
from seqgen.music.score import Score


class Prime(NamedTuple):
    """The beginning of sampled music.

    Attributes:
        ids: the tokens to continue.
        given: the contents that some voices must have after them.
        end: the time at which the prime ends.
        num_bars: number of bars of the prime.
    """

    ids: list[int]
    given: Given
    end: int
    num_bars: int


def prime_of(score: Score, tracks: VoicedTracks, encoder: NoteEncoder, *, is_whole: bool) -> Prime:
    """Return the beginning of a piece.

    Args:
        score: the prime.
        tracks: the tracks of the piece, with the voices of the prime.
        encoder: encodes them.
        is_whole: whether nothing but the voices of the prime sounds during the prime.
    """
    end = max(note.end for note in score.notes)
    slices = encoder.slices(tracks, end)
    ids = [t.START, *encoder.header(tuple(header for header, _ in tracks), score.bars[0])]
    if is_whole:
        num_voices = sum(header.num_voices for header, _ in tracks)
        ids += folded(encoder.bars(score, slices, num_voices, end), encoder.grid, is_open=True)
        slices = {}
    else:
        ids += [t.BAR, *encoder.pickup(score)]
        for place, start in enumerate(score.bar_starts[1:-1], 1):
            if start < end:
                slices.setdefault(start, {})[-1] = list(encoder.changes(*score.bars[place - 1 : place + 1]))
    voices = [voice for _, voice in all_voices(tracks)]
    return Prime(ids, _given(slices, voices, end, is_whole=is_whole), end, len(score.bars))


def _given(slices: Slices, voices: Iterable[Voice], end: int, *, is_whole: bool) -> Given:
    """Return the contents of the slices as given, and that chords which last until `end` stop there."""
    contents: list[tuple[int, int, int, int]] = []
    tokens: list[int] = []
    for time, slice_ in sorted(slices.items()):
        for number, content in sorted(slice_.items()):
            if content:
                contents.append((time, number, len(tokens), len(tokens) + len(content)))
                tokens += content
    until = np.full(t.MAX_VOICES, -1, dtype=np.int32)
    for number, voice in enumerate(voices):
        lasts = bool(voice) and voice[-1].end == end
        if lasts:
            contents.append((end, number, 0, 0))
        if is_whole or voice:
            until[number] = end if lasts else end - 1
    return Given(np.array(contents, dtype=np.int32).reshape(-1, 4), np.array(tokens or [0], dtype=np.int32), until)
