"""The values of the fields of ABC: keys, metres, tempos, clefs and the order of parts."""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from seqgen.music.abc_tokens import ACCIDENTALS
from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.score import MAX_SHARPS
from seqgen.music.theory import ALTERATIONS, FIFTHS, signed

_KEY = re.compile(r"([A-G])([#b]?)\s*([A-Za-z]*)")
_MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
_PROPERTY = re.compile(r'(?:^|(?<=\s))(\w+)=("[^"]*"|\S*)')
_ACCIDENTAL = re.compile(r"(\^\^?|__?|=)([A-Ga-g])")
_CLEF = re.compile(r'(?:^|\s|clef="?)(?:treble|alto|tenor|bass|perc|none|(?<=[="])[GCF])\d?(?:([+-])(8|15))?')
_PROPERTIES = {"clef", "octave", "transpose", "middle", "m", "t", "stafflines", "style", "score", "sound", "shift"}
_BEATS = re.compile(r"(\d{1,4})/(\d{1,4})")
_TEMPO = re.compile(r"(?:([^=]*)=)?\s*(\d{1,4}(?:\.\d{1,4})?)\s*")
_PART = re.compile(r"([A-Za-z])|(\()|(\))|(\d{1,3})")


class AbcKey(NamedTuple):
    """A key.

    Attributes:
        sharps: of the key signature that agrees with most of the alterations; flats are negative.
        alterations: letter -> semitones above the natural note.
    """

    sharps: int
    alterations: Mapping[str, int]


class Shift(NamedTuple):
    """How much higher than written a voice sounds.

    Attributes:
        clef: in semitones, stated by a clef such as `treble-8`.
        octave: in octaves.
        transpose: in semitones.
    """

    clef: int = 0
    octave: int = 0
    transpose: int = 0

    @property
    def semitones(self) -> int:
        """The sum."""
        return self.clef + 12 * self.octave + self.transpose

    def changed(self, value: str) -> "Shift":
        """Return the shift after a K: or V: field with this value, which may leave it as it is."""
        shift = self
        clef = _CLEF.search(value)
        if clef:
            octaves = int(clef[2] or 0) // 7
            shift = shift._replace(clef=-12 * octaves if clef[1] == "-" else 12 * octaves)
        for name, number in _PROPERTY.findall(value):
            if name in ("octave", "transpose") and re.fullmatch(r"[+-]?\d{1,3}", number):
                shift = shift._replace(**{name: int(number)})
        return shift


def key(value: str) -> AbcKey | None:
    """Return the key that a K: field states; None if it states a clef only."""
    plain = _PROPERTY.sub(lambda found: "" if found[1] in _PROPERTIES else found[0], value)
    accidentals = tuple((letter.upper(), ACCIDENTALS[sign]) for sign, letter in _ACCIDENTAL.findall(plain))
    tonic = _KEY.match(plain)
    if tonic:
        sharps = FIFTHS.index(tonic[1]) - 1 + 7 * ALTERATIONS[tonic[2]] + _mode(tonic[3])
        is_explicit = tonic[3].lower() == "exp"
        return _key(0 if is_explicit else sharps, accidentals)
    if plain[:2] in ("HP", "Hp"):
        return _key(2, accidentals)
    if accidentals or not value or plain.startswith("none"):
        return _key(0, accidentals)
    return None


def _mode(name: str) -> int:
    """Return the sharps that a mode adds to those of major."""
    return _MODES.get("min" if name in ("m", "M") else name[:3].lower(), 0)


@lru_cache(maxsize=256)
def _key(sharps: int, accidentals: tuple[tuple[str, int], ...]) -> AbcKey:
    alterations = {letter: signed(letter, sharps) for letter in FIFTHS} | dict(accidentals)

    def fitness(signature: int) -> tuple[int, int]:
        agreeing = sum(signed(letter, signature) == alteration for letter, alteration in alterations.items())
        return agreeing, -abs(signature - sharps)

    return AbcKey(max(range(-MAX_SHARPS, MAX_SHARPS + 1), key=fitness), alterations)


NO_KEY = _key(0, ())


def metre(value: str) -> tuple[int, int] | None:
    """Return the numerator and denominator of a time signature or unit length, or None."""
    if value in ("C", "C|"):
        return (4, 4) if value == "C" else (2, 2)
    beats, _, unit = value.partition("/")
    numbers = [int(number) for number in re.findall(r"\d{1,4}", beats)]
    denominator = re.match(r"\s*(\d{1,4})", unit)
    if not numbers or not denominator or not sum(numbers) * int(denominator[1]):
        return None
    return sum(numbers), int(denominator[1])


def tempo(value: str, unit: Fraction) -> float | None:
    """Return the quarter notes per minute that a Q: field states; None if it consists of words.

    A number alone counts quarter notes, as for abc2midi; `C3=40` counts three unit lengths.
    """
    found = _TEMPO.fullmatch(re.sub(r'"[^"]*"', " ", value).strip())
    if not found:
        return None
    beats, number = found.groups()
    whole = Fraction(1, 4)
    if beats is not None:
        parts = [Fraction(int(upper), int(lower)) for upper, lower in _BEATS.findall(beats) if int(lower)]
        units = re.search(r"\d{1,4}", beats)
        whole = sum(parts, Fraction()) if parts else unit * (int(units[0]) if units else 1)
    return float(4 * whole) * float(number)


def part_order(value: str) -> list[str]:
    """Return the labels of the parts in the order of playing: `A2(BC)2` is A, A, B, C, B, C.

    Raises:
        MusicError: there are too many.
    """
    groups: list[list[str]] = [[]]
    last: list[str] = []
    for label, opening, closing, number in _PART.findall(value):
        if opening:
            groups.append([])
        elif label or (closing and len(groups) > 1):
            last = [label] if label else groups.pop()
            groups[-1] += last
        elif number:
            if len(last) * int(number) > MAX_BARS:
                raise endless()
            groups[-1] += last * (int(number) - 1)
            last = []
    return [label for group in groups for label in group]
