"""The bars of a MIDI file, from its time and key signatures."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from seqgen.music import notices
from seqgen.music.bars import FoundBar, fits, of_length
from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.midi_parser import KeyChange, ParsedMidi
from seqgen.music.score import MAX_SHARPS, Bar

_MODES = (0, 1)
_MAX_BEAT_BARS = 4  # a longer piece is not in bars of one beat


def bars_of(midi: ParsedMidi, end: int, grid: int, counts: Counter[str]) -> list[FoundBar]:
    """Return the bars up to a step; a bar within which the time signature changes is divided.

    A change where no bar can end is moved to the next bar line. A first bar with a shorter time signature of its own is
    a pickup.
    """
    metres = _in_bars_of_four([change for change in _metres(midi, grid, counts) if change[0] < end], end, grid, counts)
    found: list[FoundBar] = []
    place, num_bars = 0, 0
    for (_, metre), (until, following) in zip(metres, [*metres[1:], (end, None)], strict=True):
        num_steps = max(0, until - place)
        whole = metre.num_steps(grid)
        num_whole, rest = divmod(num_steps, whole)
        cut = of_length(rest, metre, grid) if rest and following else None
        if rest and not cut:
            num_whole += 1
            counts[notices.LATE_METRE] += following is not None
        num_bars += num_whole + 1
        if num_bars > MAX_BARS:
            raise endless()
        found += [FoundBar(whole, metre)] * num_whole
        if cut:
            found.append(FoundBar(rest, metre))
        place += num_whole * whole + (rest if cut else 0)
    if _has_pickup(found, grid):
        found[0] = found[0]._replace(bar=found[1].bar)
    return _with_keys(found, midi.keys, midi.tpq, grid, counts)


def _has_pickup(found: Sequence[FoundBar], grid: int) -> bool:
    """Return whether the first bar is a pickup, to which notation programs give a time signature of its own.

    It is shorter than the second bar, whose time signature lasts for more than one bar, and its own time signature does
    not return, except where it completes a bar, as before and after a repeat, or at the end.
    """
    if len(found) < 2 or found[0].num_steps >= found[1].bar.num_steps(grid):
        return False
    first, second, *others = found
    if others and others[0].bar != second.bar:
        return False
    whole = second.bar.num_steps(grid)
    lengths = [bar.num_steps for bar in found]
    return not any(
        bar.bar == first.bar and whole not in (before + bar.num_steps, bar.num_steps + after)
        for before, bar, after in zip(lengths[1:], found[2:-1], lengths[3:], strict=False)
    )


def _in_bars_of_four(metres: list[tuple[int, Bar]], end: int, grid: int, counts: Counter[str]) -> list[tuple[int, Bar]]:
    """Return the time signatures; if each bar of a longer piece has only one beat, four of them become a bar."""
    (step, metre), *others = metres
    is_beat = not others and metre.numerator == 1 and metre.denominator > 1
    if not is_beat or end <= _MAX_BEAT_BARS * metre.num_steps(grid):
        return metres
    counts[notices.BEAT_BARS] += 1
    return [(step, metre._replace(numerator=4))]


def _metres(midi: ParsedMidi, grid: int, counts: Counter[str]) -> Iterator[tuple[int, Bar]]:
    """Yield the step from which each time signature applies; the last of several at one step counts."""
    changes: dict[int, Bar] = {0: Bar()}
    for tick, numerator, denominator in midi.metres:
        bar = Bar(numerator, denominator)
        if fits(bar, grid):
            changes[step_of(tick, midi.tpq, grid)] = bar
        else:
            counts[notices.METRE] += 1
    before = None
    for step, bar in sorted(changes.items()):
        if bar != before:
            yield step, bar
        before = bar


def _with_keys(
    found: Sequence[FoundBar], changes: Sequence[KeyChange], tpq: int, grid: int, counts: Counter[str]
) -> list[FoundBar]:
    """Return the bars with the key signatures that apply at their beginnings."""
    keys = {
        step_of(tick, tpq, grid): sharps
        for tick, sharps, mode in changes
        if abs(sharps) <= MAX_SHARPS and mode in _MODES
    }
    counts[notices.KEY] += sum(abs(sharps) > MAX_SHARPS or mode not in _MODES for _, sharps, mode in changes)
    steps = sorted(keys)
    starts = accumulate((bar.num_steps for bar in found), initial=0)
    keyed = []
    for one, start in zip(found, starts, strict=False):
        place = bisect_right(steps, start) - 1
        keyed.append(one._replace(bar=one.bar._replace(sharps=keys[steps[place]] if place >= 0 else 0)))
    return keyed


def step_of(ticks: int, tpq: int, grid: int) -> int:
    """Return the step of the grid that is nearest to a time."""
    return (2 * ticks * grid + tpq) // (2 * tpq)
