"""MusicXML files -> scores, through music21."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from seqgen.music import notices
from seqgen.music.keys import transposed_key
from seqgen.music.limits import is_countable
from seqgen.music.music21_streams import measures_of, quiet, title_of
from seqgen.music.musicxml_document import score_root
from seqgen.music.score import NUM_PITCHES, Score
from seqgen.music.written_parts import WrittenPart, score_from_parts

_OF_SCORES = {"identification", "part-list", "part"}
_EVENTS = {"note", "backup", "forward", "attributes", "direction", "sound", "barline"}
_OF_NOTES = {"pitch", "duration", "chord", "tie", "staff"}  # all voices of a staff are one part
_OF_RESTS = {"duration", "chord", "type", "dot", "staff"}
_OF_ATTRIBUTES = {"divisions", "key", "time", "staves"}
_DIRECTIONS = {"words", "segno", "coda", "metronome"}
_ENDING = re.compile(r"\d{1,2}(?:[,. -]+\d{1,2})*")
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class _Description(NamedTuple):
    """What the XML says about a part, but music21 does not.

    Attributes:
        transpositions: place of a measure -> semitones from written to sounding pitch from this measure on.
        is_drum: whether the part has unpitched notes.
    """

    transpositions: dict[int, int]
    is_drum: bool


def score_of(data: bytes, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a MusicXML file, and how often each change was made on reading it.

    What does not sound is removed before music21 reads the file, which saves a quarter of the time.

    Raises:
        MusicError: the file is damaged, not MusicXML, has entities, is too large, or has no notes.
    """
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    counts = Counter[str]()
    root = score_root(data)
    drums = _drums(root)
    descriptions = {part.get("id", ""): _prepared(part, drums, counts) for part in root.findall("part")}
    root[:] = [child for child in root if child.tag in _OF_SCORES]
    with quiet():
        importer: Any = MusicXMLImporter()  # type: ignore[no-untyped-call]  # music21 types some of its functions
        importer.xmlRootToScore(root, importer.stream)
        parts = [_part(part, descriptions, grid, counts) for part in importer.stream.parts]
    return score_from_parts(parts, grid, counts), +counts


def _drums(root: Element) -> dict[str, int]:
    """Return the MIDI pitch of each unpitched instrument by id; a part's id stands for its first instrument."""
    drums: dict[str, int] = {}
    for part in root.iterfind("part-list/score-part"):
        for instrument in part.iterfind("midi-instrument"):
            number = instrument.findtext("midi-unpitched", "").strip()
            if number.isdecimal() and 1 <= int(number) <= NUM_PITCHES:
                drums[instrument.get("id", "")] = int(number) - 1
                drums.setdefault(part.get("id", ""), int(number) - 1)
    return drums


def _prepared(part: Element, drums: Mapping[str, int], counts: Counter[str]) -> _Description:
    """Remove from a part what does not sound, and return what music21 does not provide."""
    transpositions = {0: 0}
    is_drum = False
    for place, measure in enumerate(part.iterfind("measure")):
        measure[:] = [event for event in measure if event.tag in _EVENTS and not _is_silent(event, counts)]
        for barline in measure.iterfind("barline"):
            barline[:] = [sign for sign in barline if sign.tag != "ending" or _is_ending(sign)]
        for event in measure:
            if event.tag == "note":
                is_drum |= _pitch_drum(event, part.get("id", ""), drums)
                _prepare_note(event, counts)
            elif event.tag == "attributes":
                transpositions.update((place, _semitones(transpose)) for transpose in event.iterfind("transpose"))
                _prepare_attributes(event)
    return _Description(transpositions, is_drum)


def _is_silent(event: Element, counts: Counter[str]) -> bool:
    """Return whether an event neither sounds nor takes time; such notes are counted."""
    if event.tag == "note":
        is_grace, is_cue = event.find("grace") is not None, event.find("cue") is not None
        counts[notices.GRACE] += is_grace and not is_cue
        counts[notices.CUE] += is_cue
        return is_grace or (is_cue and event.find("chord") is not None)
    if event.tag == "direction":
        event[:] = [child for child in event if child.tag != "direction-type" or _directs(child)]
        return event.find("direction-type") is None and event.find("sound") is None
    return False


def _is_ending(ending: Element) -> bool:
    """Return whether a bracket has the numbers of a few passes; music21 would enumerate any range."""
    return _ENDING.fullmatch(ending.get("number", "").strip()) is not None


def _directs(kind: Element) -> bool:
    return any(sign.tag in _DIRECTIONS for sign in kind)


def _prepare_note(note: Element, counts: Counter[str]) -> None:
    """Keep only what determines the sound of a note, or the duration of a note that does not sound."""
    note.attrib.clear()
    is_unknown = note.find("unpitched") is not None
    counts[notices.UNPITCHED] += is_unknown
    if note.find("pitch") is not None and note.find("cue") is None:
        note[:] = [child for child in note if child.tag in _OF_NOTES]
        return
    note[:] = [child for child in note if child.tag in _OF_RESTS]
    SubElement(note, "rest")


def _prepare_attributes(attributes: Element) -> None:
    attributes[:] = [child for child in attributes if child.tag in _OF_ATTRIBUTES]
    for time in attributes.findall("time"):
        if not is_countable("+".join(beats.text or "" for beats in time.iter("beats"))):
            attributes.remove(time)  # the measures have their own lengths anyway
    for key in attributes.iterfind("key"):
        key[:] = [child for child in key if child.tag != "mode"]  # music21 would build its scale


def _pitch_drum(note: Element, part: str, drums: Mapping[str, int]) -> bool:
    """Give an unpitched note the pitch of its drum, if known; return whether it is known."""
    unpitched = note.find("unpitched")
    instrument = note.find("instrument")
    key = drums.get(part if instrument is None else instrument.get("id", ""))
    if unpitched is None or key is None:
        return False
    unpitched.tag = "pitch"
    unpitched[:] = []
    name = _STEPS[key % 12]
    for tag, text in ("step", name[0]), ("alter", str(len(name) - 1)), ("octave", str(key // 12 - 1)):
        SubElement(unpitched, tag).text = text
    return True


def _semitones(transpose: Element) -> int:
    """Return how many semitones above the written pitch the part sounds."""
    return round(float(transpose.findtext("chromatic") or 0) + 12 * float(transpose.findtext("octave-change") or 0))


def _part(part: Any, descriptions: Mapping[str, _Description], grid: int, counts: Counter[str]) -> WrittenPart:
    """Return a written part from a music21 part; a part of two staves has become two."""
    names = {name.rsplit("-Staff", 1)[0] for name in map(str, part.groups)} & descriptions.keys()
    description = descriptions[names.pop()] if names else _Description({0: 0}, is_drum=False)
    measures = measures_of(part, grid, counts)
    semitones = 0
    for place, measure in enumerate(measures):
        semitones = description.transpositions.get(place, semitones)
        if semitones:
            measure.notes = [note._replace(pitch=note.pitch + semitones) for note in measure.notes]
            measure.bar = measure.bar._replace(sharps=transposed_key(measure.bar.sharps, semitones))
    return WrittenPart(measures, *title_of(part), is_drum=description.is_drum)
