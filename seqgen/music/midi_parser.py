"""MIDI files -> parts of notes, and the changes of tempo, metre and key; times are in ticks."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.decoded_text import decoded_text
from seqgen.music.limits import (
    MAX_BARS,
    MAX_NOTES,
    MAX_NUMERATOR,
    MAX_SILENT_TRACKS,
    endless,
    too_many_notes,
    too_many_tracks,
)
from seqgen.music.midi_controllers import num_large_bends, pedal_spans, sustained
from seqgen.music.midi_events import TrackEvents, events_of
from seqgen.music.midi_file import tracks_of
from seqgen.music.midi_notes import NoteArrays, notes_of

_MAX_NAME = 100
_MAX_HANGING_QUARTERS = 4
_MAX_QUARTERS = MAX_BARS * 4 * MAX_NUMERATOR
_DRUM_CHANNEL = 9
_TEXT, _NAME, _LYRIC, _PORT, _TEMPO, _TIME, _KEY = 0x01, 0x03, 0x05, 0x21, 0x51, 0x58, 0x59  # types of meta events
_KARAOKE = b"@"  # begins the texts that are not sung


class Part(NamedTuple):
    """The notes of one program of one channel of a track."""

    name: str
    program: int
    is_drum: bool
    notes: NoteArrays


class TempoChange(NamedTuple):
    """A tempo, in quarter notes per minute."""

    tick: int
    quarters_per_minute: float


class MetreChange(NamedTuple):
    """A time signature."""

    tick: int
    numerator: int
    denominator: int


class KeyChange(NamedTuple):
    """A key signature."""

    tick: int
    sharps: int
    mode: int


class ParsedMidi(NamedTuple):
    """A MIDI file.

    Attributes:
        tpq: ticks per quarter note.
        parts: all that have notes.
        tempos: changes of tempo.
        metres: time signatures.
        keys: key signatures; of several at one time, the last counts.
    """

    tpq: int
    parts: list[Part]
    tempos: list[TempoChange]
    metres: list[MetreChange]
    keys: list[KeyChange]


def parsed(data: bytes, counts: Counter[str], *, pedal: bool = False) -> ParsedMidi:
    """Return the content of a MIDI file.

    Args:
        data: the file.
        counts: updated with what was omitted or changed.
        pedal: whether the sustain pedal extends notes.

    Raises:
        MusicError: the file is unusable.
    """
    tpq, contents = tracks_of(data)
    tracks = events_of(contents)
    if max((events.end for events in tracks), default=0) > _MAX_QUARTERS * tpq:
        raise endless()
    parts = _parts(tracks, tpq, counts, pedal=pedal)
    num_notes = sum(len(part.notes.onsets) for place in parts for part in place)
    if not num_notes:
        raise MusicError("file without notes", "holds no notes")
    if num_notes > MAX_NOTES:
        raise too_many_notes(num_notes)
    counts[notices.LYRIC] += _num_lyrics(tracks)
    counts[notices.BEND] += sum(map(num_large_bends, tracks))
    return ParsedMidi(
        tpq,
        [part for place in parts for part in place],
        [TempoChange(tick, _tempo(content)) for tick, content in _metas(tracks, _TEMPO, 3)],
        [MetreChange(tick, content[0], 1 << content[1]) for tick, content in _metas(tracks, _TIME, 2)],
        _keys(tracks, parts),
    )


def _parts(tracks: Sequence[TrackEvents], tpq: int, counts: Counter[str], *, pedal: bool) -> list[list[Part]]:
    """Return the parts of each track."""
    ports = [next((content[0] for _, content in _metas([events], _PORT, 1)), 0) for events in tracks]
    pedals = pedal_spans(zip(ports, tracks, strict=True))
    parts: list[list[Part]] = []
    used = set()
    num_parts = 0
    for port, events in zip(ports, tracks, strict=True):
        name = _name(events)
        found, num_hanging = notes_of(events, _MAX_HANGING_QUARTERS * tpq)
        counts[notices.HANGING] += num_hanging
        parts.append([])
        for channel, program, notes in found:
            used.add((port, channel))
            spans = pedals.get((port, channel)) if pedal else None
            parts[-1].append(Part(name, program, channel == _DRUM_CHANNEL, sustained(notes, spans) if spans else notes))
        num_parts += len(found)
        if num_parts > MAX_SILENT_TRACKS:
            raise too_many_tracks(num_parts)
    if not pedal:
        counts[notices.PEDAL] += sum(len(pedals[channel].starts) for channel in used & set(pedals))
    return parts


def _name(events: TrackEvents) -> str:
    """Return the first name of a track; it is Latin-1 if it is not UTF-8."""
    names = (_decoded(content) for _, content in events.metas(_NAME))
    return next(filter(None, names), "")


def _decoded(content: bytes) -> str:
    text = decoded_text(content)[:_MAX_NAME]
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())


def _metas(tracks: Sequence[TrackEvents], kind: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield the time and data of the meta events of a type in all tracks, except those with less data than a size."""
    for events in tracks:
        yield from ((tick, content) for tick, content in events.metas(kind) if len(content) >= size)


def _tempo(content: bytes) -> float:
    microseconds = int.from_bytes(content[:3], "big")
    return 6e7 / microseconds if microseconds else 0.0


def _keys(tracks: Sequence[TrackEvents], parts: Sequence[Sequence[Part]]) -> list[KeyChange]:
    """Return the key signatures: those of the first pitched track come last, those of drums first."""
    ranks = [2 if not place else 3 if any(not part.is_drum for part in place) else 1 for place in parts]
    order = sorted(range(len(tracks)), key=lambda track: (ranks[track], -track))
    signatures = _metas([tracks[track] for track in order], _KEY, 2)
    return [KeyChange(tick, int.from_bytes(content[:1], signed=True), content[1]) for tick, content in signatures]


def _num_lyrics(tracks: Sequence[TrackEvents]) -> int:
    """Return the number of syllables: lyrics, and all texts of karaoke files."""
    texts = [content for _, content in _metas(tracks, _TEXT, 1)]
    if not any(text.startswith(_KARAOKE) for text in texts):
        texts = []
    lyrics = [content for _, content in _metas(tracks, _LYRIC, 1)]
    return sum(bool(text.strip()) and not text.startswith(_KARAOKE) for text in (*texts, *lyrics))
