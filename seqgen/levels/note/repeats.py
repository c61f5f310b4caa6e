"""Repetitions in the token language (`tokens.py`): bars that occurred before are encoded as REPEAT.

This is the dictionary coding of Ziv & Lempel (1977), with bars as symbols. After training for 60 s, the loss on 3,068
folk tunes was 2.03 nats per note without it, 1.31 if at least two bars must be repeated, and 1.23 with it; on Bach's
chorales 1.96, 1.73 and 1.73.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from seqgen.levels.note import tokens as t

_NUM_TOKENS = 3  # of REPEAT with its numbers


class CodedBar(NamedTuple):
    """A bar without repetition.

    Attributes:
        tokens: BAR and what follows it. Their meaning depends on the notes that are sustained into the bar.
        sound: the onsets and ends of its voices by time, without the ends of notes that are sustained into the bar.
        is_free: whether no note is sustained into it, it is no pickup, and key and metre do not change.
        has_changes: whether key or metre change.
    """

    tokens: Sequence[int]
    sound: Hashable
    is_free: bool
    has_changes: bool


def folded(bars: Sequence[CodedBar], grid: int, *, is_open: bool) -> Iterator[int]:
    """Yield the tokens of the bars, with REPEAT for repeated bars where that is shorter.

    Of all possible sources, the one that yields the most bars is taken, and of these the nearest.

    Args:
        bars: of a piece, from its beginning.
        grid: steps per quarter note.
        is_open: whether the last bar is incomplete.
    """
    longest_distance = min(t.MAX_REACH, t.BAR_QUARTERS * grid)
    places: dict[Hashable, list[int]] = {}  # sound -> places of the bars with this sound since the last change
    whole = bars[: len(bars) - is_open]
    place = 0
    while place < len(bars):
        known = places.get(bars[place].sound, ()) if bars[place].is_free and place < len(whole) else ()
        sources = [source for source in known if place - source <= longest_distance]
        counts = [_num_equal(whole, source, place) for source in sources]
        count = max(counts, default=0)
        if sum(len(bar.tokens) for bar in bars[place : place + count]) > _NUM_TOKENS:
            nearest = max(source for source, equal in zip(sources, counts, strict=True) if equal == count)
            yield from (t.REPEAT, t.POSITION + place - nearest, t.POSITION + count)
        else:
            count = 1
            yield from bars[place].tokens
        for number in range(place, place + count):
            if bars[number].has_changes:
                places.clear()
            elif bars[number].is_free:
                places.setdefault(bars[number].sound, []).append(number)
        place += count


def _num_equal(bars: Sequence[CodedBar], source: int, place: int) -> int:
    """Return how many bars from `place` on equal those from `source` on, given that the first do."""
    pairs = zip(bars[source + 1 : place], bars[place + 1 :], strict=False)
    return 1 + sum(1 for _ in takewhile(lambda pair: pair[0].tokens == pair[1].tokens, pairs))
