"""A score as a small piano roll of plain ASCII characters, for a terminal."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from string import ascii_uppercase

from seqgen.music.instruments import names_of
from seqgen.music.score import Score, Track
from seqgen.music.theory import name_of

_LABEL = 4  # characters of a pitch's name
_MIN_COLUMNS = 8
_APART = 4  # columns between bar lines, at least
_STRUCK, _HELD, _DRUM = "#", "=", "x"
_NATURALS = (0, 2, 4, 5, 7, 9, 11)
_TRIAD = (0, 4, 7)  # what is named where a row holds several pitches


def text(score: Score, width: int, num_rows: int = 24) -> str:
    """Return a score as lines of text: time goes to the right, a column is a sixteenth or as much more as is needed.

    Where a note begins stands its track's letter, and a small one where it goes on; of a single track `#` and `=`.

    Args:
        score: what is drawn, with at least one bar.
        width: of a line, in characters.
        num_rows: into how many rows the pitches go at most; drums have one more.
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
    """Return a letter for each track, the first of its name if it is free; beyond the alphabet it is `#`."""
    if len(tracks) == 1:
        return [_DRUM if tracks[0].is_drum else _STRUCK]
    free = dict.fromkeys(ascii_uppercase)
    letters = []
    for track, name in zip(tracks, names_of(tracks), strict=True):
        first = name[0].upper()
        letter = _DRUM if track.is_drum else first if first in free else next(iter(free), _STRUCK)
        free.pop(letter, None)
        letters.append(letter)
    return letters


class _Roll:
    """Rows of characters, from the highest pitches down, under the numbers of bars; drums share the last row."""

    def __init__(self, score: Score, max_columns: int, max_rows: int) -> None:
        self._score = score
        self._column = Fraction(score.grid, 4)
        while self._place(score.num_steps) > max_columns:
            self._column *= 2
        pitches = [note.pitch for track in score.tracks if not track.is_drum for note in track.notes]
        self._highest, self._lowest = max(pitches, default=60), min(pitches, default=60)
        self._pitches_a_row = -(-(self._highest - self._lowest + 1) // max_rows)
        num_rows = self._row(self._lowest) + 1 + any(track.is_drum for track in score.tracks)
        num_columns = ceil(self._place(score.num_steps))
        self._rows = [[" "] * num_columns for _ in range(num_rows)]
        self._numbers = self._rule(num_columns)

    def _place(self, step: int) -> Fraction:
        """Return how many columns there are before a step."""
        return (step - self._score.start) / self._column

    def _row(self, pitch: int) -> int:
        return (self._highest - pitch) // self._pitches_a_row

    def _rule(self, num_columns: int) -> str:
        """Draw bar lines, as many as there is room for, and return a line with the numbers of these bars."""
        every = 1
        while every * num_columns < _APART * len(self._score):
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
        """Draw a track over what is there."""
        for note in track.notes:
            first, end = int(self._place(note.onset)), ceil(self._place(note.end))
            if track.is_drum:
                self._rows[-1][first] = letter
            else:
                held = _HELD if letter == _STRUCK else letter.lower()
                self._rows[self._row(note.pitch)][first:end] = letter + held * (end - first - 1)

    def lines(self) -> list[str]:
        """Return what was drawn, with the names of pitches at the left."""
        named = _NATURALS if self._pitches_a_row == 1 else _TRIAD
        lines = [" " * (_LABEL + 1) + self._numbers]
        for number, row in enumerate(self._rows):
            top = self._highest - number * self._pitches_a_row
            pitches = range(top, top - self._pitches_a_row, -1) if number <= self._row(self._lowest) else range(0)
            name = next((name_of(pitch) for pitch in pitches if pitch % 12 in named), "")
            lines.append(f"{name:>{_LABEL}} {''.join(row)}|")
        return lines
