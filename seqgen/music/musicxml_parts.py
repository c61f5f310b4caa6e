"""The part list of a MusicXML file -> name, program and drums of each part."""

from collections.abc import Mapping
from typing import NamedTuple
from xml.etree.ElementTree import Element

from seqgen.music.instruments import drum_at
from seqgen.music.programs import drum_of_name, program_of_name, program_of_sound
from seqgen.music.score import NUM_PITCHES

_NOTEHEADS = {"normal": "normal", "x": "x", "cross": "x", "circle-x": "x"}


class ListedPart(NamedTuple):
    """What the part list says about a part.

    Attributes:
        name: may be empty.
        program: General MIDI program, from 0.
        drums: MIDI pitch of each unpitched instrument by id.
    """

    name: str
    program: int
    drums: Mapping[str, int]


UNLISTED = ListedPart("", 0, {})


def listed_parts(root: Element) -> dict[str, ListedPart]:
    """Return the parts of the part list by id."""
    return {part.get("id", ""): _listed(part) for part in root.iterfind("part-list/score-part")}


def drum_of_note(note: Element, part: ListedPart, *, is_drum_set: bool) -> int | None:
    """Return the MIDI pitch of an unpitched note, or None if its drum is unknown.

    The instrument of the note determines it, or else the only instrument of the part, or else the staff position.

    Args:
        note: the note.
        part: the part of the note.
        is_drum_set: whether staff positions have the usual meaning; those on a staff of one line have not.
    """
    instrument = note.find("instrument")
    pitches = set(part.drums.values())
    if instrument is not None and instrument.get("id") in part.drums:
        return part.drums[instrument.get("id", "")]
    if instrument is None and len(pitches) == 1:
        return pitches.pop()
    if not is_drum_set:
        return None
    place = note.findtext("unpitched/display-step", "").strip() + note.findtext("unpitched/display-octave", "").strip()
    return drum_at(place, _NOTEHEADS.get(note.findtext("notehead", "normal").strip(), ""))


def _listed(part: Element) -> ListedPart:
    name = " ".join(part.findtext("part-name", "").split())
    drums: dict[str, int] = {}
    for instrument in part.iterfind("score-instrument"):
        pitch = drum_of_name(instrument.findtext("instrument-name", "").strip())
        if pitch is not None:
            drums[instrument.get("id", "")] = pitch
    for instrument in part.iterfind("midi-instrument"):
        number = _number(instrument, "midi-unpitched")
        if number is not None:
            drums[instrument.get("id", "")] = number
    if not drums and (pitch := drum_of_name(name)) is not None:
        drums[""] = pitch
    return ListedPart(name, _program(part, name), drums)


def _program(part: Element, name: str) -> int:
    """Return the program that the file states, or else that of the sound, or else that of the name.

    Program 1, a piano, does not count: many programs state it for every part, whatever its name is.
    """
    for instrument in part.iterfind("midi-instrument"):
        number = _number(instrument, "midi-program")
        if number:
            return number
    for sound in part.iterfind("score-instrument/instrument-sound"):
        program = program_of_sound((sound.text or "").strip())
        if program is not None:
            return program
    names = [instrument.findtext("instrument-name", "").strip() for instrument in part.iterfind("score-instrument")]
    return next(filter(None, map(program_of_name, [*names, name])), 0)


def _number(instrument: Element, tag: str) -> int | None:
    """Return a MIDI number from 0; MusicXML counts from 1, but some files have 0."""
    text = instrument.findtext(tag, "").strip()
    return max(0, int(text) - 1) if text.isdecimal() and len(text) <= 3 and int(text) <= NUM_PITCHES else None
