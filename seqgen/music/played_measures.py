"""Where each measure is played: in the order of repeats and jumps, in regular bars."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise, zip_longest
from math import inf
from typing import NamedTuple

from seqgen.music import notices
from seqgen.music.bars import FoundBar, RegularBars, regular
from seqgen.music.limits import MAX_NOTES, too_many_notes
from seqgen.music.measures import Measure, first_signs, quarters_of
from seqgen.music.repeats import Signs, played


class Spot(NamedTuple):
    """Where a measure is played.

    Attributes:
        place: of the measure.
        start: the step at which it begins.
        limit: the step at which all its notes end at the latest, if the next section begins before its end.
    """

    place: int
    start: int
    limit: float = inf


def played_measures(
    rows: Sequence[Sequence[Measure]], grid: int, counts: Counter[str]
) -> tuple[RegularBars, list[Spot]]:
    """Return the bars of a piece, and where each measure is played in them.

    Args:
        rows: the simultaneous measures, those of parts with signatures first.
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.

    Raises:
        MusicError: there are too many bars or notes.
    """
    signs = [first_signs(row) for row in rows]
    lengths = [round(quarters_of(row) * grid) for row in rows]
    order = [place for place in played(signs) if lengths[place]]
    num_notes = sum(len(measure.notes) for place in order for measure in rows[place])
    if num_notes > MAX_NOTES:  # repeats multiply them
        raise too_many_notes(num_notes)
    found = [
        FoundBar(lengths[place], rows[place][0].bar, _slack(rows[place], lengths[place], grid) if ends else None)
        for place, ends in zip(order, _section_ends(rows, signs, order), strict=True)
    ]
    bars = regular(found, grid)
    counts[notices.STRETCHED] += bars.num_stretched
    counts[notices.JOINED] += bars.num_joined
    spots = [Spot(place, start) for place, start in zip(order, bars.starts, strict=True)]
    for number, (spot, following) in enumerate(pairwise(spots)):
        if following.start < spot.start + lengths[spot.place]:
            spots[number] = spot._replace(limit=following.start)
    return bars, spots


def _section_ends(rows: Sequence[Sequence[Measure]], signs: Sequence[Signs], order: Sequence[int]) -> list[bool]:
    """Return whether a section ends with each measure in the order of playing."""
    return [
        after is not None
        and (
            after != place + 1
            or signs[place].passes > 0
            or signs[after].starts
            or bool(signs[place].endings) > bool(signs[after].endings)
            or any(measure.ends_section for measure in rows[place])
        )
        for place, after in zip_longest(order, order[1:])
    ]


def _slack(row: Iterable[Measure], num_steps: int, grid: int) -> int:
    """Return by how many steps a measure may be shortened, so that its last notes keep at least a sixteenth."""
    last = max((note.offset for measure in row for note in measure.notes), default=0.0)
    return max(0, num_steps - round(last * grid) - grid // 4)
