"""MusicXML files, plain and packed -> scores, through music21; nothing they name is fetched, nothing goes to disk."""

import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring
from xml.parsers import expat

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.layout import Part, laid_out
from seqgen.music.limits import MAX_SILENT_TRACKS, is_countable, too_many_notes, too_many_tracks
from seqgen.music.notation import measures_of, quiet, title_of
from seqgen.music.score import NUM_PITCHES, Score, transposed_key

MAX_BYTES = 100_000_000  # unpacked
MAX_NOTES = 300_000  # half a minute's work for music21
_MAX_EFFORT = 40_000_000  # squares of the parts' measures: music21's time grows with them, up to 20 s here
_MAX_TAGS = 5_000_000  # which take a gigabyte
_MAX_RATIO = 200  # of unpacked to packed; music has 10 to 40
_SMALL_BYTES = 1_000_000  # which may have any ratio
_CONTAINER = "META-INF/container.xml"
_OF_SCORES = {"identification", "part-list", "part"}
_EVENTS = {"note", "backup", "forward", "attributes", "direction", "sound", "barline"}
_OF_NOTES = {"pitch", "duration", "chord", "tie", "staff"}  # all voices of a staff are one part
_OF_RESTS = {"duration", "chord", "type", "dot", "staff"}
_OF_ATTRIBUTES = {"divisions", "key", "time", "staves"}
_DIRECTIONS = {"words", "segno", "coda", "metronome"}
_SIGNS = {"time", "key", "metronome", "words", "sound", "segno", "coda"}
_MAX_SIGNS = 10_000  # each takes music21 two milliseconds
_ENDING = re.compile(r"\d{1,2}(?:[,. -]+\d{1,2})*")
_STEPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class _Description(NamedTuple):
    """What the XML says of a part and music21 does not.

    Attributes:
        transpositions: the place of a measure -> the semitones from what is written to what sounds, from there on.
        is_drum: whether it has unpitched notes.
    """

    transpositions: dict[int, int]
    is_drum: bool


def score_of(data: bytes, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a MusicXML file, and what was changed on reading it.

    Before music21 sees it, what is not heard is taken out, which saves a quarter of the time.

    Raises:
        MusicError: it is damaged, no MusicXML, has entities or unpacks to too much, or holds no notes.
    """
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    counts = Counter[str]()
    root = _root(_unpacked(data) if data.startswith(b"PK") else data)
    drums = _drums(root)
    descriptions = {part.get("id", ""): _prepared(part, drums, counts) for part in root.findall("part")}
    root[:] = [child for child in root if child.tag in _OF_SCORES]
    with quiet():
        importer: Any = MusicXMLImporter()  # type: ignore[no-untyped-call]  # music21 types some of its functions
        importer.xmlRootToScore(root, importer.stream)
        parts = [_part(part, descriptions, grid, counts) for part in importer.stream.parts]
    return laid_out(parts, grid, counts), +counts


def _unpacked(data: bytes) -> bytes:
    """Return the score in an .mxl archive.

    Raises:
        MusicError: it is damaged, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            name = _main_file(_member(archive, _CONTAINER)) if _CONTAINER in names else ""
            if name not in names:
                name = next((name for name in names if name.lower().endswith((".xml", ".musicxml"))), "")
            return _member(archive, name)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, KeyError) as error:
        raise MusicError("damaged file", "is damaged: its archive cannot be unpacked") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    is_bomb = info.file_size > max(_SMALL_BYTES, _MAX_RATIO * info.compress_size)
    if is_bomb or info.file_size > MAX_BYTES:
        raise _too_large(info.file_size)
    with archive.open(info) as file:
        data = file.read(MAX_BYTES + 1)  # whatever size the archive states
    if len(data) > MAX_BYTES:
        raise _too_large(len(data))
    return data


def _too_large(num_bytes: int) -> MusicError:
    return MusicError("archive that unpacks to too much", f"unpacks to {num_bytes / 1e6:,.0f} MB, more than music has")


def _main_file(container: bytes) -> str:
    """Return the name of the score, as the archive's table of contents has it."""
    for element in _parsed(container).iter():
        if element.tag.endswith("rootfile"):
            return element.get("full-path", "")
    return ""


