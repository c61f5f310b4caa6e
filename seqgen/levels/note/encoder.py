"""A score -> tokens of the note level."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise, repeat
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.levels.note import tokens as t
from seqgen.levels.note.repeats import CodedBar, folded
from seqgen.levels.note.voices import Voice, assign_voices
from seqgen.music.score import DENOMINATORS, Bar, Score
from seqgen.music.tonality import final_degree
from seqgen.music.voices import Chord

Slices = dict[int, dict[int, list[int]]]  # the tokens of each content, by time and voice


class TrackHeader(NamedTuple):
    """The properties of a track that are encoded before its notes.

    Attributes:
        program: General MIDI program, from 0.
        is_drum: whether its pitches are drums.
        num_voices: number of voices.
        name: such as "Soprano"; may be empty, and is not encoded.
        lowest: lowest pitch of such tracks, if known; not encoded either.
        highest: highest pitch of such tracks, if known.
    """

    program: int
    is_drum: bool
    num_voices: int
    name: str = ""
    lowest: int = 0
    highest: int = t.NUM_PITCHES - 1


Layout = tuple[TrackHeader, ...]
VoicedTracks = Sequence[tuple[TrackHeader, list[Voice]]]


class NoteEncoder:
    """Encodes scores as tokens.

    Args:
        grid: steps per quarter note.
        has_velocity: whether velocities are encoded.
    """

    def __init__(self, grid: int, *, has_velocity: bool) -> None:
        self.grid = grid
        self.has_velocity = has_velocity

    @property
    def highest_position(self) -> int:
        """The last position token."""
        return t.POSITION + t.BAR_QUARTERS * self.grid

    def tokens(self, score: Score) -> Iterator[int]:
        """Yield the tokens of a score, without START and END.

        Raises:
            MusicError: the score has no notes, too many voices, or a metre that is too long.
        """
        if not score.num_notes:
            raise MusicError("score without notes", "the score has no notes")
        tracks = self.voiced(score)
        layout = tuple(header for header, _ in tracks)
        final = None if score.is_excerpt else final_degree(score)
        yield from self.header(layout, score.bars[0], final, 0 if score.is_excerpt else len(score))
        end = _end(score)
        num_voices = sum(header.num_voices for header, _ in tracks)
        bars = self.bars(score, self.slices(tracks, end), num_voices, score.num_steps)
        yield from folded(bars, self.grid, is_open=end < score.num_steps)
        if end < score.num_steps:
            yield from self.position(end - score.bar_starts[-2])

    def voiced(self, score: Score) -> list[tuple[TrackHeader, list[Voice]]]:
        """Return the header and the voices of each track.

        Raises:
            MusicError: the score has too many voices.
        """
        tracks = []
        for track in score.tracks:
            voices = assign_voices(track, by_velocity=self.has_velocity) or [[]]
            program = 0 if track.is_drum else track.program
            tracks.append((TrackHeader(program, track.is_drum, len(voices), track.name), voices))
        num_voices = sum(header.num_voices for header, _ in tracks)
        if num_voices > t.MAX_VOICES:
            problem = f"its overlapping notes need {num_voices} voices, more than {t.MAX_VOICES}"
            raise MusicError("score of too many voices", problem)
        return tracks

    def header(self, layout: Layout, bar: Bar, final: int | None, num_bars: int) -> list[int]:
        """Return the tokens before the first bar.

        Args:
            layout: the tracks.
            bar: the first bar.
            final: the degree of the last bass note; None if it is unknown.
            num_bars: of the piece; 0 if it is unknown.
        """
        tokens = [t.key_token(bar.sharps), t.FINAL + (t.UNKNOWN_FINAL if final is None else final)]
        tokens += [*self._metre(bar), *track_tokens(layout)]
        if 0 < num_bars <= t.longest(self.grid):
            tokens += [t.LENGTH, t.POSITION + num_bars]
        return tokens

    def slices(self, tracks: VoicedTracks, end: int) -> Slices:
        """Return the contents by time and voice; a chord that lasts until `end` is not ended by a rest."""
        slices: Slices = {}
        for number, (header, voice) in enumerate(all_voices(tracks)):
            silent_from = end
            for chord in voice:
                if chord.start > silent_from:
                    slices.setdefault(silent_from, {})[number] = [t.REST]
                slices.setdefault(chord.start, {})[number] = self._content(chord, is_drum=header.is_drum)
                silent_from = chord.end
            if silent_from < end:
                slices.setdefault(silent_from, {})[number] = [t.REST]
        return slices

    def bars(self, score: Score, slices: Slices, num_voices: int, stop: int) -> list[CodedBar]:
        """Return the bars that begin before a time, with their slices."""
        times = sorted(slices)
        sounding: set[int] = set()
        bars: list[CodedBar] = []
        for place, (start, end) in enumerate(pairwise(score.bar_starts)):
            if start < stop:
                within = {time: slices[time] for time in times[bisect_left(times, start) : bisect_left(times, end)]}
                bars.append(self._bar(score, place, within, num_voices, sounding))
        return bars

    def _bar(self, score: Score, place: int, slices: Slices, num_voices: int, sounding: set[int]) -> CodedBar:
        """Return a bar, given its slices and the set of voices that sound before it, which is updated."""
        start = score.bar_starts[place]
        changes = list(self.changes(*score.bars[place - 1 : place + 1])) if place else []
        pickup = [] if place else self.pickup(score)
        tokens = [t.BAR, *changes, *pickup]
        sound: list[tuple[int, int, tuple[int, ...]]] = []
        tied = sounding - set(slices.get(start, ()))
        for time, contents in slices.items():
            if time > start and not (pickup and time == score.start):
                tokens += self.position(time - start)
            tokens += _slice(contents, num_voices)
            for voice, content in sorted(contents.items()):
                is_silent = content == [t.REST]
                (sounding.discard if is_silent else sounding.add)(voice)
                if time > start or not is_silent:
                    sound.append((time - start, voice, tuple(content)))
        return CodedBar(tokens, tuple(sound), not (tied or changes or pickup), bool(changes))

    def pickup(self, score: Score) -> list[int]:
        """Return the tokens of the beginning of a first bar that is a pickup, otherwise none."""
        return [*self.position(score.start), t.PICKUP] if score.pickup else []

    def changes(self, before: Bar, bar: Bar) -> Iterator[int]:
        """Yield the tokens of the signatures in which a bar differs from the one before it."""
        if bar.sharps != before.sharps:
            yield t.key_token(bar.sharps)
        if bar[:2] != before[:2]:
            yield from self._metre(bar)

    def _metre(self, bar: Bar) -> list[int]:
        if bar.numerator > t.BAR_QUARTERS * self.grid:
            raise MusicError("endless metre", f"a metre of {bar.numerator}/{bar.denominator} is too long")
        return [t.METRE, t.POSITION + bar.numerator, t.DENOMINATOR + DENOMINATORS.index(bar.denominator)]

    def position(self, step: int) -> list[int]:
        """Return the tokens of a step in a bar, from 1."""
        num_highest, rest = divmod(step - 1, t.BAR_QUARTERS * self.grid)
        return [self.highest_position] * num_highest + [t.POSITION + 1 + rest]

    def _content(self, chord: Chord, *, is_drum: bool) -> list[int]:
        """Return the tokens of a chord."""
        first, *others = ((t.DRUM if is_drum else t.PITCH) + note.pitch for note in chord.notes)
        tokens = [first, *chain.from_iterable((t.CHORD, other) for other in others)]
        if self.has_velocity:
            velocity = self.highest_position + 1 + chord.notes[0].velocity // t.VELOCITY_STEP
            return [velocity, *tokens]
        return tokens


def track_tokens(layout: Layout) -> list[int]:
    """Return the tokens of the tracks in the header."""
    tokens = []
    for track in layout:
        tokens += [t.DRUMS] if track.is_drum else [t.FAMILY + track.program // 8, t.MEMBER + track.program % 8]
        tokens += [t.SPLIT] * (track.num_voices - 1)
    return tokens


def all_voices(tracks: VoicedTracks) -> Iterator[tuple[TrackHeader, Voice]]:
    """Yield every voice with the header of its track; voices that only the header counts are empty."""
    for header, voices in tracks:
        for voice in (*voices, *repeat([], header.num_voices - len(voices))):
            yield header, voice


def _end(score: Score) -> int:
    """Return the end of the last notes if it is within the last bar, otherwise the end of that bar."""
    last = max(note.end for note in score.notes)
    return last if score.bar_starts[-2] < last else score.num_steps


def _slice(contents: Mapping[int, list[int]], num_voices: int) -> Iterator[int]:
    """Yield the contents at one time; those of voices that hold are HOLD, or omitted if there are many voices."""
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
