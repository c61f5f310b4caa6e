"""MIDI files -> the content of their tracks; RIFF files that hold one (.rmi) are unpacked."""

import struct
from collections.abc import Iterator

from seqgen.errors import MusicError
from seqgen.music.limits import MAX_SILENT_TRACKS, too_many_tracks

_HEADER = struct.Struct(">4sIHHH")
_CHUNK = struct.Struct(">4sI")
_RIFF = struct.Struct("<4sI")
_RIFF_START = 12  # bytes: RIFF, a size, RMID
_SMPTE = 0x8000


def tracks_of(data: bytes) -> tuple[int, list[bytes]]:
    """Return the number of ticks per quarter note, and the content of each track.

    Raises:
        MusicError: the file is empty, not MIDI, truncated, or of an unsupported kind.
    """
    if not data:
        raise MusicError("empty file", "is empty")
    if data[:4] == b"RIFF" and data[8:_RIFF_START] == b"RMID":
        data = next((content for name, content in _chunks(data, _RIFF_START, _RIFF) if name == b"data"), b"")
    if len(data) < _HEADER.size or not data.startswith(b"MThd"):
        raise MusicError("file that is no MIDI", "is not a MIDI file, despite its suffix: it does not begin with MThd")
    _, size, kind, num_tracks, division = _HEADER.unpack_from(data)
    if division & _SMPTE:
        raise MusicError(
            "MIDI timed in frames",
            "counts time in film frames (SMPTE) instead of quarter notes, so it has no bars: export it again with bars",
        )
    if not division:
        raise MusicError("damaged file", "is damaged: its quarter notes have no ticks")
    if kind == 2:
        raise MusicError("MIDI of format 2", "is a collection of patterns (MIDI of format 2): export it as format 1")
    if num_tracks > MAX_SILENT_TRACKS:
        raise too_many_tracks(num_tracks)
    tracks = [content for name, content in _chunks(data, _CHUNK.size + size, _CHUNK) if name == b"MTrk"]
    if len(tracks) < num_tracks:
        raise _cut_short(f"it has {len(tracks)} of {num_tracks} tracks")
    return division, tracks[:num_tracks]


def _chunks(data: bytes, place: int, header: struct.Struct) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk from an offset on."""
    while place + header.size <= len(data):
        name, size = header.unpack_from(data, place)
        place += header.size
        if name in (b"MTrk", b"data") and place + size > len(data):
            raise _cut_short(f"it has {len(data) - place:,} of {size:,} bytes of a track")
        yield name, data[place : place + size]
        place += size + (size % 2 if header is _RIFF else 0)


def _cut_short(what: str) -> MusicError:
    return MusicError("file cut short", f"is cut short: {what}")
