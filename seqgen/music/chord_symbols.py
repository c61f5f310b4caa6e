"""Chord symbols, such as `F#m7/E` -> MIDI pitches, and a track of block chords.

music21's own parser knows neither `maj9` nor `6/9`, moves inversions between octaves and takes milliseconds per symbol.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from seqgen.music.score import Note, Track, track_of
from seqgen.music.theory import ALTERATIONS, NATURALS

TRACK_NAME = "Chords"
_LOWEST_ROOT = 48  # the C below middle C
_SPELLINGS = str.maketrans({"♯": "#", "♭": "b", "△": "Δ", "°": "o", "(": "", ")": "", ",": "", " ": ""})
_NO_CHORD = re.compile(r"n\.?c\.?|no ?chord", re.IGNORECASE)
_SYMBOL = re.compile(
    r"(?P<root>[A-G])(?P<sign>##?|bb?|)"
    r"(?P<quality>minor|min|mi|m(?!aj|a(?:\d|$))|-(?!5)|dim|o|ø|aug|\+(?!5)|)"
    r"(?P<major>[Mm]ajor|[Mm]aj|ma|M|Δ|)"
    r"(?P<number>6/?9|13|11|[5679]|)"
    r"(?P<changes>(?:sus[24]?|(?:add|no|omit)\d{1,2}|[-+b#]\d{1,2}|\+)*)"
    r"(?:/(?P<bass>[A-Ga-g])(?P<bass_sign>#|b|))?"
)
_CHANGE = re.compile(r"(sus|add|no|omit|[-+b#]|)(\d{0,2})")
_RESEMBLES_SYMBOL = re.compile(r"[A-G](?:#|b|♯|♭)*(?:[-+0-9/Δø°(]|o\d|m|M|dim|aug|sus|add)\S{0,12}")
_FIFTHS = {"dim": 6, "o": 6, "ø": 6, "aug": 8, "+": 8}
_MINOR_THIRDS = {"minor", "min", "mi", "m", "-", "dim", "o", "ø"}
_ADDED = {"": (), "5": (), "6": (6,), "69": (6, 9), "7": (7,), "9": (7, 9), "11": (7, 9, 11), "13": (7, 9, 13)}
_SEMITONES = {2: 2, 4: 5, 5: 7, 6: 9, 7: 10, 9: 14, 11: 17, 13: 21}  # of each degree above the root
_RAISED = {"b": -1, "-": -1, "#": 1, "+": 1, "add": 0}


def resembles_symbol(text: str) -> bool:
    """Return whether a text is a chord symbol, known or unknown, and not a remark such as "Coda"."""
    return pitches(text) is not None or _RESEMBLES_SYMBOL.fullmatch(text.strip()) is not None


@lru_cache(maxsize=1024)
def pitches(symbol: str) -> tuple[int, ...] | None:
    """Return the MIDI pitches of a chord symbol from the lowest up, or None if it is unknown.

    The root lies between C3 and B3, a different bass note below it. "N.C." (no chord) has no pitches.
    """
    if _NO_CHORD.fullmatch(symbol.strip()):
        return ()
    found = _SYMBOL.fullmatch(symbol.translate(_SPELLINGS))
    degrees = _degrees(found) if found else None
    if not found or degrees is None:
        return None
    root = _LOWEST_ROOT + (NATURALS[found["root"]] + ALTERATIONS[found["sign"]]) % 12
    chord = {root + semitones for semitones in degrees.values()}
    if found["bass"]:
        chord.add(root - (root - NATURALS[found["bass"].upper()] - ALTERATIONS[found["bass_sign"]]) % 12)
    return tuple(sorted(chord))


def _degrees(found: re.Match[str]) -> dict[int, int] | None:
    """Return the degrees of a chord with their semitones above the root, or None if a change is unknown."""
    quality, major, number = found["quality"], found["major"], found["number"].replace("/", "")
    degrees = {1: 0, 3: 3 if quality in _MINOR_THIRDS else 4, 5: _FIFTHS.get(quality, 7)}
    if number == "5":
        del degrees[3]
    degrees |= {degree: _SEMITONES[degree] for degree in _ADDED[number]}
    if quality == "ø" or (major == "Δ" and 7 not in degrees):
        degrees[7] = 10
    if 7 in degrees:
        degrees[7] = 11 if major else 9 if quality in ("dim", "o") else 10
    for change, digits in _CHANGE.findall(found["changes"]):
        degree = int(digits or (4 if change == "sus" else 5))
        if change == "sus":
            degrees[3] = _SEMITONES[degree]
        elif change in ("no", "omit"):
            degrees.pop(degree, None)
        elif change and degree in _SEMITONES:
            degrees[degree] = _SEMITONES[degree] + _RAISED[change]
        elif change:
            return None
    return degrees


def chord_track(symbols: Iterable[tuple[int, str]], end: int) -> Track:
    """Return the track of block chords; each lasts until the next symbol.

    Args:
        symbols: pairs of step and chord symbol, in any order; the last one at a step counts, unknown ones are skipped.
        end: the step at which the last chord ends.
    """
    chords = {step: chord for step, symbol in symbols if (chord := pitches(symbol)) is not None and step < end}
    notes = [
        Note(step, after - step, pitch)
        for (step, chord), (after, _) in pairwise([*sorted(chords.items()), (end, ())])
        for pitch in chord
    ]
    return track_of(notes, TRACK_NAME)
