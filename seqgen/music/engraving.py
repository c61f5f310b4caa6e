"""Voices in music notation: bars of chords and rests, divided into symbols that one notehead value can represent."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music.score import Bar, Note, Score
from seqgen.music.voices import Chord

_LONGEST = 12  # quarter notes: a dotted breve
_SHORTEST = Fraction(1, 256)  # quarter notes: a 1024th
_SIMPLE_TUPLETS = (3, 5, 7)  # others are used only if nothing else is exact


class Tuplet(NamedTuple):
    """A range of steps of a bar that is divided into `actual` equal parts instead of `normal`."""

    start: int
    end: int
    actual: int
    normal: int


class Symbol(NamedTuple):
    """A chord or rest with one notehead value.

    Attributes:
        start: in steps.
        end: in steps.
        notes: of the chord. A note that begins earlier or ends later is tied to the symbol before or after.
        tuplet: the tuplet to which the symbol belongs.
    """

    start: int
    end: int
    notes: tuple[Note, ...]
    tuplet: Tuplet | None

    def written_quarters(self, grid: int) -> Fraction:
        """Return the value of its notehead and dot in quarter notes; in a tuplet it sounds shorter."""
        actual, normal = self.tuplet[2:] if self.tuplet else (1, 1)
        return Fraction((self.end - self.start) * actual, grid * normal)

    def notehead(self, grid: int) -> tuple[Fraction, int]:
        """Return the value of its notehead in quarter notes without the dot, and the number of dots, 0 or 1."""
        quarters = self.written_quarters(grid)
        return (quarters, 0) if quarters.numerator % 3 else (quarters * 2 / 3, 1)


def bars_of(score: Score, voice: Iterable[Chord]) -> list[list[Symbol]]:
    """Return the symbols of each bar, including rests; a bar without notes is one rest, a pickup begins late."""
    starts = score.bar_starts
    bars: list[list[Chord]] = [[] for _ in score.bars]
    for start, end, notes in voice:
        place = bisect_right(starts, start) - 1
        while place < len(bars) and starts[place] < end:
            bars[place].append(Chord(max(start, starts[place]), min(end, starts[place + 1]), notes))
            place += 1
    return [
        list(_symbols(_filled(chords, max(start, score.start), end), start, bar, score.grid))
        for (start, end), bar, chords in zip(pairwise(starts), score.bars, bars, strict=True)
    ]


def _filled(chords: Iterable[Chord], start: int, end: int) -> list[Chord]:
    """Return the chords with rests in the gaps."""
    filled = []
    for chord in chords:
        if start < chord.start:
            filled.append(Chord(start, chord.start, ()))
        filled.append(chord)
        start = chord.end
    if start < end:
        filled.append(Chord(start, end, ()))
    return filled


def _symbols(chords: Sequence[Chord], origin: int, bar: Bar, grid: int) -> Iterator[Symbol]:
    """Yield the symbols of the chords and rests of a bar; `origin` is the beginning of the whole bar."""
    sizes = _sizes(bar, grid)
    if len(chords) == 1 and not chords[0].notes and chords[0].end - chords[0].start == sizes[0]:
        yield Symbol(*chords[0], None)  # a rest for a whole bar is the same in every metre
        return
    tuplets = list(_tuplets([chord.start - origin for chord in chords], 0, sizes))
    tuplets = [Tuplet(origin + start, origin + end, actual, normal) for start, end, actual, normal in tuplets]
    edges = [edge for tuplet in tuplets for edge in tuplet[:2]]
    for chord in chords:
        times = sorted({*chord[:2], *(edge for edge in edges if chord.start < edge < chord.end)})
        for start, end in pairwise(times):
            tuplet = next((tuplet for tuplet in tuplets if tuplet.start <= start < tuplet.end), None)
            symbol = Symbol(start, end, chord.notes, tuplet)
            if tuplet:
                length = tuplet.end - tuplet.start
                yield from _split(symbol, tuplet.start, _halved([length, length // tuplet.actual]), grid)
            else:
                yield from _split(symbol, origin, sizes, grid)


def _sizes(bar: Bar, grid: int) -> list[int]:
    """Return the length of a bar, of its parts, of their parts and so on: 6/8 is divided by 2, then 3, then 2."""
    sizes = [bar.num_steps(grid)]
    number, factor = bar.numerator, 2
    while number > 1:
        if number % factor:
            factor += 1
        else:
            number //= factor
            if sizes[-1] % factor == 0:
                sizes.append(sizes[-1] // factor)
    return _halved(sizes)


def _halved(sizes: list[int]) -> list[int]:
    while sizes[-1] % 2 == 0:
        sizes = [*sizes, sizes[-1] // 2]
    return sizes


def _tuplets(times: Sequence[int], start: int, sizes: list[int]) -> Iterator[Tuplet]:
    """Yield the largest possible tuplets for onsets at these times, in the `sizes[0]` steps from `start` on.

    Onsets that repeated halving does not reach become a tuplet if one division of the whole range fits them; otherwise
    each part of the range is divided on its own.
    """
    length = sizes[0]
    inner = {time - start for time in times if start < time < start + length}
    if all(time % sizes[-1] == 0 for time in inner):
        return
    ratio = length // sizes[-1]
    actual = _division(inner, length, is_last=len(sizes) == 1) if ratio & (ratio - 1) == 0 else 0
    if actual:
        yield Tuplet(start, start + length, actual, 1 << (actual.bit_length() - 1))
        return
    for part in range(start, start + length, sizes[1]):
        yield from _tuplets(times, part, sizes[1:])


def _division(inner: set[int], length: int, *, is_last: bool) -> int:
    """Return the number of equal parts, some of which may be halved, that fit the onsets in a range, or 0."""
    candidates = range(3, length + 1, 2) if is_last else _SIMPLE_TUPLETS
    for actual in (number for number in candidates if length % number == 0):
        part = length // actual
        odd = {time for time in inner if time % part}
        is_halved = length // 2 not in inner and inner.issuperset(range(part, length, part))
        if not odd or (is_halved and all(2 * time % part == 0 for time in odd)):
            return actual
    return 0


def _split(symbol: Symbol, origin: int, sizes: list[int], grid: int) -> Iterator[Symbol]:
    """Yield the symbol, or its parts divided at the strongest beat within it.

    A notehead may cross a beat if it begins or ends on an equally strong one, or is a simple syncopation, from the
    middle of one beat to the middle of the next. A rest begins on a beat and fills it.
    """
    start, end = symbol.start - origin, symbol.end - origin
    length = end - start
    size = next((size for size in sizes if start // size != (end - 1) // size), 0)  # between the strongest beats within
    if not size:
        is_clear = True
    elif symbol.notes:
        is_clear = start % size == 0 or end % size == 0 or (length == size and 2 * start % size == 0)
    else:
        is_clear = length in sizes and start % length == 0
    if is_clear and _has_notehead(symbol.written_quarters(grid)):
        yield symbol
        return
    if not size:
        raise MusicError("note too short to write", f"no notehead is as short as one of {grid} steps per quarter note")
    first, last = (start // size + 1) * size, (end - 1) // size * size
    stronger = next((size for size in sizes if start % size == 0 or end % size == 0), 1)
    cut = origin + (last if start % stronger == 0 else first)
    yield from _split(symbol._replace(end=cut), origin, sizes, grid)
    yield from _split(symbol._replace(start=cut), origin, sizes, grid)


def _has_notehead(quarters: Fraction) -> bool:
    """Return whether a notehead has this value, with or without a dot."""
    undotted = quarters.numerator // 3 if quarters.numerator % 3 == 0 else quarters.numerator
    return _SHORTEST <= quarters <= _LONGEST and undotted & (undotted - 1) == 0
