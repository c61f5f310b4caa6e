"""Scores -> MIDI files, through music21's events, with explicit ticks and channels."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from seqgen.errors import MusicError
from seqgen.music.instruments import names_of
from seqgen.music.score import Score, Track

_MIN_TICKS = 480  # per quarter note, the resolution that most programs expect
_PITCHED = tuple(channel for channel in range(1, 17) if channel != 10)
DRUM_CHANNEL = 10
_MAX_MICROSECONDS = 0xFFFFFF  # per quarter note
_CLOCKS = 24  # of the metronome per quarter note, stated by the time signature event
_NOTE_OFF, _OTHER, _NOTE_ON = range(3)  # the order of simultaneous events


class _Event(NamedTuple):
    step: int
    order: int
    kind: Any  # one of music21's enumerations
    data: tuple[int, ...]


def rendered(score: Score) -> bytes:
    """Return a file of format 1: a track of title, tempos and signatures, then one track per track of the score.

    Times are counted from the beginning of the first whole bar, so that a pickup is preceded by a rest and bars remain
    intact. Each of up to 15 pitched tracks has its own channel; drums have channel 10. With more tracks, those of one
    program share a channel, and with more than 15 programs, programs share channels: the notes remain exact, but a
    player uses the last program of each channel.

    Raises:
        MusicError: a tempo is outside the range of MIDI.
    """
    from music21.midi import MidiFile

    file = MidiFile()
    ticks = -(-_MIN_TICKS // score.grid)
    file.ticksPerQuarterNote = ticks * score.grid
    file.tracks = [_track(score.title, [*_signatures(score), *_tempos(score)], score.num_steps, ticks)]
    for track, name, channel in zip(score.tracks, names_of(score.tracks), channels_of(score.tracks), strict=True):
        file.tracks.append(_track(name, _notes(track), score.num_steps, ticks, channel))
    content: bytes = file.writestr()
    return content


def channels_of(tracks: Sequence[Track]) -> list[int]:
    """Return the channel of each track, from 1."""
    pitched = [(place, track.program) for place, track in enumerate(tracks) if not track.is_drum]
    if len(pitched) <= len(_PITCHED):
        channels = {place: _PITCHED[number] for number, (place, _) in enumerate(pitched)}
    else:
        programs = list(dict.fromkeys(program for _, program in pitched))
        channels = {place: _PITCHED[programs.index(program) % len(_PITCHED)] for place, program in pitched}
    return [channels.get(place, DRUM_CHANNEL) for place in range(len(tracks))]


def _signatures(score: Score) -> Iterator[_Event]:
    """Yield the changes of time and key signature."""
    from music21.midi import MetaEvents

    metre = key = None
    for start, bar in zip(score.bar_starts, score.bars, strict=False):
        if bar[:2] != metre:
            metre = bar[:2]
            data = (bar.numerator, bar.denominator.bit_length() - 1, _CLOCKS * 4 // bar.denominator, 8)
            yield _Event(start, _OTHER, MetaEvents.TIME_SIGNATURE, data)
        if bar.sharps != key:
            key = bar.sharps
            yield _Event(start, _OTHER, MetaEvents.KEY_SIGNATURE, (bar.sharps % 256, 0))


def _tempos(score: Score) -> Iterator[_Event]:
    from music21.midi import MetaEvents

    for onset, quarters_per_minute in score.tempos:
        microseconds = round(60_000_000 / quarters_per_minute)
        if not 1 <= microseconds <= _MAX_MICROSECONDS:
            raise MusicError(
                "tempo beyond MIDI",
                f"a tempo of {quarters_per_minute:g} quarter notes per minute is not in 4 to 60,000,000",
            )
        yield _Event(onset, _OTHER, MetaEvents.SET_TEMPO, tuple(microseconds.to_bytes(3)))


def _notes(track: Track) -> Iterator[_Event]:
    from music21.midi import ChannelVoiceMessages

    yield _Event(0, _OTHER, ChannelVoiceMessages.PROGRAM_CHANGE, (track.program,))
    for onset, duration, pitch, velocity in track.notes:
        yield _Event(onset, _NOTE_ON, ChannelVoiceMessages.NOTE_ON, (pitch, velocity))
        yield _Event(onset + duration, _NOTE_OFF, ChannelVoiceMessages.NOTE_OFF, (pitch, 0))


def _track(name: str, events: Iterable[_Event], end: int, ticks: int, channel: int = 1) -> Any:
    """Return a music21 track of the events, which ends with the last bar."""
    from music21.midi import ChannelVoiceMessages, DeltaTime, MetaEvents, MidiEvent, MidiTrack

    track = MidiTrack()
    title = [_Event(0, _OTHER, MetaEvents.SEQUENCE_TRACK_NAME, tuple(name.encode()))] if name else []
    last = _Event(end, _OTHER, MetaEvents.END_OF_TRACK, ())
    now = 0
    for step, _, kind, data in [*title, *sorted(events, key=lambda event: event[:2]), last]:
        event = MidiEvent(track, kind, channel=channel)
        if kind in ChannelVoiceMessages:
            event.parameter1, event.parameter2 = (*data, None)[:2]
        else:
            event.data = bytes(data)
        track.events += [DeltaTime(track, (step - now) * ticks), event]
        now = step
    return track
