"""Drums in MusicXML: unpitched notes with one instrument per drum."""

from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement

from seqgen.music.instruments import drum_of
from seqgen.music.midi_writer import DRUM_CHANNEL
from seqgen.music.score import Score
from seqgen.music.theory import pitch_of


def without_keys(score: Score) -> Score:
    """Return the score without key signatures, which drums do not have."""
    return replace(score, bars=tuple(bar._replace(sharps=0) for bar in score.bars))


def rewrite(part: Element, description: Element) -> None:
    """Replace the pitches of a part by drums, in its notes and in the list of parts.

    music21 cannot write several instruments of one kind in a part, so it is given pitches.
    """
    for old in [*description.findall("score-instrument"), *description.findall("midi-instrument")]:
        description.remove(old)
    keys = set()
    for note in part.iter("note"):
        pitch = note.find("pitch")
        if pitch is not None:
            key = pitch_of(f"{pitch.findtext('step')}{pitch.findtext('octave')}") + int(pitch.findtext("alter", "0"))
            keys.add(key)
            _rewrite_note(note, pitch, key, _name(description, key))
    for key in sorted(keys):
        instrument = SubElement(description, "score-instrument", id=_name(description, key))
        SubElement(instrument, "instrument-name").text = drum_of(key).name
    for key in sorted(keys):
        instrument = SubElement(description, "midi-instrument", id=_name(description, key))
        SubElement(instrument, "midi-channel").text = str(DRUM_CHANNEL)
        SubElement(instrument, "midi-unpitched").text = str(key + 1)


def _name(description: Element, key: int) -> str:
    return f"{description.get('id')}-D{key}"


def _rewrite_note(note: Element, pitch: Element, key: int, instrument: str) -> None:
    """Replace the pitch by the staff position of the drum, and add its instrument and, if not normal, its notehead."""
    drum = drum_of(key)
    unpitched = Element("unpitched")
    SubElement(unpitched, "display-step").text = drum.place[0]
    SubElement(unpitched, "display-octave").text = drum.place[1]
    note[list(note).index(pitch)] = unpitched
    accidental = note.find("accidental")
    if accidental is not None:
        note.remove(accidental)
    _insert(note, Element("instrument", id=instrument), ("voice", "type"))
    if drum.notehead != "normal":
        head = Element("notehead")
        head.text = drum.notehead
        _insert(note, head, ("staff", "beam", "notations"))


def _insert(note: Element, element: Element, followers: tuple[str, ...]) -> None:
    """Insert an element in the order that MusicXML requires: before the first of its followers."""
    place = next((place for place, child in enumerate(note) if child.tag in followers), len(note))
    note.insert(place, element)
