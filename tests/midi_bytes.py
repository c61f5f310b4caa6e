"""MIDI files written byte by byte, so that tests do not depend on a library."""

import struct
from collections.abc import Sequence
from itertools import pairwise

TICKS = 480  # a quarter

Event = tuple[int, bytes]  # at a tick


def number(value: int) -> bytes:
    """Return a number in variable-length encoding."""
    digits = [value & 127]
    while value := value >> 7:
        digits.append(128 | value & 127)
    return bytes(reversed(digits))


def note(start: float, end: float, pitch: int, channel: int = 0, velocity: int = 80) -> list[Event]:
    """Return the two events of a note; times are in quarter notes."""
    return [
        (round(start * TICKS), bytes([0x90 | channel, pitch, velocity])),
        (round(end * TICKS), bytes([0x80 | channel, pitch, 0])),
    ]


def meta(quarter: float, kind: int, data: bytes) -> list[Event]:
    return [(round(quarter * TICKS), bytes([0xFF, kind]) + number(len(data)) + data)]


def metre(quarter: float, numerator: int, log_denominator: int) -> list[Event]:
    return meta(quarter, 0x58, bytes([numerator, log_denominator, 24, 8]))


def chunk(content: bytes, name: bytes = b"MTrk") -> bytes:
    return name + struct.pack(">I", len(content)) + content


def track(events: Sequence[Event]) -> bytes:
    """Return a track; at equal ticks, notes end before others begin."""
    ordered = sorted(events, key=lambda event: (event[0], event[1][0] >> 4 == 9))
    times = [0, *(time for time, _ in ordered)]
    deltas = (after - before for before, after in pairwise(times))
    content = b"".join(number(delta) + data for delta, (_, data) in zip(deltas, ordered, strict=True))
    return chunk(content + b"\0\xff\x2f\0")


def midi(*tracks: bytes, kind: int = 1, division: int = TICKS, num_tracks: int | None = None) -> bytes:
    """Return a file of these tracks."""
    count = len(tracks) if num_tracks is None else num_tracks
    return b"MThd" + struct.pack(">IHHH", 6, kind, count, division) + b"".join(tracks)


def melody(*notes: tuple[float, float, int]) -> bytes:
    """Return a file of one track of notes, given as start, end and pitch."""
    return midi(track([event for single in notes for event in note(*single)]))


def riff(data: bytes) -> bytes:
    """Return a file in a RIFF container, after a chunk of odd size."""
    content = b"RMID" + b"DISP\3\0\0\0abc\0" + b"data" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(content)) + content
