"""Bars as they are found in files, made regular."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music.score import DENOMINATORS, Bar

MAX_BARS = 20_000  # eleven hours of 4/4 at the usual tempo: more is a mistake in a file, or malice
_NUMERATORS = range(1, 33)


class Found(NamedTuple):
    """A bar of a file.

    Attributes:
        num_steps: how long it is.
        bar: the time and key signature that it stands under, one that `fits` the grid.
    """

    num_steps: int
    bar: Bar


def fits(bar: Bar, grid: int) -> bool:
    """Tell whether a score can have this time signature, and its bars end on the grid."""
    if bar.numerator not in _NUMERATORS or bar.denominator not in DENOMINATORS:
        return False
    return 4 * grid * bar.numerator % bar.denominator == 0


def regular(found: Sequence[Found], grid: int) -> tuple[tuple[Bar, ...], int]:
    """Return bars that are as long as their time signatures say, and the pickup.

    A first bar that is too short is a pickup, a last one is filled up with rest, two that make up a whole one (as
    before and after a repeat) become that, from one of twice its length or more (bar lines are missing) whole ones are
    taken; any other bar of its own length gets its own time signature.

    Raises:
        MusicError: a bar's length is none that a time signature can have, or there are too many.
    """
    found = [bar for bar in found if bar.num_steps]
    if sum(bar.num_steps // bar.bar.num_steps(grid) + 1 for bar in found) > MAX_BARS:
        raise endless()
    pickup = found[0].num_steps if len(found) > 1 and found[0].num_steps < found[0].bar.num_steps(grid) else 0
    bars = [found[0].bar] if pickup else []
    place = len(bars)
    while place < len(found):
        num_steps, bar = found[place]
        following = found[place + 1].num_steps if place + 1 < len(found) else 0
        if num_steps < num_steps + following == bar.num_steps(grid):
            bars.append(bar)
            place += 1
        else:
            bars.extend(_cut(num_steps, bar, grid, is_last=not following))
        place += 1
    return tuple(bars), pickup


def _cut(num_steps: int, bar: Bar, grid: int, *, is_last: bool) -> Iterator[Bar]:
    """Yield the bars that a bar of this length is."""
    whole = bar.num_steps(grid)
    while num_steps >= 2 * whole:
        yield bar
        num_steps -= whole
    if num_steps == whole or (is_last and num_steps < whole):
        yield bar
        return
    irregular = of_length(num_steps, bar, grid)
    if irregular is None:
        raise MusicError("bar off the grid", f"has a bar of {num_steps / grid:g} quarters, which no time signature fits")
    yield irregular


def of_length(num_steps: int, bar: Bar, grid: int) -> Bar | None:
    """Return the bar with a time signature of this length, its own denominator if possible; None if there is none."""
    for denominator in sorted(DENOMINATORS, key=lambda d: (d != bar.denominator, d < 4, d)):
        numerator, rest = divmod(num_steps * denominator, 4 * grid)
        if not rest and numerator in _NUMERATORS:
            return bar._replace(numerator=numerator, denominator=denominator)
    return None


def endless() -> MusicError:
    """Return the error of a piece with too many bars."""
    return MusicError("endless music", f"goes on for more than {MAX_BARS:,} bars")
