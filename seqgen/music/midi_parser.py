"""MIDI files -> arrays of notes: the bytes are checked, and parsed by symusic."""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.limits import MAX_NOTES, MAX_SILENT_TRACKS, MAX_TRACKS, endless, too_many_notes, too_many_tracks
from seqgen.music.score import NUM_PITCHES

_MAX_HANGING_QUARTERS = 4
_HEADER = struct.Struct(">4sIHHH")
_CHUNK = struct.Struct(">4sI")
_SMPTE = 0x8000
_END_OF_TRACK = b"\xff\x2f\x00"
_ALL_NOTES_OFF = b"".join(  # each with a delta time of 0
    bytes([0, 0x80 | channel]) + b"\0".join(bytes([pitch, 0]) for pitch in range(NUM_PITCHES)) for channel in range(16)
)
_PADDING = bytes(8)  # if a meta event lacks its data, symusic reads slightly beyond the end

Ticks = npt.NDArray[np.int64]


class NoteArrays(NamedTuple):
    """The notes of a track as arrays; times are in ticks."""

    onsets: Ticks
    durations: Ticks
    pitches: Ticks
    velocities: Ticks


def parsed(data: bytes, counts: Counter[str]) -> tuple[Any, list[NoteArrays]]:
    """Return symusic's score, and the notes of each of its tracks.

    symusic drops notes that are never switched off. The file is therefore parsed again with all notes switched off at
    the end of each track; a note found only then is kept, but lasts a whole note at most.

    Raises:
        MusicError: the file is unusable.
    """
    division, tracks = _checked(data)
    midi = _parse(division, tracks)
    closed = _parse(division, [_switched_off(track) for track in tracks])
    _check_size(closed)
    num_hanging = closed.note_num() - midi.note_num()
    lines = [_line(track) for track in midi.tracks]
    if num_hanging:
        counts[notices.HANGING] += num_hanging
        lines = _shortened(lines, [_line(track) for track in closed.tracks], _MAX_HANGING_QUARTERS * midi.tpq)
        midi = closed
    if any((line.onsets < 0).any() or (line.durations < 0).any() for line in lines):
        raise endless()  # its times overflow 31 bits
    return midi, lines


def _checked(data: bytes) -> tuple[int, list[bytes]]:
    """Return the division and the content of each track.

    Raises:
        MusicError: the file is empty, not MIDI, truncated, or of an unsupported kind.
    """
    if not data:
        raise MusicError("empty file", "is empty")
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
    tracks = [content for name, content in _chunks(data, _CHUNK.size + size) if name == b"MTrk"]
    if len(tracks) < num_tracks:
        raise _cut_short(f"it has {len(tracks)} of {num_tracks} tracks")
    return division, tracks[:num_tracks]


def _chunks(data: bytes, place: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk from an offset on."""
    while place + _CHUNK.size <= len(data):
        name, size = _CHUNK.unpack_from(data, place)
        place += _CHUNK.size
        if name == b"MTrk" and place + size > len(data):
            raise _cut_short(f"it has {len(data) - place:,} of {size:,} bytes of a track")
        yield name, data[place : place + size]
        place += size


def _cut_short(what: str) -> MusicError:
    return MusicError("file cut short", f"is cut short: {what}")


def _parse(division: int, tracks: Sequence[bytes]) -> Any:
    """Parse the tracks with symusic, without anything else that is in the file."""
    from symusic import Score

    header = _HEADER.pack(b"MThd", _HEADER.size - _CHUNK.size, 1, len(tracks), division)
    chunks = [_CHUNK.pack(b"MTrk", len(track)) + track for track in tracks]
    try:
        return Score.from_midi(b"".join([header, *chunks, _PADDING]))
    except (RuntimeError, ValueError) as error:
        raise MusicError("damaged file", "is damaged: its events are invalid, or it is cut short") from error


def _check_size(midi: Any) -> None:
    """Reject a file without notes, or with too many notes or tracks."""
    if not midi.note_num():
        raise MusicError("file without notes", "holds no notes")
    if midi.note_num() > MAX_NOTES:
        raise too_many_notes(midi.note_num())
    num_tracks = sum(len(track.notes) > 0 for track in midi.tracks)
    if num_tracks > MAX_TRACKS:
        raise too_many_tracks(num_tracks)


def _switched_off(track: bytes) -> bytes:
    """Return the content of a track with all notes switched off at its end."""
    if track.endswith(_END_OF_TRACK):  # its delta time goes to the first note off
        track = track[: -len(_END_OF_TRACK)] + _ALL_NOTES_OFF[1:]
    else:
        track += _ALL_NOTES_OFF
    return track + b"\0" + _END_OF_TRACK


def _line(track: Any) -> NoteArrays:
    notes = track.notes.numpy()
    return NoteArrays(*(notes[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")))


def _shortened(lines: list[NoteArrays], closed: list[NoteArrays], max_duration: int) -> list[NoteArrays]:
    """Return the notes of `closed`, limiting the duration of those that `lines` lacks."""
    known = Counter(note for line in lines for note in zip(*line, strict=True))
    shortened = []
    for line in closed:
        durations = line.durations.copy()
        for place, note in enumerate(zip(*line, strict=True)):
            if not known[note]:
                durations[place] = min(durations[place], max_duration)
            known[note] -= 1
        shortened.append(line._replace(durations=durations))
    return shortened
