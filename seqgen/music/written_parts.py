"""Written measures -> scores: parts are aligned, repeats expanded, ties joined."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.chord_symbols import chord_track, pitches
from seqgen.music.limits import MAX_BARS, MAX_TRACKS, endless, too_many_tracks
from seqgen.music.measures import Measure, WrittenNote, WrittenPart, first_tempos, rows_of
from seqgen.music.played_measures import Spot, played_measures
from seqgen.music.score import NUM_PITCHES, Bar, Note, Score, Track
from seqgen.music.tempos import tempo_map

_EXACT = 1e-4  # steps; music21 represents some times as binary fractions


def score_from_parts(parts: Iterable[WrittenPart], grid: int, counts: Counter[str], *, chords: bool = False) -> Score:
    """Return the score of simultaneous parts.

    The first pitched part that has them determines signatures and repeats.

    Args:
        parts: from the top of the page down.
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.
        chords: whether chord symbols become a track.

    Raises:
        MusicError: there are no notes, or too many bars, notes or parts.
    """
    parts = list(parts)
    rows = rows_of([part.measures for part in sorted(parts, key=lambda part: part.is_drum)])
    found, spots = played_measures(rows, grid, counts)
    tracks = [track for part in parts if (track := _track(part, spots, grid, counts)).notes]
    if not tracks:
        raise MusicError("file without notes", "holds no notes")
    if len(tracks) + chords > MAX_TRACKS:
        raise too_many_tracks(len(tracks) + chords, MAX_TRACKS)
    bars = _extended(found.bars, tracks, grid)
    _count_symbols(rows, counts, chords=chords)
    if chords:
        symbols = _symbols(rows, spots, grid)
        track = chord_track(symbols, sum(bar.num_steps(grid) for bar in bars))
        tracks += [track] if track.notes else []
    return Score(bars, tuple(tracks), found.pickup, tempo_map(_tempos(rows, spots, grid), counts), grid)


def _track(part: WrittenPart, spots: Sequence[Spot], grid: int, counts: Counter[str]) -> Track:
    """Return the notes of a part in the order of playing.

    Args:
        part: the part as written.
        spots: of the measures in the order of playing.
        grid: steps per quarter note.
        counts: updated with the number of changes of each kind.
    """
    notes: list[Note] = []
    tied: dict[tuple[int, int], list[int]] = {}  # pitch and end -> indices of the notes that are tied to the next
    for place, start, limit in spots:
        for written in sorted(part.measures[place].notes) if place < len(part.measures) else ():
            note = _quantized(written, start, grid, counts)
            if note.end > limit:
                note = note._replace(duration=int(limit) - note.onset)
            if before := tied.get((note.pitch, note.onset)):
                index = before.pop()
                notes[index] = notes[index]._replace(duration=note.end - notes[index].onset)
            elif 0 <= note.pitch < NUM_PITCHES:
                index = len(notes)
                notes.append(note)
            else:
                counts[notices.BEYOND] += 1
                continue
            if written.ties:
                tied.setdefault((note.pitch, note.end), []).append(index)
    return notices.track(notes, part.name, part.program, counts, is_drum=part.is_drum)


def _quantized(written: WrittenNote, start: int, grid: int, counts: Counter[str]) -> Note:
    begin, end = written.offset * grid, (written.offset + written.duration) * grid
    onset, stop = round(begin), round(end)
    counts[notices.QUANTIZED] += abs(begin - onset) > _EXACT or abs(end - stop) > _EXACT
    counts[notices.LENGTHENED] += stop <= onset
    return Note(start + onset, max(1, stop - onset), written.pitch)


def _tempos(rows: Sequence[Sequence[Measure]], spots: Sequence[Spot], grid: int) -> Iterator[tuple[int, float]]:
    """Yield the changes of tempo; those at the beginning apply from step 0, before a pickup."""
    begin = spots[0].start
    for place, start, _ in spots:
        for offset, tempo in first_tempos(rows[place]):
            step = start + round(offset * grid)
            yield step if step > begin else 0, tempo


def _count_symbols(rows: Sequence[Sequence[Measure]], counts: Counter[str], *, chords: bool) -> None:
    """Count the chord symbols that are omitted."""
    symbols = [symbol for row in rows for measure in row for _, symbol in measure.symbols]
    counts[notices.CHORD_SYMBOL] += 0 if chords else len(symbols)
    counts[notices.UNKNOWN_CHORD] += sum(pitches(symbol) is None for symbol in symbols) if chords else 0


def _symbols(rows: Sequence[Sequence[Measure]], spots: Sequence[Spot], grid: int) -> Iterator[tuple[int, str]]:
    """Yield the chord symbols of all parts in the order of playing, with their steps."""
    for place, start, _ in spots:
        for measure in rows[place]:
            yield from ((start + round(offset * grid), symbol) for offset, symbol in measure.symbols)


def _extended(bars: tuple[Bar, ...], tracks: Iterable[Track], grid: int) -> tuple[Bar, ...]:
    """Return the bars, extended to the end of the last notes."""
    lacking = max(note.end for track in tracks for note in track.notes) - sum(bar.num_steps(grid) for bar in bars)
    more = -(-lacking // bars[-1].num_steps(grid)) if lacking > 0 else 0
    if len(bars) + more > MAX_BARS:
        raise endless()
    return bars + bars[-1:] * more
