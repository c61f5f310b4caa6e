"""MIDI files -> scores."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from seqgen.music import notices
from seqgen.music.bars import FoundBar, fits, of_length, regular
from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.midi_parser import NoteArrays, Ticks, parsed
from seqgen.music.score import MAX_SHARPS, Bar, Note, Score
from seqgen.music.tempos import tempo_map

_MAX_NAME = 100
_MODES = (0, 1)


def score_of(data: bytes, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a MIDI file, and how often each change was made on reading it.

    Every program of every channel is a track. Whole bars of silence before the first note are omitted.

    Raises:
        MusicError: the file is damaged, has no notes, is timed in frames, or is too long.
    """
    counts = Counter[str]()
    midi, lines = parsed(data, counts)
    parts = [
        (track, _notes(line, midi.tpq, grid, counts))
        for track, line in zip(midi.tracks, lines, strict=True)
        if len(line.onsets)
    ]
    end = max(note.end for _, notes in parts for note in notes)
    bars, pickup, (missing, *_), _ = regular(_bars(midi, end, grid, counts), grid)
    tracks = []
    for track, notes in parts:
        late = [note._replace(onset=note.onset + missing) for note in notes] if missing else notes
        name = " ".join(track.name.replace("\ufffd", "?").split())[:_MAX_NAME]
        tracks.append(notices.track(late, name, track.program, counts, is_drum=track.is_drum))
    score = Score(bars, tuple(tracks), pickup, tempo_map(_tempos(midi, end, missing, grid), counts), grid)
    first = bisect_right(score.bar_starts, min(track.notes[0].onset for track in tracks)) - 1
    return score[first:] if first else score, +counts


def _notes(line: NoteArrays, tpq: int, grid: int, counts: Counter[str]) -> list[Note]:
    """Return the notes of a track, quantized to the grid.

    Notation programs export notes slightly shorter than written, typically at 95 %, which would leave a tiny rest after
    each of them. An end is therefore moved to the next onset in its track or the next eighth, whichever comes first, if
    the gap is at most one eighth of note and gap together. An end on a sixteenth or on an eighth triplet is not moved:
    the rest after it was written. Staccato leaves a larger gap.
    """
    starts, ends = line.onsets * grid, (line.onsets + line.durations) * grid  # in units of 1 / `tpq` steps
    onsets, stops = _rounded(starts, tpq), _rounded(ends, tpq)
    targets = _targets(onsets, ends, tpq, grid)
    gaps, written = targets * tpq - ends, (targets - onsets) * tpq
    stops = np.where((8 * gaps <= written) & ~_is_on_beat(ends, grid * tpq, tpq), targets, stops)
    is_closed = (stops == targets) & (gaps > 0)
    counts[notices.CLOSED] += int(is_closed.sum())
    counts[notices.QUANTIZED] += int(((starts % tpq != 0) | ((ends % tpq != 0) & ~is_closed)).sum())
    counts[notices.LENGTHENED] += int((stops <= onsets).sum())
    durations = np.maximum(stops - onsets, 1)
    columns = (onsets, durations, line.pitches, line.velocities)
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


def _is_on_beat(ends: Ticks, quarter: int, step: int) -> npt.NDArray[np.bool_]:
    """Return which ends are on a sixteenth or an eighth triplet, within a sixteenth of a step."""
    after = np.multiply.outer((3, 4), ends) % quarter
    distances = np.minimum(after, quarter - after) / [[3], [4]]
    is_on_beat: npt.NDArray[np.bool_] = (16 * distances <= step).any(axis=0)
    return is_on_beat


def _bars(midi: Any, end: int, grid: int, counts: Counter[str]) -> list[FoundBar]:
    """Return the bars up to a step; a bar within which the time signature changes is divided.

    A change where no bar can end is moved to the next bar line. A first bar with a shorter time signature of its own is
    a pickup.
    """
    metres = [change for change in _metres(midi, grid, counts) if change[0] < end]
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
        if following and not found and num_whole == 1 and not cut and whole < following.num_steps(grid):
            found.append(FoundBar(whole, following))
        else:
            found += [FoundBar(whole, metre)] * num_whole
        if cut:
            found.append(FoundBar(rest, metre))
        place += num_whole * whole + (rest if cut else 0)
    return _with_keys(found, midi, grid)


def _metres(midi: Any, grid: int, counts: Counter[str]) -> Iterator[tuple[int, Bar]]:
    """Yield the step from which each time signature applies; the last of several at one step counts."""
    changes: dict[int, Bar] = {0: Bar()}
    for signature in midi.time_signatures:
        bar = Bar(signature.numerator, signature.denominator)
        if fits(bar, grid):
            changes[_step(signature.time, midi.tpq, grid)] = bar
        else:
            counts[notices.METRE] += 1
    before = None
    for step, bar in sorted(changes.items()):
        if bar != before:
            yield step, bar
        before = bar


def _with_keys(found: Sequence[FoundBar], midi: Any, grid: int) -> list[FoundBar]:
    """Return the bars with the key signatures that apply at their beginnings."""
    keys = {
        _step(key.time, midi.tpq, grid): key.key
        for key in midi.key_signatures
        if abs(key.key) <= MAX_SHARPS and key.tonality in _MODES
    }
    steps = sorted(keys)
    starts = accumulate((bar.num_steps for bar in found), initial=0)
    keyed = []
    for (num_steps, bar), start in zip(found, starts, strict=False):
        place = bisect_right(steps, start) - 1
        keyed.append(FoundBar(num_steps, bar._replace(sharps=keys[steps[place]] if place >= 0 else 0)))
    return keyed


def _tempos(midi: Any, end: int, missing: int, grid: int) -> Iterator[tuple[int, float]]:
    """Yield the changes of tempo up to a step; those at the beginning apply from step 0, before a pickup."""
    for tempo in midi.tempos:
        step = _step(tempo.time, midi.tpq, grid)
        if step < end:
            yield step + missing if step else 0, tempo.qpm


def _step(ticks: int, tpq: int, grid: int) -> int:
    return (2 * ticks * grid + tpq) // (2 * tpq)
