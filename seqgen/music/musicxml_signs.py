"""Signs of MusicXML that music21 does not read: measure repeats, and jumps that only `<sound>` elements describe."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

_JUMPS: Mapping[str, Mapping[str, Any]] = {
    "dacapo": {"jump": "capo"},
    "dalsegno": {"jump": "segno"},
    "segno": {"segno": True},
    "coda": {"coda": True},
    "tocoda": {"coda": True},
    "fine": {"fine": True},
    "forward-repeat": {"starts": True},
}
_PATTERN = re.compile("[1-9]?")  # number of measures; only a few programs repeat more than two


def jumps_of(measure: Element) -> dict[str, Any]:
    """Return the fields of `Signs` that the `<sound>` elements of a measure determine."""
    found: dict[str, Any] = {}
    for sound in measure.iter("sound"):
        for attribute in sound.attrib.keys() & _JUMPS.keys():
            if sound.get(attribute) != "no":
                found |= _JUMPS[attribute]
    return found


def measure_repeats(part: Element) -> Iterator[dict[str, int]]:
    """Yield for each measure how many measures back the one lies that it repeats.

    The keys are the numbers of staves; an empty number stands for all of them.
    """
    current: dict[str, int] = {}
    for measure in part.iterfind("measure"):
        begun: dict[str, int] = {}
        for style in measure.iterfind("attributes/measure-style"):
            for sign in style.iterfind("measure-repeat"):
                number, text = style.get("number", ""), (sign.text or "").strip()
                if sign.get("type") == "stop":
                    current.pop(number, None)
                elif _PATTERN.fullmatch(text):
                    begun[number] = current[number] = int(text or 1)
        yield current | begun
