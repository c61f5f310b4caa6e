"""The range of each part of a corpus: which pitches a soprano, a flute or the second of two violins has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import Layout
from seqgen.levels.note.state import Array
from seqgen.music.score import NUM_PITCHES, Score

_DRUMS = -1  # instead of a program


class Part(NamedTuple):
    """A pitched part among those of a piece with the same instrument.

    Attributes:
        program: General MIDI program, from 0.
        number: its place among them from the top of the page down, from 1.
        num_alike: how many there are.
    """

    program: int
    number: int
    num_alike: int


class Range(NamedTuple):
    """The lowest and the highest pitch of a part, MIDI numbers."""

    lowest: int
    highest: int


Ranges = Mapping[Part, Range]
_EVERYTHING = Range(0, NUM_PITCHES - 1)


def ranges_of(scores: Iterable[Score]) -> dict[Part, Range]:
    """Return the range of each part that occurs in some pieces."""
    found: dict[Part, Range] = {}
    for score in scores:
        instruments = [_DRUMS if track.is_drum else track.program for track in score.tracks]
        for part, track in zip(_parts(instruments), score.tracks, strict=True):
            pitches = [note.pitch for note in track.notes]
            if part is not None and pitches:
                own = Range(min(pitches), max(pitches))
                found[part] = _union([own, found.get(part, own)])
    return found


def with_ranges(layout: Layout, ranges: Ranges) -> Layout:
    """Return a layout whose tracks have the ranges of their parts."""
    parts = _parts([_DRUMS if header.is_drum else header.program for header in layout])
    return tuple(
        header if own is None else header._replace(lowest=own.lowest, highest=own.highest)
        for header, own in zip(layout, [part and ranges.get(part) for part in parts], strict=True)
    )


def voice_ranges(ranges: Ranges, header: Sequence[int]) -> Array:
    """Return the lowest and the highest pitch of each voice, shape (2, MAX_VOICES).

    A part that does not occur in the corpus has the range of all parts with its instrument, or else any pitch.

    Args:
        ranges: of the corpus.
        header: the tokens of a piece before its first bar.
    """
    instruments, voices = _instruments(header)
    limits = np.tile(np.array(_EVERYTHING, dtype=np.int32)[:, None], t.MAX_VOICES)
    parts = _parts(instruments)
    for voice, track in enumerate(voices):
        part = parts[track]
        if part is not None:
            alike = [own for other, own in ranges.items() if other.program == part.program]
            limits[:, voice] = ranges.get(part) or (_union(alike) if alike else _EVERYTHING)
    return limits


def _parts(instruments: Sequence[int]) -> list[Part | None]:
    """Return the part of each track, None for drums."""
    return [
        None if program == _DRUMS else Part(program, instruments[:place].count(program) + 1, instruments.count(program))
        for place, program in enumerate(instruments)
    ]


def _instruments(header: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the program of each track, and the track of each voice."""
    instruments: list[int] = []
    voices: list[int] = []
    family = 0
    for token in header:
        if t.FAMILY <= token < t.MEMBER:
            family = token - t.FAMILY
        elif t.MEMBER <= token <= t.VOICE or token == t.DRUMS:
            instruments.append(_DRUMS if token == t.DRUMS else 8 * family + token - t.MEMBER)
            voices.append(len(instruments) - 1)
        elif token == t.SPLIT:
            voices.append(len(instruments) - 1)
    return instruments, voices


def _union(ranges: Sequence[Range]) -> Range:
    return Range(min(lowest for lowest, _ in ranges), max(highest for _, highest in ranges))
