"""The sustain pedal and the pitch bend of a MIDI file."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqgen.music.midi_events import FIRST, SECOND, STATUS, TICK, Ticks, TrackEvents
from seqgen.music.midi_notes import NoteArrays

_SUSTAIN = 64  # controller
_PRESSED = 64  # its value from which the pedal is down
_NO_BEND = 1 << 13
_LARGE_BEND = 1 << 11  # half a semitone at the default range

Channel = tuple[int, int]  # port and channel


class Spans(NamedTuple):
    """Spans of time in ticks, in ascending order; the last may lack its stop."""

    starts: Ticks
    stops: Ticks


def pedal_spans(tracks: Iterable[tuple[int, TrackEvents]]) -> dict[Channel, Spans]:
    """Return when the sustain pedal of each channel is down.

    Args:
        tracks: the port of each track with its events; tracks may share a channel.
    """
    found: dict[Channel, list[Ticks]] = {}
    for port, events in tracks:
        statuses = events.rows[:, STATUS]
        rows = events.rows[(statuses >> 4 == 0xB) & (events.rows[:, FIRST] == _SUSTAIN)]
        for status in np.unique(rows[:, STATUS]).tolist():
            found.setdefault((port, status & 0xF), []).append(rows[rows[:, STATUS] == status])
    spans = {}
    for channel, parts in found.items():
        rows = np.concatenate(parts)
        rows = rows[np.argsort(rows[:, TICK], kind="stable")]
        spans[channel] = _spans(rows[:, TICK], rows[:, SECOND] >= _PRESSED)
    return spans


def num_large_bends(events: TrackEvents) -> int:
    """Return how often the pitch of a channel is bent far."""
    rows = events.rows[events.rows[:, STATUS] >> 4 == 0xE]
    is_large = abs((rows[:, SECOND] << 7 | rows[:, FIRST]) - _NO_BEND) >= _LARGE_BEND
    channels = [rows[:, STATUS] == status for status in np.unique(rows[:, STATUS])]
    return sum(len(_spans(rows[channel, TICK], is_large[channel]).starts) for channel in channels)


def sustained(notes: NoteArrays, pedal: Spans) -> NoteArrays:
    """Return notes that last until the pedal is released or their pitch is struck again.

    A pedal that is pressed when a note ends sustains it, one that is released then does not.

    Args:
        notes: of a channel.
        pedal: when it is down; without a last stop, until the last of the notes ends.
    """
    if not len(pedal.starts):
        return notes
    stops = np.append(pedal.stops, notes.ends.max())[: len(pedal.starts)]
    place = np.searchsorted(pedal.starts, notes.ends, side="right") - 1
    ends = np.where(place >= 0, np.maximum(stops[place], notes.ends), notes.ends)
    order = np.lexsort((notes.onsets, notes.pitches))
    before, after = order[:-1], order[1:]
    is_struck = notes.pitches[before] == notes.pitches[after]
    before, after = before[is_struck], after[is_struck]
    ends[before] = np.minimum(ends[before], np.maximum(notes.onsets[after], notes.ends[before]))
    return notes._replace(ends=ends)


def _spans(ticks: Ticks, is_on: npt.NDArray[np.bool_]) -> Spans:
    """Return when a controller is on, given its state from each of several times on."""
    changes = np.diff(is_on.astype(np.int8), prepend=0)
    return Spans(ticks[changes > 0], ticks[changes < 0])
