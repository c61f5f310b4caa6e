"""MIDI files -> scores."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from seqgen.music import notices
from seqgen.music.bars import regular
from seqgen.music.limits import MAX_TRACKS, too_many_instruments
from seqgen.music.midi_bars import bars_of, step_of
from seqgen.music.midi_events import Ticks
from seqgen.music.midi_notes import NoteArrays
from seqgen.music.midi_parser import ParsedMidi, Part, parsed
from seqgen.music.score import Note, Score
from seqgen.music.tempos import tempo_map

_NEAR = 32  # of these parts of a quarter note
_MIN_PERFORMED = 16  # notes


def score_of(data: bytes, grid: int, *, pedal: bool = False) -> tuple[Score, Counter[str]]:
    """Return the score of a MIDI file, and how often each change was made on reading it.

    Every program of every channel is a track. Whole bars of silence before the first note are omitted.

    Raises:
        MusicError: the file is damaged, has no notes, is timed in frames, or is too long.
    """
    counts = Counter[str]()
    midi = parsed(data, counts, pedal=pedal)
    parts = [(part, _notes(part.notes, midi.tpq, grid, counts)) for part in midi.parts]
    end = max(note.end for _, notes in parts for note in notes)
    bars, pickup, (missing, *_), *_ = regular(bars_of(midi, end, grid, counts), grid)
    tracks = []
    for part, notes in _merged(parts, counts):
        late = [note._replace(onset=note.onset + missing) for note in notes] if missing else notes
        tracks.append(notices.track(late, part.name, part.program, counts, is_drum=part.is_drum))
    score = Score(bars, tuple(tracks), pickup, tempo_map(_tempos(midi, end, missing, grid), counts), grid)
    if _is_performance(midi):
        counts[notices.PERFORMANCE] += 1
        counts[notices.PERFORMED] += sum(len(part.notes.onsets) for part in midi.parts)
        counts[notices.PERFORMED_QUANTIZED] += counts.pop(notices.QUANTIZED, 0)
    first = bisect_right(score.bar_starts, min(track.notes[0].onset for track in tracks)) - 1
    return score[first:] if first else score, +counts


def _merged(parts: Sequence[tuple[Part, list[Note]]], counts: Counter[str]) -> list[tuple[Part, list[Note]]]:
    """Return the parts; if there are too many, those of the same instrument become one.

    Raises:
        MusicError: there are still too many.
    """
    if len(parts) <= MAX_TRACKS:
        return list(parts)
    merged: dict[tuple[int, bool], tuple[Part, list[Note]]] = {}
    for part, notes in parts:
        key = (0, True) if part.is_drum else (part.program, False)
        merged.setdefault(key, (part, []))[1].extend(notes)
    if len(merged) > MAX_TRACKS:
        raise too_many_instruments(len(merged))
    counts[notices.MERGED] += len(parts) - len(merged)
    return list(merged.values())


def _is_performance(midi: ParsedMidi) -> bool:
    """Return whether a file is a recording without a metre.

    It has one tempo, no time signature other than the default, and most of its notes begin far from all sixteenths and
    eighth triplets.
    """
    if len({tempo for _, tempo in midi.tempos}) > 1 or any(metre[1:] != (4, 4) for metre in midi.metres):
        return False
    onsets = np.concatenate([part.notes.onsets for part in midi.parts])
    is_on_beat = _is_on_beat(onsets, midi.tpq, midi.tpq / _NEAR)
    return len(onsets) >= _MIN_PERFORMED and 2 * int(is_on_beat.sum()) < len(onsets)


def _notes(arrays: NoteArrays, tpq: int, grid: int, counts: Counter[str]) -> list[Note]:
    """Return the notes of a track, quantized to the grid.

    Notation programs export notes slightly shorter than written, typically at 95 %, which would leave a tiny rest after
    each of them. An end is therefore moved to the next onset in its track or the next eighth, whichever comes first, if
    the gap is at most one eighth of note and gap together. An end on a sixteenth or on an eighth triplet is not moved:
    the rest after it was written. Staccato leaves a larger gap.
    """
    starts, ends = arrays.onsets * grid, arrays.ends * grid  # in units of 1 / `tpq` steps
    onsets, stops = _rounded(starts, tpq), _rounded(ends, tpq)
    targets = _targets(onsets, ends, tpq, grid)
    gaps, written = targets * tpq - ends, (targets - onsets) * tpq
    stops = np.where((8 * gaps <= written) & ~_is_on_beat(ends, grid * tpq, tpq / 16), targets, stops)
    is_closed = (stops == targets) & (gaps > 0)
    counts[notices.CLOSED] += int(is_closed.sum())
    counts[notices.QUANTIZED] += int(((starts % tpq != 0) | ((ends % tpq != 0) & ~is_closed)).sum())
    counts[notices.LENGTHENED] += int((stops <= onsets).sum())
    durations = np.maximum(stops - onsets, 1)
    columns = (onsets, durations, arrays.pitches, arrays.velocities)
    return [Note(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]


def _rounded(times: Ticks, step: int) -> Ticks:
    return (2 * times + step) // (2 * step)


def _targets(onsets: Ticks, ends: Ticks, step: int, grid: int) -> Ticks:
    """Return the step at which each note would end without a gap after it."""
    half = grid // 2 if grid % 2 == 0 else grid
    halves = -(-ends // (half * step)) * half
    begun = np.unique(onsets)
    following = np.searchsorted(begun * step, ends)
    next_onsets = np.append(begun, np.iinfo(np.int64).max)[following]
    targets: Ticks = np.minimum(halves, next_onsets)
    return targets


def _is_on_beat(times: Ticks, quarter: int, tolerance: float) -> npt.NDArray[np.bool_]:
    """Return which times are on a sixteenth or an eighth triplet."""
    after = np.multiply.outer((3, 4), times) % quarter
    distances = np.minimum(after, quarter - after) / [[3], [4]]
    is_on_beat: npt.NDArray[np.bool_] = (distances <= tolerance).any(axis=0)
    return is_on_beat


def _tempos(midi: ParsedMidi, end: int, missing: int, grid: int) -> Iterator[tuple[int, float]]:
    """Yield the changes of tempo up to a step; those at the beginning apply from step 0, before a pickup."""
    for tick, quarters_per_minute in midi.tempos:
        step = step_of(tick, midi.tpq, grid)
        if step < end:
            yield step + missing if step else 0, quarters_per_minute
