"""The settings of a note level from a checkpoint, which may be damaged or malicious."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from seqgen.config import CorpusConfig
from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.ranges import Part, Range
from seqgen.music.bars import fits
from seqgen.music.limits import MAX_BARS
from seqgen.music.score import MAX_SHARPS, Bar
from seqgen.music.tempos import MAX_TEMPO


def checked(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the level's constructor.

    Raises:
        TypeError or ValueError: they are invalid, or another version wrote them.
    """
    if content.get("tokens") != t.VERSION:
        raise ValueError("it writes music in the tokens of another version of seqgen: train it again")
    options = {name: value for name, value in content.items() if name not in ("level", "tokens")}
    CorpusConfig(grid=options["grid"], velocity=options["has_velocity"])  # checks both
    habits = Habits(
        tempo=options.pop("tempo"),
        num_bars=options.pop("num_bars"),
        metres=tuple((numerator, denominator) for numerator, denominator in options.pop("metres")),
        layouts=tuple(tuple(TrackHeader(*track) for track in layout) for layout in options.pop("layouts")),
        finals=tuple(map(int, options.pop("finals"))),
        keys={int(sharps): int(number) for sharps, number in options.pop("keys")},
        ranges={Part(*map(int, row[:3])): Range(*map(int, row[3:])) for row in options.pop("ranges")},
    )
    bars = [Bar(*metre) for metre in habits.metres]
    is_valid = (
        0 < habits.tempo <= MAX_TEMPO
        and 0 < habits.num_bars <= MAX_BARS
        and bars
        and all(fits(bar, options["grid"]) and type(bar.numerator) is int for bar in bars)
        and all(0 <= final < 12 for final in habits.finals)
        and all(abs(sharps) <= MAX_SHARPS and number > 0 for sharps, number in habits.keys.items())
        and all(0 <= own.lowest <= own.highest < t.NUM_PITCHES for own in habits.ranges.values())
        and all(map(_is_valid, chain.from_iterable(habits.layouts)))
    )
    if not is_valid:
        raise ValueError("its music has an invalid tempo, length, metre, final, key, range or track")
    return {**options, "habits": habits}


def _is_valid(header: TrackHeader) -> bool:
    has_types = tuple(map(type, header)) == (int, bool, int, str, int, int)
    if has_types:
        header.name.encode()  # raises ValueError for lone surrogates
    return (
        has_types
        and 0 <= header.program < 128
        and 0 < header.num_voices <= t.MAX_VOICES
        and 0 <= header.lowest <= header.highest < t.NUM_PITCHES
    )
