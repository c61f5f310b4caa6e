"""Makes the bars of a file regular: each as long as its time signature."""

from collections.abc import Sequence
from typing import NamedTuple

from seqgen.music.limits import MAX_BARS, MAX_NUMERATOR, endless
from seqgen.music.score import DENOMINATORS, Bar

_NUMERATORS = range(1, MAX_NUMERATOR + 1)


class FoundBar(NamedTuple):
    """A bar of a file.

    Attributes:
        num_steps: length.
        bar: its time and key signature; the time signature `fits` the grid.
    """

    num_steps: int
    bar: Bar


def fits(bar: Bar, grid: int) -> bool:
    """Return whether a score may have this time signature, and its bars end on the grid."""
    if bar.numerator not in _NUMERATORS or bar.denominator not in DENOMINATORS:
        return False
    return 4 * grid * bar.numerator % bar.denominator == 0


class RegularBars(NamedTuple):
    """Bars that are as long as their time signatures.

    Attributes:
        bars: all bars.
        pickup: number of steps of a first bar that is incomplete, otherwise 0.
        starts: the step at which each bar of the file begins.
        num_stretched: number of bars that were lengthened, because no time signature has their length.
    """

    bars: tuple[Bar, ...]
    pickup: int
    starts: tuple[int, ...]
    num_stretched: int


def regular(found: Sequence[FoundBar], grid: int) -> RegularBars:
    """Return bars that are as long as their time signatures.

    - A first bar that is too short is a pickup; a last one is filled with rests.
    - Two short bars that together make a whole one, as before and after a repeat, become one bar.
    - A bar of at least twice its length (bar lines are missing) is divided into whole bars.
    - Any other bar of irregular length gets a time signature of its own.

    Raises:
        MusicError: there are too many bars.
    """
    if sum(bar.num_steps // bar.bar.num_steps(grid) + 1 for bar in found) > MAX_BARS:
        raise endless()
    bars: list[Bar] = []
    starts: list[int] = []
    num_stretched = place = 0
    pickup = _pickup(found, grid)
    time = found[0].bar.num_steps(grid) - pickup if pickup else 0
    while place < len(found):
        num_steps, bar = found[place]
        following = found[place + 1].num_steps if place + 1 < len(found) else 0
        starts.append(time)
        if pickup and not place:
            new, taken = [bar], pickup
        elif num_steps < num_steps + following == bar.num_steps(grid):
            starts.append(time + num_steps)
            new, taken = [bar], num_steps + following
            place += 1
        else:
            new = _cut(num_steps, bar, grid, is_last=place + 1 == len(found))
            taken = sum(bar.num_steps(grid) for bar in new)
            num_stretched += taken > num_steps and place + 1 < len(found)
        bars += new
        time += taken
        place += 1
    return RegularBars(tuple(bars), pickup, tuple(starts), num_stretched)


def _pickup(found: Sequence[FoundBar], grid: int) -> int:
    """Return the length of the first bar if it is a pickup, otherwise 0."""
    if len(found) > 1 and found[0].num_steps < found[0].bar.num_steps(grid):
        return found[0].num_steps
    return 0


def _cut(num_steps: int, bar: Bar, grid: int, *, is_last: bool) -> list[Bar]:
    """Return the bars into which a bar of this length is divided."""
    whole = bar.num_steps(grid)
    if num_steps == whole:
        return [bar]
    if is_last and (num_steps < whole or num_steps > 2 * whole):
        return [bar] * -(-num_steps // whole)
    num_more = max(0, num_steps // whole - 1)
    num_steps -= num_more * whole
    if not num_steps:
        return []
    lengths = range(num_steps, 2 * whole)
    last = next(filter(None, (of_length(length, bar, grid) for length in lengths)), None)
    return [bar] * num_more + ([last] if last else [bar, bar])


def of_length(num_steps: int, bar: Bar, grid: int) -> Bar | None:
    """Return the bar with a time signature of this length, with the same denominator if possible, or None."""
    for denominator in sorted(DENOMINATORS, key=lambda denominator: (denominator != bar.denominator, denominator)):
        numerator, rest = divmod(num_steps * denominator, 4 * grid)
        if not rest and numerator in _NUMERATORS:
            return bar._replace(numerator=numerator, denominator=denominator)
    return None
