"""Written measures -> scores: parts are aligned, repeats expanded, ties joined."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.bars import FoundBar, regular
from seqgen.music.limits import MAX_BARS, MAX_TRACKS, endless, too_many_tracks
from seqgen.music.repeats import PLAIN, Signs, played
from seqgen.music.score import NUM_PITCHES, Bar, Note, Score, Track
from seqgen.music.tempos import tempo_map

_EXACT = 1e-4  # steps; music21 represents some times as binary fractions


class WrittenNote(NamedTuple):
    """A note in its measure; times are in quarter notes.

    Attributes:
        offset: from the beginning of the measure.
        duration: until its end or its tie.
        pitch: as it sounds, MIDI number.
        ties: whether it is tied to the next note, if that has the same pitch and begins at its end.
    """

    offset: float
    duration: float
    pitch: int
    ties: bool = False


@dataclass
class Measure:
    """A written measure of one part.

    Attributes:
        bar: time and key signature at sounding pitch.
        quarters: length in quarter notes.
        notes: in any order.
        tempos: pairs of offset and quarter notes per minute.
        signs: repeat signs and jumps.
    """

    bar: Bar
    quarters: float = 0.0
    notes: list[WrittenNote] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=list)
    signs: Signs = PLAIN


class WrittenPart(NamedTuple):
    """A written part."""

    measures: Sequence[Measure]
    name: str = ""
    program: int = 0
    is_drum: bool = False


def score_from_parts(parts: Iterable[WrittenPart], grid: int, counts: Counter[str]) -> Score:
    """Return the score of simultaneous parts.

    The longest part determines the length of each measure, the first part that has them its signatures and repeats.

    Args:
        parts: from the top of the page down.
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.

    Raises:
        MusicError: there are no notes, or too many bars or parts.
    """
    parts = list(parts)
    rows = [[measure for measure in row if measure] for row in zip_longest(*(part.measures for part in parts))]
    order = played([next((measure.signs for measure in row if measure.signs != PLAIN), PLAIN) for row in rows])
    lengths = [round(max(measure.quarters for measure in row) * grid) for row in rows]
    order = [place for place in order if lengths[place]]
    found = regular([FoundBar(lengths[place], rows[place][0].bar) for place in order], grid)
    counts[notices.STRETCHED] += found.num_stretched
    spots = list(zip(order, found.starts, strict=True))
    tracks = [track for part in parts if (track := _track(part, spots, grid, counts)).notes]
    if not tracks:
        raise MusicError("file without notes", "holds no notes")
    if len(tracks) > MAX_TRACKS:
        raise too_many_tracks(len(tracks))
    bars = _extended(found.bars, tracks, grid)
    return Score(bars, tuple(tracks), found.pickup, tempo_map(_tempos(rows, spots, grid), counts), grid)


def _track(part: WrittenPart, spots: Sequence[tuple[int, int]], grid: int, counts: Counter[str]) -> Track:
    """Return the notes of a part in the order of playing.

    Args:
        part: the part as written.
        spots: the place of each measure that is played, and the step at which it begins.
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.
    """
    notes: list[Note] = []
    tied: dict[int, int] = {}  # pitch -> index of the note that is tied to the next
    for place, start in spots:
        for written in sorted(part.measures[place].notes) if place < len(part.measures) else ():
            note = _quantized(written, start, grid, counts)
            before = tied.pop(note.pitch, None)
            if before is not None and notes[before].end == note.onset:
                notes[before] = notes[before]._replace(duration=note.end - notes[before].onset)
            elif 0 <= note.pitch < NUM_PITCHES:
                before = len(notes)
                notes.append(note)
            else:
                counts[notices.BEYOND] += 1
            if written.ties and before is not None:
                tied[note.pitch] = before
    return notices.track(notes, part.name, part.program, counts, is_drum=part.is_drum)


def _quantized(written: WrittenNote, start: int, grid: int, counts: Counter[str]) -> Note:
    begin, end = written.offset * grid, (written.offset + written.duration) * grid
    onset, stop = round(begin), round(end)
    counts[notices.QUANTIZED] += abs(begin - onset) > _EXACT or abs(end - stop) > _EXACT
    counts[notices.LENGTHENED] += stop <= onset
    return Note(start + onset, max(1, stop - onset), written.pitch)


def _tempos(
    rows: Sequence[Sequence[Measure]], spots: Sequence[tuple[int, int]], grid: int
) -> Iterator[tuple[int, float]]:
    """Yield the changes of tempo; those at the beginning apply from step 0, before a pickup."""
    begin = spots[0][1]
    for place, start in spots:
        for offset, tempo in next((measure.tempos for measure in rows[place] if measure.tempos), ()):
            step = start + round(offset * grid)
            yield step if step > begin else 0, tempo


def _extended(bars: tuple[Bar, ...], tracks: Iterable[Track], grid: int) -> tuple[Bar, ...]:
    """Return the bars, extended to the end of the last notes."""
    lacking = max(note.end for track in tracks for note in track.notes) - sum(bar.num_steps(grid) for bar in bars)
    more = -(-lacking // bars[-1].num_steps(grid)) if lacking > 0 else 0
    if len(bars) + more > MAX_BARS:
        raise endless()
    return bars + bars[-1:] * more
