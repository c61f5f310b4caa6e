"""Beats and beams: which symbols of a bar share a beam."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

from seqgen.music.engraving import Symbol
from seqgen.music.score import Bar


def beat_quarters(bar: Bar) -> Fraction:
    """Return the length of a beat: one unit of the metre; of units from an eighth down, three, or else two."""
    num_units = 1 if bar.denominator <= 4 else 2 if bar.numerator % 3 else 3
    return Fraction(4 * num_units, bar.denominator)


def beat_of(step: int, bar: Bar, grid: int) -> int:
    """Return the number of the beat that contains a step of a bar; the symbols of a beat share a beam.

    The remainder at the end of a bar, as in 7/8, belongs to the last beat.
    """
    beat = beat_quarters(bar) * grid
    return min(int(step / beat), max(int(bar.num_steps(grid) / beat) - 1, 0))


def beams(symbols: Sequence[Symbol], bar: Bar, start: int, grid: int) -> Iterator[list[int]]:
    """Yield the places of the symbols under each beam: shorter than a quarter, in one beat, with no rest between them.

    Args:
        symbols: of one voice in the bar.
        bar: its metre.
        start: the step at which the whole bar begins.
        grid: steps per quarter note.
    """

    def beam_of(place: int) -> int:
        symbol = symbols[place]
        is_beamed = symbol.notes and symbol.notehead(grid)[0] < 1
        return beat_of(symbol.start - start, bar, grid) if is_beamed else -1

    for beat, places in groupby(range(len(symbols)), beam_of):
        if beat >= 0:
            yield list(places)
