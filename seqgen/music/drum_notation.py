"""Drums in MusicXML: notes without a pitch, each with an instrument of its own."""

from xml.etree.ElementTree import Element, SubElement

from seqgen.music.instruments import drum_of
from seqgen.music.midi_file import DRUM_CHANNEL
from seqgen.music.theory import pitch_of


def rewrite(part: Element, description: Element) -> None:
    """Make drums of a part's pitches, where they stand and in the list of parts.

    music21 writes no two instruments of one kind in a part, so it is given pitches.
    """
    for old in [*description.findall("score-instrument"), *description.findall("midi-instrument")]:
        description.remove(old)
    found = [(note, pitch) for note in part.iter("note") if (pitch := note.find("pitch")) is not None]
    keys = [_key(pitch) for _, pitch in found]
    for (note, pitch), key in zip(found, keys, strict=True):
        _rewrite_note(note, pitch, key, _name(description, key))
    for key in sorted(set(keys)):
        instrument = SubElement(description, "score-instrument", id=_name(description, key))
        SubElement(instrument, "instrument-name").text = drum_of(key).name
    for key in sorted(set(keys)):
        instrument = SubElement(description, "midi-instrument", id=_name(description, key))
        SubElement(instrument, "midi-channel").text = str(DRUM_CHANNEL)
        SubElement(instrument, "midi-unpitched").text = str(key + 1)


def _name(description: Element, key: int) -> str:
    return f"{description.get('id')}-D{key}"


def _key(pitch: Element) -> int:
    signs = {"-1": "b", "1": "#"}
    return pitch_of(f"{pitch.findtext('step')}{signs.get(pitch.findtext('alter', ''), '')}{pitch.findtext('octave')}")


def _rewrite_note(note: Element, pitch: Element, key: int, instrument: str) -> None:
    """Put the drum's place for the pitch, its instrument and, if it is not the usual one, its notehead."""
    drum = drum_of(key)
    unpitched = Element("unpitched")
    SubElement(unpitched, "display-step").text = drum.place[0]
    SubElement(unpitched, "display-octave").text = drum.place[1]
    note[list(note).index(pitch)] = unpitched
    _insert(note, Element("instrument", id=instrument), ("voice", "type"))
    if drum.notehead != "normal":
        head = Element("notehead")
        head.text = drum.notehead
        _insert(note, head, ("staff", "beam", "notations"))


def _insert(note: Element, element: Element, followers: tuple[str, ...]) -> None:
    """Insert an element where the order that MusicXML asks for has it: before the first of its followers."""
    place = next((place for place, child in enumerate(note) if child.tag in followers), len(note))
    note.insert(place, element)
