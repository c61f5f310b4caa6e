"""Bars as they are found in files, made regular."""

from collections.abc import Sequence
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music.score import DENOMINATORS, Bar

_NUMERATORS = range(1, 33)


class Found(NamedTuple):
    """A bar of a file.

    Attributes:
        num_steps: how long it is.
        bar: the time and key signature that it stands under.
    """

    num_steps: int
    bar: Bar


def regular(found: Sequence[Found], grid: int) -> tuple[tuple[Bar, ...], int]:
    """Return bars that are as long as their time signatures say, and the pickup.

    A first bar that is too short is a pickup, a last one is filled up with rest, two that make up a whole one (as
    before and after a repeat) become that; any other bar of its own length gets its own time signature.

    Raises:
        MusicError: a bar's length is none that a time signature can have.
    """
    bars: list[Bar] = []
    pickup = 0
    found = [bar for bar in found if bar.num_steps]
    place = 0
    while place < len(found):
        num_steps, bar = found[place]
        whole = bar.num_steps(grid)
        following = found[place + 1].num_steps if place + 1 < len(found) else 0
        if num_steps < whole and place == 0 and len(found) > 1:
            pickup = num_steps
        elif num_steps < whole and num_steps + following == whole:
            place += 1
        elif num_steps > whole or (num_steps < whole and place + 1 < len(found)):
            bar = _of_length(num_steps, bar, grid)
        bars.append(bar)
        place += 1
    return tuple(bars), pickup


def _of_length(num_steps: int, bar: Bar, grid: int) -> Bar:
    for denominator in sorted(DENOMINATORS, key=lambda d: (d != bar.denominator, d < 4, d)):
        numerator, rest = divmod(num_steps * denominator, 4 * grid)
        if not rest and numerator in _NUMERATORS:
            return bar._replace(numerator=numerator, denominator=denominator)
    raise MusicError("bar off the grid", f"a bar of {num_steps} steps at {grid} a quarter has no time signature")