def _root(data: bytes) -> Element:
    """Return the score's root.

    Raises:
        MusicError: it is no MusicXML, or too long.
    """
    root = _parsed(data)
    if root.tag == "score-timewise":
        raise MusicError("timewise MusicXML", "is timewise MusicXML: export it as partwise, as nearly all programs do")
    if root.tag != "score-partwise":
        raise MusicError("XML that is no MusicXML", f"is XML, but no MusicXML: its root is <{root.tag[:40]}>")
    num_notes = sum(1 for _ in root.iter("note"))
    if num_notes > MAX_NOTES:
        raise too_many_notes(num_notes, MAX_NOTES)
    num_signs = sum(1 for element in root.iter() if element.tag in _SIGNS)
    if num_signs > _MAX_SIGNS:
        raise MusicError("endless music", f"holds {num_signs:,} changes of metre, key or tempo: too many to be read")
    parts = [len(part.findall("measure")) for part in root.findall("part")]
    if len(parts) > MAX_SILENT_TRACKS:
        raise too_many_tracks(len(parts))
    if sum(num_measures**2 for num_measures in parts) > _MAX_EFFORT:
        raise MusicError("endless music", f"has {sum(parts):,} measures in {len(parts)} parts: too many to be read")
    return root


def _parsed(data: bytes) -> Element:
    """Return the root of an XML document that declares no entities.

    Entities are declared before the root. They can name files and addresses, or unfold to gigabytes.
    """
    num_tags = data.count(b"<")
    if num_tags > _MAX_TAGS:
        raise MusicError("endless music", f"holds {num_tags:,} XML tags: more than music has")
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _refuse_entity
    parser.StartElementHandler = _stop
    try:
        with suppress(StopIteration):
            parser.Parse(data, True)
        return fromstring(data)  # noqa: S314 - the danger are entities
    except (expat.ExpatError, ParseError, LookupError, ValueError) as error:
        raise MusicError("damaged file", f"is damaged: its XML is broken ({error})") from error


def _refuse_entity(*_: object) -> None:
    raise MusicError("XML with entities", "declares XML entities, which music does not need and which can do harm")


def _stop(*_: object) -> None:
    raise StopIteration


def _drums(root: Element) -> dict[str, int]:
    """Return the MIDI pitch of each unpitched instrument by its name; a part's name stands for its first."""
    drums: dict[str, int] = {}
    for part in root.iterfind("part-list/score-part"):
        for instrument in part.iterfind("midi-instrument"):
            number = instrument.findtext("midi-unpitched", "").strip()
            if number.isdecimal() and 1 <= int(number) <= NUM_PITCHES:
                drums[instrument.get("id", "")] = int(number) - 1
                drums.setdefault(part.get("id", ""), int(number) - 1)
    return drums


def _prepared(part: Element, drums: Mapping[str, int], counts: Counter[str]) -> _Description:
    """Take out of a part what is not heard, and return what music21 will not tell."""
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
    """Tell whether an event is neither heard nor takes time; notes among them are counted."""
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
    """Tell whether a bracket has the numbers of a few passes; music21 would count to any."""
    return _ENDING.fullmatch(ending.get("number", "").strip()) is not None


def _directs(kind: Element) -> bool:
    return any(sign.tag in _DIRECTIONS for sign in kind)


def _prepare_note(note: Element, counts: Counter[str]) -> None:
    """Leave of a note what its sound needs, and of one that does not sound the time that it takes."""
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
            attributes.remove(time)  # the measures have their own lengths all the same
    for key in attributes.iterfind("key"):
        key[:] = [child for child in key if child.tag != "mode"]  # music21 would build its scale


def _pitch_drum(note: Element, part: str, drums: Mapping[str, int]) -> bool:
    """Give an unpitched note the pitch of its drum, if that is known; tell whether it has one."""
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
    """Return how many semitones above what is written it sounds."""
    return round(float(transpose.findtext("chromatic") or 0) + 12 * float(transpose.findtext("octave-change") or 0))


def _part(part: Any, descriptions: Mapping[str, _Description], grid: int, counts: Counter[str]) -> Part:
    """Return a part of music21's; one of two staves has become two."""
    names = {name.rsplit("-Staff", 1)[0] for name in map(str, part.groups)} & descriptions.keys()
    description = descriptions[names.pop()] if names else _Description({0: 0}, is_drum=False)
    measures = measures_of(part, grid, counts)
    semitones = 0
    for place, measure in enumerate(measures):
        semitones = description.transpositions.get(place, semitones)
        if semitones:
            measure.notes = [note._replace(pitch=note.pitch + semitones) for note in measure.notes]
            measure.bar = measure.bar._replace(sharps=transposed_key(measure.bar.sharps, semitones))
    return Part(measures, *title_of(part), is_drum=description.is_drum)
