"""MusicXML files -> scores, through music21."""

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from seqgen.music import notices
from seqgen.music.keys import transposed_key
from seqgen.music.limits import is_countable
from seqgen.music.measures import Measure, WrittenPart, merged
from seqgen.music.music21_streams import measures_of, quiet
from seqgen.music.musicxml_document import score_root
from seqgen.music.musicxml_harmony import prepare_harmony
from seqgen.music.musicxml_parts import UNLISTED, ListedPart, drum_of_note, listed_parts
from seqgen.music.musicxml_signs import jumps_of, measure_repeats
from seqgen.music.musicxml_times import divide_chords, lengths_of
from seqgen.music.score import Score
from seqgen.music.written_parts import score_from_parts

_OF_SCORES = {"identification", "part-list", "part"}
_EVENTS = {"note", "backup", "forward", "attributes", "direction", "sound", "barline"}
_OF_NOTES = {"pitch", "duration", "chord", "tie", "staff"}  # without voices: all of a staff are one part
_OF_RESTS = {"duration", "chord", "type", "dot", "staff"}
_OF_ATTRIBUTES = {"divisions", "key", "time", "staves"}
_DIRECTIONS = {"words", "segno", "coda", "metronome"}
_ENDING = re.compile(r"\d{1,2}(?:[,. -]+\d{1,2})*")
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass
class _Description:
    """What the XML says about a part, but music21 does not.

    Attributes:
        listed: what the part list says.
        is_drum: whether all of its notes are unpitched.
        transpositions: place of a measure -> semitones from written to sounding pitch from this measure on.
        repeats: for each measure the distance of the measure that each staff repeats.
        jumps: for each measure the fields of its signs that `<sound>` elements determine.
        lengths: of each measure in quarter notes; 0 if it is empty.
    """

    listed: ListedPart = UNLISTED
    is_drum: bool = False
    transpositions: dict[int, int] = field(default_factory=dict)
    repeats: Sequence[Mapping[str, int]] = ()
    jumps: Sequence[Mapping[str, Any]] = ()
    lengths: Sequence[float] = ()


def score_of(data: bytes, grid: int, *, chords: bool = False) -> tuple[Score, Counter[str]]:
    """Return the score of a MusicXML file, and how often each change was made on reading it.

    With `chords`, its chord symbols become a track.

    What does not sound is removed before music21 reads the file, which saves a quarter of the time.

    Raises:
        MusicError: the file is damaged, not MusicXML, has entities, is too large, or has no notes.
    """
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    counts = Counter[str]()
    root = score_root(data)
    prepare_harmony(root, counts, chords=chords)
    listed = listed_parts(root)
    parts = [(part.get("id", ""), part) for part in root.findall("part")]
    descriptions = {name: _prepared(part, listed.get(name, UNLISTED), counts) for name, part in parts}
    root[:] = [child for child in root if child.tag in _OF_SCORES]
    for entry in root.iterfind("part-list/score-part"):
        entry[:] = []
    with quiet():
        importer: Any = MusicXMLImporter()  # type: ignore[no-untyped-call]  # music21 types some of its functions
        importer.xmlRootToScore(root, importer.stream)
        staves = [(_name(staff, descriptions), staff) for staff in importer.stream.parts]
        written = [
            _part([staff for _, staff in group], descriptions.get(name, _Description()), grid, counts)
            for name, group in groupby(staves, key=lambda pair: pair[0])
        ]
    return score_from_parts(written, grid, counts, chords=chords), +counts


