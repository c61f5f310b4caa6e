"""Scores -> MIDI files, through music21's events, so that every tick and channel is ours."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from seqgen.errors import MusicError
from seqgen.music.score import Score, Track

_MIN_TICKS = 480  # a quarter, near which most programs expect it
_PITCHED = tuple(channel for channel in range(1, 17) if channel != 10)
DRUM_CHANNEL = 10
_MAX_MICROSECONDS = 0xFFFFFF  # a quarter
_CLOCKS = 24  # a quarter, of the metronome; the time signature's event names them
_NOTE_OFF, _OTHER, _NOTE_ON = range(3)  # the order of what happens at once


class _Event(NamedTuple):
    step: int
    order: int
    kind: Any  # one of music21's enumerations
    data: tuple[int, ...]


def rendered(score: Score) -> bytes:
    """Return a file of format 1: a track of tempos and signatures, then one for each track of the score.

    Times count from the beginning of the first whole bar, so that a pickup is preceded by rest and bars stay intact.
    Each of up to 15 pitched tracks has a channel of its own; drums have the tenth. If there are more, those of one
    program share a channel, and beyond 15 programs channels are shared in turn: the file stays exact, but a player
    uses the last program that a channel is given.

    Raises:
        MusicError: a tempo is beyond what MIDI can say.
    """
    from music21.midi import MidiFile

    file = MidiFile()
    ticks = -(-_MIN_TICKS // score.grid)
    file.ticksPerQuarterNote = ticks * score.grid
    file.tracks = [_track("", [*_signatures(score), *_tempos(score)], score.num_steps, ticks)]
    for track, channel in zip(score.tracks, channels_of(score.tracks), strict=True):
        file.tracks.append(_track(track.name, _notes(track), score.num_steps, ticks, channel))
    content: bytes = file.writestr()
    return content


def channels_of(tracks: Sequence[Track]) -> list[int]:
    """Return each track's channel, from 1."""
    pitched = [(place, track.program) for place, track in enumerate(tracks) if not track.is_drum]
    if len(pitched) <= len(_PITCHED):
        channels = {place: _PITCHED[number] for number, (place, _) in enumerate(pitched)}
    else:
        programs = list(dict.fromkeys(program for _, program in pitched))
        channels = {place: _PITCHED[programs.index(program) % len(_PITCHED)] for place, program in pitched}
    return [channels.get(place, DRUM_CHANNEL) for place in range(len(tracks))]


def _signatures(score: Score) -> Iterator[_Event]:
    """Yield the time and key signatures where they change."""
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
                "tempo beyond MIDI", f"a tempo of {quarters_per_minute:g} quarters a minute is not in 4 to 60,000,000"
            )
        yield _Event(onset, _OTHER, MetaEvents.SET_TEMPO, tuple(microseconds.to_bytes(3)))


def _notes(track: Track) -> Iterator[_Event]:
    from music21.midi import ChannelVoiceMessages

    yield _Event(0, _OTHER, ChannelVoiceMessages.PROGRAM_CHANGE, (track.program,))
    for onset, duration, pitch, velocity in track.notes:
        yield _Event(onset, _NOTE_ON, ChannelVoiceMessages.NOTE_ON, (pitch, velocity))
        yield _Event(onset + duration, _NOTE_OFF, ChannelVoiceMessages.NOTE_OFF, (pitch, 0))


def _track(name: str, events: Iterable[_Event], end: int, ticks: int, channel: int = 1) -> Any:
    """Return a music21 track of the events, which ends where the last bar does."""
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
