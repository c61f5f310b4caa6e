"""Beats and beams: which notes of a bar stand under one beam."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from seqgen.music.engraving import Symbol
from seqgen.music.score import Bar


def beat_quarters(bar: Bar) -> Fraction:
    """Return the length of a beat: a unit of the metre, or of eighths and shorter ones three or else two."""
    num_units = 1 if bar.denominator <= 4 else 2 if bar.numerator % 3 else 3
    return Fraction(4 * num_units, bar.denominator)


def beat_of(step: int, bar: Bar, grid: int) -> int:
    """Return the number of the beat that a step of a bar is in; what is in one beat stands under one beam.

    What is left over at the end, as in 7/8, belongs to the last beat.
    """
    beat = beat_quarters(bar) * grid
    return min(int(step / beat), max(int(bar.num_steps(grid) / beat) - 1, 0))


def beams(pieces: Sequence[Symbol], bar: Bar, start: int, grid: int) -> Iterator[list[int]]:
    """Yield the places of the pieces under each beam: shorter than a quarter, with no rest between, in one beat.

    Args:
        pieces: of one voice in the bar.
        bar: its metre.
        start: the step at which the whole bar begins.
        grid: steps a quarter.
    """

    def beam_of(place: int) -> int:
        piece = pieces[place]
        is_beamed = piece.notes and piece.notehead(grid)[0] < 1
        return beat_of(piece.start - start, bar, grid) if is_beamed else -1

    for beat, places in groupby(range(len(pieces)), beam_of):
        if beat >= 0:
            yield list(places)
