"""Accidentals: which notes of a bar need a sign."""

from seqgen.music.melody import bar_at
from seqgen.music.score import Score
from seqgen.music.theory import signed


class Accidentals:
    """The accidentals that are in force in a bar.

    Strictly, an accidental applies to its octave only, but many readers apply it to all octaves: a sign is written
    unless both readings agree.

    Args:
        sharps: of the key signature.
    """

    def __init__(self, sharps: int) -> None:
        self._sharps = sharps
        self._heights: dict[tuple[str, int], int] = {}
        self._letters: dict[str, int | None] = {}

    def hold(self, letter: str, alteration: int) -> None:
        """Record a note that is tied into the bar: if it is not in the key, other notes of its letter are signed."""
        if alteration != signed(letter, self._sharps):
            self._letters[letter] = None

    def note(self, letter: str, alteration: int, octave: int) -> bool:
        """Record a note, and return whether its sign, or a natural, has to be written."""
        signature = signed(letter, self._sharps)
        in_force = {self._heights.get((letter, octave), signature), self._letters.get(letter, signature)}
        self._heights[letter, octave] = self._letters[letter] = alteration
        return in_force != {alteration}

    def doubtful_note(self, letter: str, alteration: int, octave: int) -> bool:
        """Do the same for a note that some readers ignore: its accidentals do not apply to others, nor theirs to it."""
        is_signed = self.note(letter, alteration, octave) or alteration != signed(letter, self._sharps)
        if is_signed:
            self._letters[letter] = None  # differs from any alteration: the next note is signed
        return is_signed


def sharps_at(score: Score, step: int) -> int:
    """Return the key signature that spells a note with this onset, including its tied continuation."""
    return score.bars[bar_at(score, step)].sharps
