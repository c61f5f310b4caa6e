"""Tokens of kern -> notes: `4.cc#` is a dotted quarter note, `[2C [2E` a chord of two tied half notes."""

import re
from functools import lru_cache
from typing import NamedTuple

from seqgen.music.theory import NATURALS

TICKS = 2**11 * 3**3 * 5**2 * 7 * 11 * 13  # per quarter note; usual tuplets are exact, others nearly so
_DURATION = re.compile(r"(0{1,3}|[1-9]\d{0,3})(?:%([1-9]\d{0,2}))?(\.{0,4})")
_PITCH = re.compile(r"([a-gA-G])\1*(#+|-+|)")
_TREMOLO = re.compile(r"@+\d+@+")


class KernNote(NamedTuple):
    """A note or rest of a token.

    Attributes:
        duration: in ticks; None if it has none, as a grace note.
        pitch: MIDI number; None for a rest or a note without a pitch.
        ties: whether it is tied to the next note.
        is_rest: whether it is a rest.
    """

    duration: int | None
    pitch: int | None
    ties: bool
    is_rest: bool


@lru_cache(maxsize=10_000)
def notes_of(token: str) -> tuple[KernNote, ...]:
    """Return the notes of a token; those of a chord without a duration have that of the first."""
    notes: list[KernNote] = []
    for word in _TREMOLO.sub("", token).split():
        duration = _ticks(word)
        if duration is None and notes and "q" not in word:
            duration = notes[0].duration
        is_rest = "r" in word
        notes.append(KernNote(duration, None if is_rest else _pitch(word), "[" in word or "_" in word, is_rest))
    return tuple(notes)


def _ticks(word: str) -> int | None:
    """Return the duration of a note: 4 is a quarter, 0 a breve, 00 a longa, 3%2 two thirds of a whole note."""
    found = _DURATION.search(word)
    if not found or "q" in word or "Q" in word:
        return None
    number, divisor, dots = found.groups()
    whole = 4 * TICKS * int(divisor or 1)
    undotted = whole << len(number) if number.startswith("0") else round(whole / int(number))
    return 2 * undotted - (undotted >> len(dots))


def _pitch(word: str) -> int | None:
    """Return the MIDI pitch of a note: c is middle C, cc one octave above, C one below, CC two."""
    found = _PITCH.search(word)
    if not found:
        return None
    letter, signs = found.groups()
    repeats = len(found[0]) - len(signs)
    octave = 4 + repeats if letter.islower() else 4 - repeats + 1
    return 12 * octave + NATURALS[letter.upper()] + signs.count("#") - signs.count("-")
