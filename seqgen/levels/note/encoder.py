"""A score -> tokens of the note level."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from seqgen.errors import MusicError
from seqgen.levels.note import tokens as t
from seqgen.levels.note.repeats import CodedBar, folded
from seqgen.levels.note.state import Given
from seqgen.levels.note.voices import Chord, Voice, voices_of
from seqgen.music.score import DENOMINATORS, MAX_SHARPS, Bar, Score

Slices = Mapping[int, Mapping[int, list[int]]]  # what is said, by time and voice


class Part(NamedTuple):
    """What is known of a track before its notes.

    Attributes:
        program: General MIDI's number, from 0.
        is_drum: whether its pitches are drums.
        num_voices: how many lines it is written in.
        name: as "Soprano"; may be empty.
    """

    program: int
    is_drum: bool
    num_voices: int
    name: str = ""


Layout = tuple[Part, ...]
Parts = Sequence[tuple[Part, list[Voice]]]


class Prime(NamedTuple):
    """How sampled music begins.

    Attributes:
        ids: the tokens to go on from.
        given: what some voices must say after them.
        end: the step at which the prime ends.
        num_bars: how many bars it takes.
    """

    ids: list[int]
    given: Given
    end: int
    num_bars: int


class NoteEncoder:
    """Writes scores as tokens.

    Args:
        grid: steps a quarter.
        has_velocity: whether velocities are coded.
    """

    def __init__(self, grid: int, *, has_velocity: bool) -> None:
        self.grid = grid
        self.has_velocity = has_velocity

    @property
    def highest_position(self) -> int:
        """The last token of a position."""
        return t.POSITION + t.BAR_QUARTERS * self.grid

    def tokens(self, score: Score) -> Iterator[int]:
        """Yield the tokens of a score, without START and END.

        Raises:
            MusicError: it has no notes, or more voices or a longer metre than the language can tell.
        """
        if not score.num_notes:
            raise MusicError("score without notes", "the score holds no notes")
        parts = self.parts(score)
        yield from self.header(tuple(part for part, _ in parts), score.bars[0])
        closing = _closing(score)
        num_voices = sum(part.num_voices for part, _ in parts)
        bars = self._bars(score, self._slices(parts, closing), num_voices, score.num_steps)
        yield from folded(bars, self.grid, is_open=closing < score.num_steps)
        if closing < score.num_steps:
            yield from self.position(closing - score.bar_starts[-2])

    def _bars(self, score: Score, slices: Slices, num_voices: int, stop: int) -> list[CodedBar]:
        """Return the bars that begin before a time, with their slices."""
        bars: list[CodedBar] = []
        times = iter([*sorted(slices), score.num_steps])
        time = next(times)
        sounding: set[int] = set()
        for place, bar in enumerate(score.bars):
            start, end = score.bar_starts[place : place + 2]
            if start >= stop:
                break
            changes = list(self._changes(score.bars[place - 1], bar)) if place else []
            is_pickup = bool(score.pickup and not place)
            tokens = [t.BAR, *changes]
            if is_pickup:
                tokens += [*self.position(score.start), t.PICKUP]
            sound: list[tuple[int, int, tuple[int, ...]]] = []
            held = sounding - set(slices.get(start, ()))
            while time < end:
                if time > start and not (score.pickup and time == score.start):
                    tokens += self.position(time - start)
                tokens += _slice(slices[time], num_voices)
                for voice, content in sorted(slices[time].items()):
                    is_silent = content == [t.REST]
                    (sounding.discard if is_silent else sounding.add)(voice)
                    if time > start or not is_silent:
                        sound.append((time - start, voice, tuple(content)))
                time = next(times)
            is_free = not (held or changes or is_pickup)
            bars.append(CodedBar(tokens, tuple(sound), is_free, bool(changes)))
        return bars

    def _changes(self, before: Bar, bar: Bar) -> Iterator[int]:
        if bar.sharps != before.sharps:
            yield t.KEY + MAX_SHARPS + bar.sharps
        if bar[:2] != before[:2]:
            yield from self._metre(bar)

    def _slices(self, parts: Parts, closing: int) -> dict[int, dict[int, list[int]]]:
        """Return by time and voice what is said; what ends with the last bar is not."""
        slices: dict[int, dict[int, list[int]]] = {}
        first = 0
        for part, voices in parts:
            for number, voice in enumerate(voices, first):
                ended = closing
                for chord in voice:
                    if chord.onset > ended:
                        slices.setdefault(ended, {})[number] = [t.REST]
                    slices.setdefault(chord.onset, {})[number] = self.content(chord, is_drum=part.is_drum)
                    ended = chord.end
                if ended < closing:
                    slices.setdefault(ended, {})[number] = [t.REST]
            first += part.num_voices
        return slices

    def prime(self, score: Score, parts: Parts, *, is_whole: bool) -> Prime:
        """Return how a piece begins.

        Args:
            score: the prime.
            parts: the piece's parts, with the prime's voices.
            is_whole: whether the prime's voices are all that sounds while it lasts.
        """
        end = max(note.end for note in score.notes)
        num_voices = sum(part.num_voices for part, _ in parts)
        slices = self._slices(parts, end)
        begun = [t.START, *self.header(tuple(part for part, _ in parts), score.bars[0])]
        if is_whole:
            begun += folded(self._bars(score, slices, num_voices, end), self.grid, is_open=True)
            slices = {}
        else:
            begun += [t.BAR, *((*self.position(score.start), t.PICKUP) if score.pickup else ())]
        contents: list[tuple[int, int, int, int]] = []
        tokens: list[int] = []
        for place in range(1, 1 if is_whole else len(score.bars)):
            if score.bar_starts[place] < end:
                changes = list(self._changes(*score.bars[place - 1 : place + 1]))
                slices.setdefault(score.bar_starts[place], {})[-1] = changes
        for time, slice_ in sorted(slices.items()):
            for voice, content in sorted(slice_.items()):
                if content:
                    contents.append((time, voice, len(tokens), len(tokens) + len(content)))
                    tokens += content
        until = np.full(t.MAX_VOICES, -1, dtype=np.int32)
        padded = (own + [[]] * (part.num_voices - len(own)) for part, own in parts)
        for number, line in enumerate(chain.from_iterable(padded)):
            is_held = bool(line) and line[-1].end == end
            if is_held:
                contents.append((end, number, 0, 0))
            if is_whole or line:
                until[number] = end if is_held else end - 1
        given = Given(np.array(contents, dtype=np.int32).reshape(-1, 4), np.array(tokens or [0], dtype=np.int32), until)
        return Prime(begun, given, end, len(score.bars))

    def parts(self, score: Score) -> list[tuple[Part, list[Voice]]]:
        """Return the tracks as parts and their voices.

        Raises:
            MusicError: there are too many voices.
        """
        parts = []
        for track in score.tracks:
            voices = voices_of(track, by_velocity=self.has_velocity) or [[]]
            program = 0 if track.is_drum else track.program
            parts.append((Part(program, track.is_drum, len(voices), track.name), voices))
        if sum(part.num_voices for part, _ in parts) > t.MAX_VOICES:
            raise MusicError(
                "score of too many voices",
                f"its notes overlap so that they make more than {t.MAX_VOICES} voices, the most there may be",
            )
        return parts

    def _metre(self, bar: Bar) -> list[int]:
        if bar.numerator > t.BAR_QUARTERS * self.grid:
            raise MusicError("endless metre", f"a metre of {bar.numerator}/{bar.denominator} is too long")
        return [t.METRE, t.POSITION + bar.numerator, t.DENOMINATOR + DENOMINATORS.index(bar.denominator)]

    def header(self, layout: Layout, bar: Bar) -> list[int]:
        """Return the tokens before the first bar."""
        tokens = [t.KEY + MAX_SHARPS + bar.sharps, *self._metre(bar)]
        for part in layout:
            tokens += [t.DRUMS] if part.is_drum else [t.FAMILY + part.program // 8, t.MEMBER + part.program % 8]
            tokens += [t.SPLIT] * (part.num_voices - 1)
        return tokens

    def position(self, step: int) -> list[int]:
        """Return the tokens of a step in a bar, from 1."""
        far, near = divmod(step - 1, t.BAR_QUARTERS * self.grid)
        return [self.highest_position] * far + [t.POSITION + 1 + near]

    def content(self, chord: Chord, *, is_drum: bool) -> list[int]:
        """Return the tokens of a chord."""
        first, *others = ((t.DRUM if is_drum else t.PITCH) + pitch for pitch in chord.pitches)
        tokens = [first, *chain.from_iterable((t.CHORD, other) for other in others)]
        if self.has_velocity:
            loudness = self.highest_position + 1 + chord.velocity // t.VELOCITY_STEP
            return [loudness, *tokens]
        return tokens


def _closing(score: Score) -> int:
    """Return when the score ends: with its last bar or, if the last notes end within it, with these."""
    last = max(note.end for note in score.notes)
    return last if score.bar_starts[-2] < last else score.num_steps


def _slice(contents: Mapping[int, list[int]], num_voices: int) -> Iterator[int]:
    """Yield what the voices say at a time, those that hold too unless they are many."""
    if num_voices <= t.MAX_DENSE:
        for voice in range(num_voices):
            yield from contents.get(voice, (t.HOLD,))
        return
    following = 0
    for voice in sorted(contents):
        if voice != following:
            yield t.VOICE + voice
        yield from contents[voice]
        following = voice + 1
