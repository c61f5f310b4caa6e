"""Lines of music in ABC -> tokens; what does not match a token is ignored, as by other readers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LENGTH = r"\d{0,5}/{0,6}\d{0,5}"
_TOKEN = re.compile(
    rf"""
    "(?P<text>[^"]*)"
    | \[(?P<field>[A-Za-z]:[^\[\]]*)\]
    | (?P<bar_line>:*\[?\|+\]?:*(?:\s*\[?\d[\d,.-]*)?|::+|\[\d[\d,.-]*)
    | (?P<chord>\[(?:"[^"]*"|![^!\s]*!|[^\[\]|"!])*\]{_LENGTH})
    | (?P<note>(?:\^\^?|__?|=)?(?:\d{{0,3}}/\d{{0,3}})?[A-Ga-g][,']*{_LENGTH})
    | (?P<rest>[zx]{_LENGTH})
    | [ZX](?P<bars_of_rest>\d{{0,3}})
    | (?P<tie>-)
    | (?P<broken><+|>+)
    | \((?P<tuplet>\d(?::\d?){{0,2}})
    | (?P<overlay>&)
    | \{{(?P<grace>[^{{}}]*)\}}
    | !(?P<mark>[^!\s]*)!
    | \+(?P<old_mark>[^+\s]*)\+
    | (?P<short_mark>[HLMOPSTuv~.])
    | (?P<comment>%.*)
    """,
    re.VERBOSE,
)
_NOTE = re.compile(r"([\^_=]*)(\d*/\d*)?([A-Ga-g])([,']*)(.*)")
_CHORD = re.compile(r"\[(.*)\](.*)", re.DOTALL)
_BAR_LINE = re.compile(r"(:*)(\[?\|+\]?)(:*)\s*\[?(.*)|(::+)|\[(.*)", re.DOTALL)
ACCIDENTALS = {"__": -2, "_": -1, "=": 0, "^": 1, "^^": 2}  # semitones above the natural note
_MAX_OCTAVES = 12


class Token(NamedTuple):
    """A token.

    Attributes:
        kind: such as "note".
        text: without the signs that determine the kind.
    """

    kind: str
    text: str


class WrittenPitch(NamedTuple):
    """The pitch of a note as written.

    Attributes:
        letter: from A to G.
        octave: 4 begins at middle C.
        accidental: semitones above the natural note; None without a sign.
        is_microtone: whether the accidental is a fraction, which counts as none.
    """

    letter: str
    octave: int
    accidental: int | None
    is_microtone: bool


class BarLine(NamedTuple):
    """A bar line.

    Attributes:
        passes: how often the section that ends here is played; 0 if none ends.
        starts: whether a repeated section begins.
        ends_brackets: whether the brackets of endings end here.
        endings: the passes of the bracket that begins here; empty if no bracket begins.
    """

    passes: int
    starts: bool
    ends_brackets: bool
    endings: tuple[int, ...]


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a line, or of the inside of a chord."""
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or ""
        yield Token(kind, found[kind])


def note(text: str) -> tuple[WrittenPitch, float]:
    """Return the pitch of a note and its length in unit lengths."""
    sign, fraction, letter, marks, units = _NOTE.fullmatch(text).groups(default="")  # type: ignore[union-attr]
    octave = 4 + letter.islower() + marks.count("'") - marks.count(",")
    octave = max(-_MAX_OCTAVES, min(_MAX_OCTAVES, octave))
    accidental = None if fraction else ACCIDENTALS.get(sign)
    return WrittenPitch(letter.upper(), octave, accidental, bool(fraction)), length(units)


def chord(text: str) -> tuple[str, float]:
    """Return the inside of a chord, and the factor by which its notes are lengthened."""
    inside, units = _CHORD.fullmatch(text).groups()  # type: ignore[union-attr]
    return inside, length(units)


def length(text: str) -> float:
    """Return the value of a length such as `3`, `3/2`, `/` (a half) or `//` (a quarter)."""
    number, slash, rest = text.partition("/")
    denominator = int(rest) if rest.isdecimal() else 2 ** (len(slash) + len(rest))
    return (int(number or 1) or 1) / max(1, denominator)


def bar_line(text: str) -> BarLine:
    """Return what a bar line means."""
    before, line, behind, endings, double, bracket = _BAR_LINE.fullmatch(text).groups(default="")  # type: ignore[union-attr]
    passes = len(before) + 1 if before else 2 if double else 0
    starts = bool(behind or double)
    return BarLine(passes, starts, bool(passes or starts or len(line) > 1), _passes(endings or bracket))


def _passes(endings: str) -> tuple[int, ...]:
    """Return the passes of a bracket: "1,3" is the first and third, "1-3" the first to third."""
    passes: set[int] = set()
    for part in filter(None, re.split(r"[,.]", endings)):
        numbers = [int(number[:2]) for number in part.split("-") if number]
        passes.update(range(min(numbers), max(numbers) + 1) if numbers else ())
    return tuple(sorted(passes))
