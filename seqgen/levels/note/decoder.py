"""Tokens of the note level -> a score, without names and tempos, which are not encoded."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from seqgen.levels.note import state as s
from seqgen.levels.note import tokens as t
from seqgen.levels.note.grammar import parse
from seqgen.music.score import DEFAULT_VELOCITY, DENOMINATORS, MAX_SHARPS, Bar, Note, Score, track_of

_SILENCE = -1


def decoded(tokens: Sequence[int], grid: int, vocabulary_size: int) -> Score:
    """Return the score of tokens without START; an unfinished one ends with its last bar.

    Raises:
        MusicError: the tokens violate the grammar.
    """
    streams, states = parse(tokens, grid, vocabulary_size)
    transcript = _Transcript(grid)
    for token, state in zip(tokens, states.tolist(), strict=True):
        transcript.add(token, state)
    voices = streams.tracks[0, : streams.states[0, s.NUM_VOICES]].tolist()
    notes = _notes(transcript.events, len(voices), transcript.end)
    tracks = tuple(
        track_of(
            [note for voice, track in enumerate(voices) if abs(track) == number for note in notes[voice]],
            program=program,
            is_drum=-number in voices,
        )
        for number, program in enumerate(transcript.programs, 1)
    )
    return Score(tuple(transcript.bars), tracks, transcript.pickup, grid=grid)


class _VoiceEvent(NamedTuple):
    """A note that begins in a voice, or `_SILENCE`; equal times in one voice are a chord."""

    time: int
    voice: int
    pitch: int
    velocity: int


class _Transcript:
    """Collects bars, programs and events from the tokens, with the times and voices of the grammar's states.

    Attributes:
        bars: every bar, repeated ones included.
        pickup: steps of the first bar, 0 if it is a whole one.
        programs: of each track.
        events: of all voices, ordered by time.
        end: the time at which all notes end.
    """

    def __init__(self, grid: int) -> None:
        self.bars: list[Bar] = []
        self.pickup = 0
        self.programs: list[int] = []
        self.events: list[_VoiceEvent] = []
        self.end = 0
        self._bar = Bar()
        self._family = 0
        self._velocity = DEFAULT_VELOCITY
        self._highest_position = t.POSITION + t.BAR_QUARTERS * grid
        self._is_at_position = False

    def add(self, token: int, state: Sequence[int]) -> None:
        """Add a token, given the state of the grammar after it."""
        phase, voice, now = state[s.PHASE], state[s.CURRENT_VOICE], state[s.BAR_START] + state[s.STEP]
        if phase == s.AFTER_NOTE:
            self.events.append(_VoiceEvent(now, voice, state[s.LOWEST], self._velocity))
        elif token == t.REST:
            self.events.append(_VoiceEvent(now, voice, _SILENCE, 0))
        elif phase == s.AFTER_VELOCITY:
            degree = token - self._highest_position - 1
            self._velocity = degree * t.VELOCITY_STEP + t.VELOCITY_STEP // 2
        elif token == t.BAR:
            self.bars.append(self._bar)
        elif phase == s.AFTER_PICKUP:
            self.pickup = state[s.BAR_STEPS] - state[s.STEP]
        elif phase == s.AFTER_AGAIN:
            self._repeat(token - t.POSITION, state)
        elif t.KEY <= token < t.FAMILY:
            self._change_bar(token, state[s.NUMERATOR])
        elif phase == s.AFTER_FAMILY:
            self._family = token - t.FAMILY
        elif t.MEMBER <= token <= t.VOICE or token == t.DRUMS:
            self.programs.append(0 if token == t.DRUMS else 8 * self._family + token - t.MEMBER)
        ends_early = phase == s.AFTER_END and self._is_at_position
        self.end = now if ends_early else state[s.BAR_START] + state[s.BAR_STEPS]
        self._is_at_position = phase == s.AFTER_POSITION or ends_early

    def _change_bar(self, token: int, numerator: int) -> None:
        if token < t.DENOMINATOR:
            self._bar = self._bar._replace(sharps=token - t.KEY - MAX_SHARPS)
        else:
            self._bar = self._bar._replace(numerator=numerator, denominator=DENOMINATORS[token - t.DENOMINATOR])
        self.bars[-1:] = [self._bar] if self.bars else []

    def _repeat(self, num_bars: int, state: Sequence[int]) -> None:
        """Append earlier bars; what is sustained ends where they begin."""
        bar_steps = state[s.BAR_STEPS]
        begin = state[s.BAR_START] - (num_bars - 1) * bar_steps
        source = begin - state[s.DISTANCE] * bar_steps
        first, stop = (bisect_left(self.events, (time,)) for time in (source, source + num_bars * bar_steps))
        repeated = [event._replace(time=event.time + begin - source) for event in self.events[first:stop]]
        self.events += [_VoiceEvent(begin, voice, _SILENCE, 0) for voice in range(state[s.NUM_VOICES])]
        self.events += repeated
        self.bars += [self._bar] * num_bars


def _notes(events: Sequence[_VoiceEvent], num_voices: int, end: int) -> list[list[Note]]:
    """Return the notes of each voice: the notes of a chord end with the next event of its voice, or with the score."""
    notes: list[list[Note]] = [[] for _ in range(num_voices)]
    sustained: list[list[Note]] = [[] for _ in range(num_voices)]
    last = (_VoiceEvent(end, voice, _SILENCE, 0) for voice in range(num_voices))
    for time, voice, pitch, velocity in (*events, *last):
        if sustained[voice] and sustained[voice][0].onset < time:
            notes[voice] += [note._replace(duration=time - note.onset) for note in sustained[voice]]
            sustained[voice] = []
        if pitch != _SILENCE:
            sustained[voice].append(Note(time, 0, pitch, velocity))
    return notes
