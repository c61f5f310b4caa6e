"""Written measures -> scores: parts are brought side by side, repeats played out, ties joined."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.bars import Found, regular
from seqgen.music.limits import MAX_BARS, MAX_TRACKS, endless, too_many_tracks
from seqgen.music.repeats import PLAIN, Signs, played
from seqgen.music.score import NUM_PITCHES, Bar, Note, Score, Track
from seqgen.music.tempos import tempo_map

_EXACT = 1e-4  # of a step; music21 has some times as binary fractions


class Written(NamedTuple):
    """A note in its measure; times are in quarters.

    Attributes:
        offset: from the measure's beginning.
        duration: until it ends, or is tied on.
        pitch: as it sounds.
        ties: whether it is tied to the next note, if that has its pitch and begins where it ends.
    """

    offset: float
    duration: float
    pitch: int
    ties: bool = False


@dataclass
class Measure:
    """A measure of one part, as it is written.

    Attributes:
        bar: the time and key signature, as they sound.
        quarters: its length.
        notes: in any order.
        tempos: pairs of offset and quarters a minute.
        signs: of repeats and the like.
    """

    bar: Bar
    quarters: float = 0.0
    notes: list[Written] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=list)
    signs: Signs = PLAIN


class Part(NamedTuple):
    """A part, as it is written."""

    measures: Sequence[Measure]
    name: str = ""
    program: int = 0
    is_drum: bool = False


def laid_out(parts: Iterable[Part], grid: int, counts: Counter[str]) -> Score:
    """Return the score of parts that are played together, measure by measure.

    A measure is as long as in the part in which it is longest; signatures and repeats are the first part's that has
    them. What is changed on the way is counted.

    Raises:
        MusicError: there are no notes, or too many bars or parts.
    """
    parts = list(parts)
    rows = [[measure for measure in row if measure] for row in zip_longest(*(part.measures for part in parts))]
    order = played([next((measure.signs for measure in row if measure.signs != PLAIN), PLAIN) for row in rows])
    lengths = [round(max(measure.quarters for measure in row) * grid) for row in rows]
    order = [place for place in order if lengths[place]]
    found = regular([Found(lengths[place], rows[place][0].bar) for place in order], grid)
    counts[notices.STRETCHED] += found.num_stretched
    spots = list(zip(order, found.starts, strict=True))
    tracks = [track for part in parts if (track := _track(part, spots, grid, counts)).notes]
    if not tracks:
        raise MusicError("file without notes", "holds no notes")
    if len(tracks) > MAX_TRACKS:
        raise too_many_tracks(len(tracks))
    bars = _long_enough(found.bars, tracks, grid)
    return Score(bars, tuple(tracks), found.pickup, tempo_map(_tempos(rows, spots, grid), counts), grid)


def _track(part: Part, spots: Sequence[tuple[int, int]], grid: int, counts: Counter[str]) -> Track:
    """Return a part's notes as they are played.

    Args:
        part: as it is written.
        spots: which measure is played, and at which step it begins.
        grid: steps a quarter.
        counts: what is changed.
    """
    notes: list[Note] = []
    held: dict[int, int] = {}  # pitch -> place of the note that is tied on
    for place, start in spots:
        for written in sorted(part.measures[place].notes) if place < len(part.measures) else ():
            note = _on_grid(written, start, grid, counts)
            before = held.pop(note.pitch, None)
            if before is not None and notes[before].end == note.onset:
                notes[before] = notes[before]._replace(duration=note.end - notes[before].onset)
            elif 0 <= note.pitch < NUM_PITCHES:
                before = len(notes)
                notes.append(note)
            else:
                counts[notices.BEYOND] += 1
            if written.ties and before is not None:
                held[note.pitch] = before
    return notices.track(notes, part.name, part.program, counts, is_drum=part.is_drum)


def _on_grid(written: Written, start: int, grid: int, counts: Counter[str]) -> Note:
    begin, end = written.offset * grid, (written.offset + written.duration) * grid
    onset, stop = round(begin), round(end)
    counts[notices.MOVED] += abs(begin - onset) > _EXACT or abs(end - stop) > _EXACT
    counts[notices.LENGTHENED] += stop <= onset
    return Note(start + onset, max(1, stop - onset), written.pitch)


def _tempos(
    rows: Sequence[Sequence[Measure]], spots: Sequence[tuple[int, int]], grid: int
) -> Iterator[tuple[int, float]]:
    """Yield the changes of tempo, those at the beginning from before a pickup on."""
    begin = spots[0][1]
    for place, start in spots:
        for offset, tempo in next((measure.tempos for measure in rows[place] if measure.tempos), ()):
            step = start + round(offset * grid)
            yield step if step > begin else 0, tempo


def _long_enough(bars: tuple[Bar, ...], tracks: Iterable[Track], grid: int) -> tuple[Bar, ...]:
    """Return the bars with as many more as the last notes need."""
    lacking = max(note.end for track in tracks for note in track.notes) - sum(bar.num_steps(grid) for bar in bars)
    more = -(-lacking // bars[-1].num_steps(grid)) if lacking > 0 else 0
    if len(bars) + more > MAX_BARS:
        raise endless()
    return bars + bars[-1:] * more
