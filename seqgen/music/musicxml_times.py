"""Durations that music21 does not read as MusicXML states them: of measures, and of the notes of a chord."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

_CHORD = "chord"


def lengths_of(part: Element) -> Iterator[float]:
    """Yield the quarter notes up to the end of each measure's last note, rest or `<forward>`; 0 for an empty one.

    The first note of a chord determines its length. music21 may return more: it counts the offset of a `<direction>`,
    and an empty `<forward>` as a quarter note.
    """
    divisions = 1.0
    for measure in part.iterfind("measure"):
        now = end = 0.0
        for event in measure:
            if event.tag == "attributes":
                divisions = float(event.findtext("divisions") or divisions)
            elif event.tag == "backup":
                now -= _duration(event) / divisions
            elif event.tag in ("note", "forward") and event.find(_CHORD) is None:
                now += _duration(event) / divisions
                end = max(end, now)
        yield end


def divide_chords(measure: Element) -> None:
    """Move the notes of chords that have another duration than the first note out of the chord.

    music21 would give all notes of a chord the duration of the first.
    """
    events: list[Element] = []
    divided: list[Element] = []
    first = 0.0
    for event in measure:
        duration = _duration(event)
        chord = event.find(_CHORD) if event.tag == "note" else None
        if chord is None:
            events += [*divided, event]
            divided = []
            first = duration if event.tag == "note" else first
        elif duration == first:
            events.append(event)
        else:
            event.remove(chord)
            divided += [_step("backup", first), event, _step("backup", duration), _step("forward", first)]
    measure[:] = events + divided


def _step(tag: str, duration: float) -> Element:
    step = Element(tag)
    SubElement(step, "duration").text = str(duration)
    return step


def _duration(event: Element) -> float:
    return float(event.findtext("duration") or 0)
