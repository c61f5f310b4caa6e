"""Names of pitches, keys and durations, and the spelling of pitches under a key signature."""

import re
from fractions import Fraction
from functools import cache
from statistics import fmean, pstdev
from typing import NamedTuple

from seqgen.errors import UsageError
from seqgen.music.keys import transposed_key
from seqgen.music.score import DENOMINATORS, MAX_SHARPS, NUM_PITCHES, Score

MAX_QUARTERS = 1000  # of one typed note
NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}  # semitones above C
FIFTHS = "FCGDAEB"  # the order of sharps
ALTERATIONS = {"": 0, "#": 1, "##": 2, "b": -1, "bb": -2}
_MODES = {
    "": "major", "maj": "major", "major": "major", "dur": "major",
    "m": "minor", "min": "minor", "minor": "minor", "moll": "minor",
}  # fmt: skip
# How well each pitch class fits a key, from the tonic up: Temperley, The Cognition of Basic Musical Structures (2001).
# These profiles find the key signatures of 355 of 413 chorales, those of Krumhansl and Kessler 306.
_PROFILES = {
    "major": (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
    "minor": (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0),
}


class TypedChord(NamedTuple):
    """A typed note, chord or rest.

    Attributes:
        pitches: in descending order; empty for a rest.
        quarters: duration in quarter notes.
    """

    pitches: tuple[int, ...]
    quarters: Fraction


class Key(NamedTuple):
    """A key.

    Attributes:
        tonic: pitch class, 0 is C.
        mode: `major` or `minor`.
        sharps: of the key signature; flats are negative.
    """

    tonic: int
    mode: str
    sharps: int


def pitch_of(name: str) -> int:
    """Return the MIDI number of a note name such as C4 (60), F#3 or Bb5.

    Raises:
        UsageError: the name is invalid; the message suggests a correction.
    """
    match = re.fullmatch("([A-G])(#{0,2}|b{0,2})(-1|[0-9]{1,2})", _plain(name))
    if not match:
        raise UsageError(_explained(_plain(name)))
    letter, alteration, octave = match.groups()
    pitch = 12 * (int(octave) + 1) + NATURALS[letter] + ALTERATIONS[alteration]
    if not 0 <= pitch < NUM_PITCHES:
        raise UsageError(f"{name} is out of range; notes go from C-1 to G9, and C4 is middle C")
    return pitch


def notes_of(text: str) -> list[TypedChord]:
    """Return the notes of a text such as "C4 E4:2 G4:0.5 R:1 C4+E4+G4:1/3", with quarter notes after the colon.

    Raises:
        UsageError: a name or a duration is invalid.
    """
    steps = []
    for word in text.replace(",", " ").split():
        names, colon, quarters = word.partition(":")
        is_rest = names in ("R", "r")
        pitches = () if is_rest else tuple(sorted({pitch_of(name) for name in names.split("+")}, reverse=True))
        steps.append(TypedChord(pitches, _quarters(word, quarters) if colon else Fraction(1)))
    return steps


def name_of(pitch: int, sharps: int = 0) -> str:
    """Return the name of a pitch under a key signature: 61 is C#4 in four sharps, Db4 in three flats."""
    letter, alteration, octave = spelled(pitch, sharps)
    return f"{letter}{_signs(alteration)}{octave}"


@cache
def spelled(pitch: int, sharps: int) -> tuple[str, int, int]:
    """Return the letter, its alteration (flats are negative) and the octave of a pitch under a key signature.

    The seven notes of a key are adjacent on the circle of fifths. Of the other five, three are spelled above them (the
    raised fourth, first and fifth degree of a major key), and two below (the lowered seventh and third).
    """
    lowest = sharps - 3
    place = lowest + (7 * pitch - lowest) % 12  # on the circle of fifths, where C is 0
    alteration, fifth = divmod(place + 1, 7)
    return FIFTHS[fifth], alteration, (pitch - alteration) // 12 - 1


def signed(letter: str, sharps: int) -> int:
    """Return the alteration of a letter under a key signature: 1, 0 or -1."""
    return (sharps - FIFTHS.index(letter) + 6) // 7


def key_of(name: str) -> Key:
    """Return the key with a name such as D, Am, f#m, Bb major or a minor.

    Raises:
        UsageError: the name is invalid.
    """
    plain = _plain(name)
    match = re.fullmatch("([A-G])([#b]?)[ -]?([a-z]*)", plain)
    if not match or match[3] not in _MODES:
        raise UsageError(f"a key is a name such as D, Bb, F#m, A minor or Bb major, got {name!r}{_german(plain)}")
    letter, alteration, mode = match[1], match[2], _MODES[match[3]]
    if name.strip()[0].islower() and not match[3]:
        raise UsageError(f"{name!r} may be major or minor; write {plain} major or {plain} minor")
    sharps = FIFTHS.index(letter) - 1 + 7 * ALTERATIONS[alteration] - (3 if mode == "minor" else 0)
    if abs(sharps) > MAX_SHARPS:
        other = sharps - 12 if sharps > 0 else sharps + 12
        raise UsageError(f"{name} has more than seven sharps or flats; write {key_name(other, mode)}")
    return Key((NATURALS[letter] + ALTERATIONS[alteration]) % 12, mode, sharps)


def key_name(sharps: int, mode: str = "") -> str:
    """Return the name of a key such as "D major", or of both keys of a signature, such as "D major / B minor"."""
    if not mode:
        return f"{key_name(sharps, 'major')} / {key_name(sharps, 'minor')}"
    alteration, fifth = divmod(sharps + (4 if mode == "minor" else 1), 7)
    return f"{FIFTHS[fifth]}{_signs(alteration)} {mode}"


def metre_of(text: str) -> tuple[int, int]:
    """Return the numerator and denominator of a metre such as 6/8.

    Raises:
        UsageError: it is not a metre.
    """
    match = re.fullmatch("([1-9][0-9]{0,2})/([1-9][0-9]?)", text.strip())
    if not match or int(match[2]) not in DENOMINATORS:
        raise UsageError(
            f"--metre must be such as 3/4 or 6/8, with one of the denominators {', '.join(map(str, DENOMINATORS))}, "
            f"got {text!r}"
        )
    return int(match[1]), int(match[2])


def best_key(score: Score, sharps: int | None = None) -> Key:
    """Return the key that fits the notes of a score best, without drums; C major without notes.

    It is the key whose profile has the highest correlation with the total duration of each pitch class.

    Args:
        score: the notes.
        sharps: of the key signature, which two keys have; None for all 24 keys.
    """
    sounding = [0] * 12
    for track in score.tracks:
        for note in track.notes if not track.is_drum else ():
            sounding[note.pitch % 12] += note.duration

    def fit(key: Key) -> float:
        profile = _PROFILES[key.mode]
        mean = fmean(profile)
        products = (sounding[(key.tonic + degree) % 12] * (weight - mean) for degree, weight in enumerate(profile))
        return sum(products) / pstdev(profile)  # the deviation of the durations is the same for every key

    keys = [
        Key(tonic, mode, transposed_key(0 if mode == "major" else -3, tonic))
        for tonic in range(12)
        for mode in _PROFILES
    ]
    possible = [key for key in keys if sharps is None or (key.sharps - sharps) % 12 == 0]
    return max(possible, key=lambda key: (round(fit(key), 6), -abs(key.sharps)))


def _signs(alteration: int) -> str:
    return "#" * alteration + "b" * -alteration


def _plain(name: str) -> str:
    """Return a name with its letter in upper case and its signs as `#` and `b`."""
    name = name.strip().replace("♯", "#").replace("♭", "b")
    return name[:1].upper() + name[1:]


def _explained(name: str) -> str:
    """Return the error message for a name that is not a note name."""
    rule = "a note is a letter, an optional # or b, and an octave, such as C4, F#3 or Bb5"
    if re.fullmatch("[0-9]{1,3}", name):
        remedy = f"; write {name_of(int(name))}" if int(name) < NUM_PITCHES else ""
        return f"{rule}: {name} is a number{remedy}"
    if re.fullmatch("[A-G](#{0,2}|b{0,2})", name):
        return f"{rule}: {name} has no octave; write {name}4 for the octave from middle C"
    if match := re.fullmatch("([A-G])-([0-9])", name):
        return f"{rule}: {name} is too low; for a flat, write {match[1]}b{match[2]}"
    return f"{rule}, got {name!r}{_german(name if name[-1:].isdigit() else name + '4')}"


def _german(name: str) -> str:
    """Return the English name for a German one, as the end of a message; an empty string for other names."""
    match = re.fullmatch("(H|[A-H]is|[A-H]es|Es|As)(-?[0-9]*)(.*)", name)
    if not match or match[3].strip(" -") not in _MODES:
        return ""
    sign = "#" if match[1].endswith("is") else "b" if match[1].endswith("s") else ""
    english = match[1][0].replace("H", "B") + sign
    warning = ", and the German B is Bb" if match[1] == "H" else ""
    return f": {match[1]} is {english} in English{warning}; write {english}{match[2]}{match[3]}"


def _quarters(word: str, duration: str) -> Fraction:
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?|\.[0-9]{1,6}|[0-9]{1,6}/0*[1-9][0-9]{0,5}", duration):
        quarters = Fraction(duration)
        if 0 < quarters <= MAX_QUARTERS:
            return quarters
    raise UsageError(
        f"a duration is in quarter notes, such as 2, 0.5 or 1/3, above 0 and at most {MAX_QUARTERS}, "
        f"got {duration!r} in {word!r}"
    )
