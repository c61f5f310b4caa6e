"""A score as a small piano roll of ASCII characters, for a terminal."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from string import ascii_uppercase

from seqgen.music.instruments import names_of
from seqgen.music.score import Score, Track
from seqgen.music.theory import name_of

_LABEL = 4  # characters per pitch name
_MIN_COLUMNS = 8
_MIN_BAR_COLUMNS = 4  # between bar lines
_ONSET, _SUSTAINED, _DRUM = "#", "=", "x"
_NATURALS = (0, 2, 4, 5, 7, 9, 11)
_TRIAD = (0, 4, 7)  # the named pitch classes if a row contains several pitches


def text(score: Score, width: int, num_rows: int = 24) -> str:
    """Return a score as lines of text, in which a column is a sixteenth, or as much more as necessary.

    A note begins with the letter of its track and continues in lower case; with a single track, these are `#` and `=`.

    Args:
        score: the music, with at least one bar.
        width: of a line in characters.
        num_rows: maximum number of rows for pitches; drums have one more.
    """
    roll = _Roll(score, max(width - _LABEL - 2, _MIN_COLUMNS), num_rows)
    letters = _letters(score.tracks)
    for track, letter in reversed(list(zip(score.tracks, letters, strict=True))):
        roll.draw(track, letter)
    lines = roll.lines()
    if len(letters) > 1:
        names = zip(letters, names_of(score.tracks), strict=True)
        lines.append("  ".join(f"{letter} {name}" for letter, name in names)[:width])
    return "\n".join(line.rstrip() for line in lines)


def _letters(tracks: Sequence[Track]) -> list[str]:
    """Return a letter for each track, the first of its name if that is free; `#` when the alphabet is exhausted."""
    if len(tracks) == 1:
        return [_DRUM if tracks[0].is_drum else _ONSET]
    free = dict.fromkeys(ascii_uppercase)
    letters = []
    for track, name in zip(tracks, names_of(tracks), strict=True):
        first = name[0].upper()
        letter = _DRUM if track.is_drum else first if first in free else next(iter(free), _ONSET)
        free.pop(letter, None)
        letters.append(letter)
    return letters


class _Roll:
    """Rows of characters in descending pitch, below the bar numbers; drums share the last row."""

    def __init__(self, score: Score, max_columns: int, max_rows: int) -> None:
        self._score = score
        self._column = Fraction(score.grid, 4)
        while self._place(score.num_steps) > max_columns:
            self._column *= 2
        pitches = [note.pitch for track in score.tracks if not track.is_drum for note in track.notes]
        self._highest, self._lowest = max(pitches, default=60), min(pitches, default=60)
        self._pitches_per_row = -(-(self._highest - self._lowest + 1) // max_rows)
        num_rows = self._row(self._lowest) + 1 + any(track.is_drum for track in score.tracks)
        num_columns = ceil(self._place(score.num_steps))
        self._rows = [[" "] * num_columns for _ in range(num_rows)]
        self._numbers = self._rule(num_columns)

    def _place(self, step: int) -> Fraction:
        """Return the column of a step."""
        return (step - self._score.start) / self._column

    def _row(self, pitch: int) -> int:
        return (self._highest - pitch) // self._pitches_per_row

    def _rule(self, num_columns: int) -> str:
        """Draw as many bar lines as fit, and return a line with the numbers of these bars."""
        every = 1
        while every * num_columns < _MIN_BAR_COLUMNS * len(self._score):
            every *= 2
        numbers = ""
        for place in range(0, len(self._score), every):
            at = int(self._place(max(self._score.bar_starts[place], self._score.start)))
            for row in self._rows:
                row[at] = "|"
            if len(numbers) < at or not numbers:
                numbers = numbers.ljust(at) + str(place + (not self._score.pickup))
        return numbers

    def draw(self, track: Track, letter: str) -> None:
        """Draw a track over the ones drawn before."""
        for note in track.notes:
            first, end = int(self._place(note.onset)), ceil(self._place(note.end))
            if track.is_drum:
                self._rows[-1][first] = letter
            else:
                held = _SUSTAINED if letter == _ONSET else letter.lower()
                self._rows[self._row(note.pitch)][first:end] = letter + held * (end - first - 1)

    def lines(self) -> list[str]:
        """Return the lines, with the names of pitches on the left."""
        named = _NATURALS if self._pitches_per_row == 1 else _TRIAD
        lines = [" " * (_LABEL + 1) + self._numbers]
        for number, row in enumerate(self._rows):
            top = self._highest - number * self._pitches_per_row
            pitches = range(top, top - self._pitches_per_row, -1) if number <= self._row(self._lowest) else range(0)
            name = next((name_of(pitch) for pitch in pitches if pitch % 12 in named), "")
            lines.append(f"{name:>{_LABEL}} {''.join(row)}|")
        return lines
