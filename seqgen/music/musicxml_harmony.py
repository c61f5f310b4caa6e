"""Chord symbols of MusicXML, passed through music21 as words: its own chord symbols take milliseconds each."""

from collections import Counter
from contextlib import suppress
from xml.etree.ElementTree import Element, SubElement

from seqgen.music import notices

SYMBOL = "\ue000"  # a character for private use, which precedes a chord symbol among words
_NO_CHORD = "N.C."
_KINDS = {
    "major": "", "minor": "m", "augmented": "aug", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "aug7", "half-diminished": "m7b5",
    "major-minor": "mM7", "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9", "major-ninth": "maj9",
    "minor-ninth": "m9", "dominant-11th": "11", "major-11th": "maj11", "minor-11th": "m11", "dominant-13th": "13",
    "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2", "suspended-fourth": "sus4", "power": "5",
}  # fmt: skip
_SIGNS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}


def prepare_harmony(root: Element, counts: Counter[str], *, chords: bool) -> None:
    """Replace the chord symbols of a score by words, or remove and count them."""
    for measure in root.iterfind("part/measure"):
        if not chords:
            counts[notices.CHORD_SYMBOL] += len(measure.findall("harmony"))
            continue
        for harmony in measure.findall("harmony"):
            symbol, offset = _symbol(harmony), harmony.find("offset")
            harmony.clear()
            harmony.tag = "direction"
            SubElement(SubElement(harmony, "direction-type"), "words").text = SYMBOL + symbol
            if offset is not None:
                harmony.append(offset)


def _symbol(harmony: Element) -> str:
    """Return the symbol as musicians write it, such as `F#m7b5/A`."""
    kind = harmony.findtext("kind", "").strip()
    if kind == "none":
        return _NO_CHORD
    root = _note(harmony, "root")
    bass = _note(harmony, "bass")
    degrees = "".join(map(_degree, harmony.iterfind("degree")))
    return f"{root}{_KINDS.get(kind, kind)}{degrees}{'/' if bass else ''}{bass}"


def _note(harmony: Element, name: str) -> str:
    """Return the name of the root or of the bass note, if there is one."""
    step = harmony.findtext(f"{name}/{name}-step", "").strip()
    return step + _sign(harmony.findtext(f"{name}/{name}-alter", "0"))


def _sign(alteration: str) -> str:
    with suppress(ValueError, OverflowError):
        return _SIGNS.get(round(float(alteration)), "?")
    return "?"  # no symbol has this sign


def _degree(degree: Element) -> str:
    """Return a change of a chord, such as `b9`, `add9` or `no5`."""
    number, sign = degree.findtext("degree-value", "").strip(), _sign(degree.findtext("degree-alter", "0"))
    kind = degree.findtext("degree-type", "").strip()
    return f"no{number}" if kind == "subtract" else f"{sign or 'add'}{number}"
