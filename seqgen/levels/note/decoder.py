"""Tokens of the note level -> a score."""

from collections.abc import Sequence

from seqgen.levels.note import tokens as t
from seqgen.levels.note.repeats import unfolded
from seqgen.levels.note.voices import Chord
from seqgen.music.score import DEFAULT_VELOCITY, DENOMINATORS, MAX_SHARPS, Bar, Note, Score, Track, track_of


def decoded(tokens: Sequence[int], grid: int) -> Score:
    """Return the score of tokens that are in the language, without START; names and tempo are not in them."""
    reader = _Reader(grid)
    for token in unfolded(tokens):
        reader.take(token)
    return reader.score()


class _Reader:
    """Follows the tokens as `grammar.follow` does, and writes down what they say."""

    def __init__(self, grid: int) -> None:
        self.grid = grid
        self.bars: list[Bar] = []
        self.tracks: list[Track] = []
        self.track_of_voice: list[int] = []
        self.notes: list[list[Note]] = []
        self.held: dict[int, Chord] = {}
        self.pickup = 0
        self.bar = Bar()
        self.bar_start = 0
        self.step = 0
        self.far = 0
        self.speaker = -1
        self.family = 0
        self.is_at_position = False
        self.velocity = DEFAULT_VELOCITY
        self.before = t.START

    @property
    def now(self) -> int:
        return self.bar_start + self.step

    def take(self, token: int) -> None:
        """Take the next token."""
        highest = t.POSITION + t.BAR_QUARTERS * self.grid
        if token in (t.END, t.CHORD, t.METRE):
            pass
        elif token in (t.REST, t.HOLD) or t.VOICE < token <= t.POSITION or token > highest:
            self._take_content(token, highest)
        elif token > t.POSITION:
            self._take_position(token - t.POSITION, highest - t.POSITION)
        elif token == t.BAR:
            self._begin_bar()
        elif token == t.REPEAT:
            self._end_bar()
        elif token == t.PICKUP:
            self.pickup = self.bar.num_steps(self.grid) - self.step
        elif t.KEY <= token < t.FAMILY:
            self._take_signature(token)
        else:
            self._take_track(token)
        self.before = token

    def score(self) -> Score:
        """Return what has been written; what is held ends now, or with the bar."""
        if self.before == t.END and self.is_at_position:
            self._end_all()
        else:
            self._end_bar()
        tracks = tuple(
            track_of(notes, program=track.program, is_drum=track.is_drum)
            for track, notes in zip(self.tracks, self.notes, strict=True)
        )
        return Score(tuple(self.bars), tracks, self.pickup, grid=self.grid)

    def _begin_bar(self) -> None:
        if self.bars:
            self.bar_start += self.bar.num_steps(self.grid)
        self.bars.append(self.bar)
        self.step, self.speaker = 0, -1
        self.is_at_position = False

    def _take_signature(self, token: int) -> None:
        if token < t.DENOMINATOR:
            self.bar = self.bar._replace(sharps=token - t.KEY - MAX_SHARPS)
        else:
            self.bar = self.bar._replace(denominator=DENOMINATORS[token - t.DENOMINATOR])
        if self.bars:
            self.bars[-1] = self.bar

    def _take_track(self, token: int) -> None:
        if token == t.SPLIT:
            self.track_of_voice.append(len(self.tracks) - 1)
        elif token < t.MEMBER and token != t.DRUMS:
            self.family = token - t.FAMILY
        else:
            program = 0 if token == t.DRUMS else 8 * self.family + token - t.MEMBER
            self.track_of_voice.append(len(self.tracks))
            self.tracks.append(Track((), program=program, is_drum=token == t.DRUMS))
            self.notes.append([])

    def _take_position(self, steps: int, highest: int) -> None:
        if self.before == t.METRE:
            self.bar = self.bar._replace(numerator=steps)
            return
        is_added = self.before == t.POSITION + highest
        self.far = self.step if is_added else 0
        self.step = self.far + steps
        self.speaker = -1
        self.is_at_position = True

    def _take_content(self, token: int, highest: int) -> None:
        if t.VOICE < token < t.PITCH:
            self.speaker = token - t.VOICE - 1  # it speaks next
            return
        if token > highest:
            self.velocity = (token - highest - 1) * t.VELOCITY_STEP + t.VELOCITY_STEP // 2
            return
        self.is_at_position = False
        pitch = token - t.PITCH if token < t.DRUM else token - t.DRUM
        if self.before == t.CHORD:
            chord = self.held[self.speaker]
            self.held[self.speaker] = chord._replace(pitches=(*chord.pitches, pitch))
            return
        self.speaker += 1
        if token == t.HOLD:
            return
        self._end(self.speaker)
        if token != t.REST:
            self.held[self.speaker] = Chord(self.now, self.now, (pitch,), self.velocity)

    def _end_bar(self) -> None:
        self.step = self.bar.num_steps(self.grid)
        self._end_all()

    def _end_all(self) -> None:
        for voice in list(self.held):
            self._end(voice)

    def _end(self, voice: int) -> None:
        """Write down what the voice has held until now."""
        chord = self.held.pop(voice, None)
        if chord is not None:
            self.notes[self.track_of_voice[voice]] += chord._replace(end=self.now).notes
