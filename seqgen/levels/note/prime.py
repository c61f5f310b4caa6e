"""The beginning of a piece that sampling continues: the tokens so far, and the contents that some voices must have."""

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import numpy as np

from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import Layout, NoteEncoder, Slices, TrackHeader, VoicedTracks, all_voices
from seqgen.levels.note.matching import Match
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
        layout: the tracks of the piece.
        parts: for each of these tracks, the number of the part of the prime that fills it; None if it is to be written.
    """

    ids: list[int]
    given: Given
    end: int
    num_bars: int
    layout: Layout
    parts: tuple[int | None, ...]


def prime_of(score: Score, match: Match, encoder: NoteEncoder, final: int | None, num_following: int) -> Prime:
    """Return the beginning of a piece.

    Args:
        score: the prime.
        match: the tracks of the piece, and those that the parts of the prime fill.
        encoder: encodes them.
        final: the degree of the last bass note of the piece; None if it is unknown.
        num_following: number of bars of the piece after those of the prime.
    """
    part_of = {place: number for number, place in match.places.items()}
    parts = tuple(map(part_of.get, range(len(match.layout))))
    tracks = _filled(match.layout, parts, encoder.voiced(score))
    is_whole = None not in parts  # whether nothing but the prime sounds during the prime
    end = max(note.end for note in score.notes)
    slices = encoder.slices(tracks, end)
    num_bars = len(score) + num_following
    ids = [t.START, *encoder.header(tuple(header for header, _ in tracks), score.bars[0], final, num_bars)]
    if is_whole:
        num_voices = sum(header.num_voices for header, _ in tracks)
        ids += folded(encoder.bars(score, slices, num_voices, end), encoder.grid, is_open=True)
        slices = {}
    else:
        ids += [t.BAR, *encoder.pickup(score)]
        for place, start in enumerate(score.bar_starts[1:-1], 1):
            if start < end:
                slices.setdefault(start, {})[-1] = list(encoder.changes(*score.bars[place - 1 : place + 1]))
    numbers = chain(*([number] * header.num_voices for (header, _), number in zip(tracks, parts, strict=True)))
    voices = [None if number is None else voice for (_, voice), number in zip(all_voices(tracks), numbers, strict=True)]
    return Prime(ids, _given(slices, voices, end), end, len(score.bars), match.layout, parts)


def _filled(layout: Layout, parts: Iterable[int | None], prime: VoicedTracks) -> VoicedTracks:
    """Return the tracks of a layout with the voices of the prime."""
    tracks: list[tuple[TrackHeader, list[Voice]]] = []
    for header, number in zip(layout, parts, strict=True):
        voices = [[]] if number is None else prime[number][1]
        tracks.append((header._replace(num_voices=max(header.num_voices, len(voices))), voices))
    return tracks


def _given(slices: Slices, voices: Iterable[Voice | None], end: int) -> Given:
    """Return the contents of the slices as given, and that chords which last until `end` stop there.

    Args:
        slices: the contents.
        voices: the voices of the prime; None for those that are to be written.
        end: the time at which the prime ends.
    """
    contents: list[tuple[int, int, int, int]] = []
    tokens: list[int] = []
    for time, slice_ in sorted(slices.items()):
        for number, content in sorted(slice_.items()):
            if content:
                contents.append((time, number, len(tokens), len(tokens) + len(content)))
                tokens += content
    until = np.full(t.MAX_VOICES, -1, dtype=np.int32)
    for number, voice in enumerate(voices):
        if voice is None:
            continue
        lasts = bool(voice) and voice[-1].end == end
        if lasts:
            contents.append((end, number, 0, 0))
        until[number] = end if lasts else end - 1
    return Given(np.array(contents, dtype=np.int32).reshape(-1, 4), np.array(tokens or [0], dtype=np.int32), until)
