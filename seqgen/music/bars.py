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
        slack: how much its end may be shortened because no note begins there, if it is the last bar of a section and is
            not followed by its continuation; None for any other bar.
    """

    num_steps: int
    bar: Bar
    slack: int | None = None


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
        num_joined: number of sections that were shortened or lengthened so that the next one begins at its place in a
            bar.
    """

    bars: tuple[Bar, ...]
    pickup: int
    starts: tuple[int, ...]
    num_stretched: int
    num_joined: int


def regular(found: Sequence[FoundBar], grid: int) -> RegularBars:
    """Return bars that are as long as their time signatures.

    - A first bar that is too short is a pickup; a last one is filled with rests.
    - Two short bars that together make a whole one, as before and after a repeat, become one bar.
    - At the end of a section, two bars become a whole one if the first can be shortened, or lengthened by a rest. Tunes
      with unequal upbeats would otherwise have bars such as 1/8.
    - A bar of at least twice its length (bar lines are missing) is divided into whole bars.
    - Any other bar of irregular length gets a time signature of its own.

    Raises:
        MusicError: there are too many bars.
    """
    if sum(bar.num_steps // bar.bar.num_steps(grid) + 1 for bar in found) > MAX_BARS:
        raise endless()
    bars: list[Bar] = []
    starts: list[int] = []
    num_stretched = num_joined = place = 0
    pickup = _pickup(found, grid)
    time = found[0].bar.num_steps(grid) - pickup if pickup else 0
    while place < len(found):
        num_steps, bar, _ = found[place]
        starts.append(time)
        if pickup and not place:
            new, taken = [bar], pickup
        elif (joined := _joined(found[place : place + 2], grid)) is not None:
            new, taken = [bar], bar.num_steps(grid)
            num_joined += joined[1]
            if joined[0] == 2:
                starts.append(time + taken - found[place + 1].num_steps)
                place += 1
        else:
            new = _cut(num_steps, bar, grid, is_last=place + 1 == len(found))
            taken = sum(bar.num_steps(grid) for bar in new)
            num_stretched += taken > num_steps and place + 1 < len(found)
        bars += new
        time += taken
        place += 1
    return RegularBars(tuple(bars), pickup, tuple(starts), num_stretched, num_joined)


def _joined(pair: Sequence[FoundBar], grid: int) -> tuple[int, bool] | None:
    """Return how many of two bars are joined to a whole one, and whether their length changes; None for neither."""
    (num_steps, bar, slack), *rest = pair
    if not rest or not num_steps:
        return None
    following, whole = rest[0].num_steps, bar.num_steps(grid)
    surplus = num_steps + following - whole
    if surplus == 0 and following:
        return 2, False
    if slack is None or num_steps > whole or rest[0].bar[:2] != bar[:2]:
        return None
    if following >= whole:
        return (1, True) if num_steps < whole else None
    return (2, True) if following and surplus <= slack else None


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
