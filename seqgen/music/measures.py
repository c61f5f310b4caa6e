"""Written measures: what readers of notation find, before parts are aligned and repeats are played."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from seqgen.music.repeats import PLAIN, Signs
from seqgen.music.score import Bar


class WrittenNote(NamedTuple):
    """A note in its measure; times are in quarter notes.

    Attributes:
        offset: from the beginning of the measure.
        duration: until its end or its tie.
        pitch: as it sounds, MIDI number.
        ties: whether it is tied to the next note, if that has the same pitch and begins at its end.
    """

    offset: float
    duration: float
    pitch: int
    ties: bool = False


@dataclass
class Measure:
    """A written measure of one part.

    Attributes:
        bar: time and key signature at sounding pitch.
        quarters: length in quarter notes.
        notes: in any order.
        tempos: pairs of offset and quarter notes per minute.
        signs: repeat signs and jumps.
        symbols: pairs of offset and chord symbol.
        ends_section: whether a double bar line follows.
    """

    bar: Bar
    quarters: float = 0.0
    notes: list[WrittenNote] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=list)
    signs: Signs = PLAIN
    symbols: list[tuple[float, str]] = field(default_factory=list)
    ends_section: bool = False


class WrittenPart(NamedTuple):
    """A written part."""

    measures: Sequence[Measure]
    name: str = ""
    program: int = 0
    is_drum: bool = False


def rows_of(staves: Iterable[Sequence[Measure]]) -> list[list[Measure]]:
    """Return the simultaneous measures; a staff may end before the others."""
    return [[measure for measure in row if measure] for row in zip_longest(*staves)]


def quarters_of(row: Sequence[Measure]) -> float:
    """Return the length of simultaneous measures: that of the longest with notes, as others may have a whole rest."""
    return max(measure.quarters for measure in [measure for measure in row if measure.notes] or row)


def first_signs(row: Sequence[Measure]) -> Signs:
    """Return the signs of the first of simultaneous measures that has any."""
    return next((measure.signs for measure in row if measure.signs != PLAIN), PLAIN)


def first_tempos(row: Sequence[Measure]) -> list[tuple[float, float]]:
    """Return the tempos of the first of simultaneous measures that has any."""
    return next((measure.tempos for measure in row if measure.tempos), [])


def merged(staves: Sequence[Sequence[Measure]]) -> list[Measure]:
    """Return the measures of a part that is written on several staves, the first of which has the signatures."""
    if len(staves) == 1:
        return list(staves[0])
    return [
        Measure(
            row[0].bar,
            quarters_of(row),
            [note for measure in row for note in measure.notes],
            first_tempos(row),
            first_signs(row),
            [symbol for measure in row for symbol in measure.symbols],
            any(measure.ends_section for measure in row),
        )
        for row in rows_of(staves)
    ]
