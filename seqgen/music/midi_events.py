"""The content of a MIDI track -> its events as an array, compiled by numba."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqgen.compiled import compiled
from seqgen.errors import MusicError
from seqgen.music.limits import MAX_EVENTS, too_many_events

META = 0x100  # plus the type of a meta event
END_OF_TRACK = META + 0x2F
TICK, STATUS, FIRST, SECOND = range(4)  # the columns of an array of events

_NUM_BYTES = 4  # of a number, at most

Ticks = npt.NDArray[np.int64]


class TrackEvents(NamedTuple):
    """The events of a track.

    Attributes:
        content: the bytes of the track.
        rows: a row per event, without system messages; shape (events, 4). The columns are the time in ticks, the
            status, and two data bytes; for a meta event `META` plus its type, and the place and length of its data.
        end: the time at which the track ends, in ticks.
    """

    content: bytes
    rows: Ticks
    end: int

    def metas(self, kind: int) -> Iterator[tuple[int, bytes]]:
        """Yield the time and the data of each meta event of a type."""
        for tick, _, place, size in self.rows[self.rows[:, STATUS] == META + kind].tolist():
            yield tick, self.content[place : place + size]


def events_of(tracks: Sequence[bytes]) -> list[TrackEvents]:
    """Return the events of each track.

    Raises:
        MusicError: an event is invalid or incomplete, or there are too many.
    """
    arrays = [np.frombuffer(track, np.uint8) for track in tracks]
    nothing = np.empty((0, 4), np.int64)
    sizes = [_scan(array, nothing)[0] for array in arrays]
    if min(sizes, default=0) < 0:
        raise MusicError("damaged file", "is damaged: its events are invalid, or it is cut short")
    if sum(sizes) > MAX_EVENTS:
        raise too_many_events(sum(sizes))
    found = []
    for track, array, size in zip(tracks, arrays, sizes, strict=True):
        rows = np.empty((size, 4), np.int64)
        _, end = _scan(array, rows)
        found.append(TrackEvents(track, rows, end))
    return found


@compiled()
def _scan(data: npt.NDArray[np.uint8], rows: Ticks) -> tuple[int, int]:
    """Write as many events as there are rows; return the number of all, or -1 if one is invalid, and the last tick."""
    place = tick = running = num_events = 0
    while place < data.size:
        delta, place = _number(data, place)
        if delta < 0:
            return -1, tick
        tick += delta
        status, first, second, place = _event(data, place, running)
        if status < 0:
            return -1, tick
        if status == END_OF_TRACK:
            break
        if status < 0xF0:
            running = status
        if status < 0xF0 or status >= META:
            if num_events < len(rows):
                rows[num_events, TICK] = tick
                rows[num_events, STATUS] = status
                rows[num_events, FIRST] = first
                rows[num_events, SECOND] = second
            num_events += 1
    return num_events, tick


@compiled()
def _event(data: npt.NDArray[np.uint8], place: int, running: int) -> tuple[int, int, int, int]:
    """Return status, first and second value of the event at a place, and the place after it; -1 if it is invalid.

    Args:
        data: the content of a track.
        place: behind the delta time of the event.
        running: the status of the event if its first byte is not one.
    """
    status = running
    if place < data.size and data[place] >= 0x80:
        status = int(data[place])
        place += 1
    if status == 0xFF and place < data.size:
        status = META + int(data[place])
        place += 1
    if status in (0xF0, 0xF7) or status >= META:
        size, place = _number(data, place)
        if size < 0 or place + size > data.size:
            return -1, 0, 0, place
        return status, place, size, place + size
    if status > 0xF0:  # a message of a live connection, which a file should not contain
        return status, 0, 0, place + (2 if status == 0xF2 else 1 if status in (0xF1, 0xF3) else 0)
    size = 1 if 0xC0 <= status < 0xE0 else 2
    if status == 0 or place + size > data.size or data[place] >= 0x80 or data[place + size - 1] >= 0x80:
        return -1, 0, 0, place
    return status, int(data[place]), int(data[place + size - 1]), place + size


@compiled()
def _number(data: npt.NDArray[np.uint8], place: int) -> tuple[int, int]:
    """Return the number of variable length at a place, and the place after it; -1 if it is incomplete or too long."""
    value = 0
    for following in range(place, min(place + _NUM_BYTES, data.size)):
        value = value << 7 | (int(data[following]) & 0x7F)
        if data[following] < 0x80:
            return value, following + 1
    return -1, place
