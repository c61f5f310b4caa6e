"""The clef that fits notes best."""

from collections.abc import Iterable

from seqgen.music.score import Note

COMMON = ("Treble", "Bass")
ALL = (*COMMON, "Treble8vb", "Treble8va", "Bass8vb")
_REACH = 8  # semitones from the middle line to the first ledger line
_MIDDLES = {"Treble": 71, "Bass": 50, "Treble8vb": 59, "Treble8va": 83, "Bass8vb": 38}
_RARENESS = {"Treble8vb": 1.5, "Treble8va": 2, "Bass8vb": 2}  # semitones per note that these clefs must save


def clef_of(notes: Iterable[Note], clefs: Iterable[str] = ALL) -> str:
    """Return the clef with which the notes are nearest to the staff; the first one if there are no notes."""
    pitches = [note.pitch for note in notes]

    def distance(clef: str) -> float:
        return sum(max(0, abs(pitch - _MIDDLES[clef]) - _REACH) + _RARENESS.get(clef, 0) for pitch in pitches)

    return min(clefs, key=distance)