def _prepared(part: Element, listed: ListedPart, counts: Counter[str]) -> _Description:
    """Remove from a part what does not sound, and return what music21 does not provide."""
    is_drum = part.find("measure/note/unpitched") is not None and part.find("measure/note/pitch") is None
    is_drum_set = "1" not in {(lines.text or "").strip() for lines in part.iter("staff-lines")}
    description = _Description(listed, is_drum, repeats=list(measure_repeats(part)), lengths=list(lengths_of(part)))
    description.jumps = [jumps_of(measure) for measure in part.iterfind("measure")]
    for place, measure in enumerate(part.iterfind("measure")):
        measure[:] = [event for event in measure if event.tag in _EVENTS and not _is_silent(event, counts)]
        divide_chords(measure)
        for barline in measure.iterfind("barline"):
            barline[:] = [sign for sign in barline if sign.tag != "ending" or _is_ending(sign)]
        for event in measure:
            if event.tag == "note":
                if is_drum and event.find("unpitched") is not None:
                    _add_pitch(event, drum_of_note(event, listed, is_drum_set=is_drum_set))
                _prepare_note(event, counts)
            elif event.tag == "attributes":
                for transpose in event.iterfind("transpose"):
                    description.transpositions[place] = _semitones(transpose)
                _prepare_attributes(event)
    return description


def _is_silent(event: Element, counts: Counter[str]) -> bool:
    """Return whether an event neither sounds nor takes time; such notes are counted."""
    if event.tag == "note":
        is_grace, is_cue = event.find("grace") is not None, event.find("cue") is not None
        counts[notices.GRACE] += is_grace and not is_cue
        counts[notices.CUE] += is_cue
        return is_grace or (is_cue and event.find("chord") is not None)
    if event.tag == "direction":
        counts[notices.PEDAL_MARK] += sum(
            sign.get("type") == "start" for sign in event.iterfind("direction-type/pedal")
        )
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
    counts[notices.LYRIC] += len(note.findall("lyric"))
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


def _add_pitch(note: Element, key: int | None) -> None:
    """Give an unpitched note the pitch of its drum, if known."""
    unpitched = note.find("unpitched")
    if unpitched is None or key is None:
        return
    unpitched.tag = "pitch"
    unpitched[:] = []
    name = _STEPS[key % 12]
    for tag, text in ("step", name[0]), ("alter", str(len(name) - 1)), ("octave", str(key // 12 - 1)):
        SubElement(unpitched, tag).text = text


def _semitones(transpose: Element) -> int:
    """Return how many semitones above the written pitch the part sounds."""
    return round(float(transpose.findtext("chromatic") or 0) + 12 * float(transpose.findtext("octave-change") or 0))


def _name(staff: Any, names: Container[str]) -> str:
    """Return the id of the part to which a music21 part belongs; a part of two staves has become two."""
    groups = (name.rsplit("-Staff", 1)[0] for name in map(str, staff.groups))
    return next((name for name in groups if name in names), "")


def _part(staves: Sequence[Any], description: _Description, grid: int, counts: Counter[str]) -> WrittenPart:
    """Return a part from the music21 parts of its staves: one instrument is one part."""
    read = [measures_of(staff, grid, counts) for staff in staves]
    for number, measures in enumerate(read, 1):
        _repeat_measures(measures, str(number), description.repeats)
    part = WrittenPart(merged(read), *description.listed[:2], is_drum=description.is_drum)
    for measure, jumps in zip(part.measures, description.jumps, strict=False):
        measure.signs = measure.signs._replace(**jumps)
    for measure, quarters in zip(part.measures, description.lengths, strict=False):
        measure.quarters = min(measure.quarters, quarters or measure.quarters)
    if not part.is_drum:
        _transpose(part.measures, description.transpositions)
    return part


def _repeat_measures(measures: Sequence[Measure], staff: str, repeats: Sequence[Mapping[str, int]]) -> None:
    """Fill the empty measures of a staff that repeat others."""
    for place, (measure, distances) in enumerate(zip(measures, repeats, strict=False)):
        distance = distances.get(staff, distances.get("", 0))
        if 0 < distance <= place and not measure.notes:
            measure.notes = measures[place - distance].notes


def _transpose(measures: Sequence[Measure], transpositions: Mapping[int, int]) -> None:
    """Transpose measures from written to sounding pitch."""
    semitones = 0
    for place, measure in enumerate(measures):
        semitones = transpositions.get(place, semitones)
        if semitones:
            measure.notes = [note._replace(pitch=note.pitch + semitones) for note in measure.notes]
            measure.bar = measure.bar._replace(sharps=transposed_key(measure.bar.sharps, semitones))
