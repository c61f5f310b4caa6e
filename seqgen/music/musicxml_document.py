"""MusicXML files, plain and packed -> XML trees that are safe to read: nothing is fetched or written to disk."""

import io
import zipfile
import zlib
from contextlib import suppress
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers import expat

from seqgen.errors import MusicError
from seqgen.music.limits import MAX_SILENT_TRACKS, too_many_notes, too_many_tracks

MAX_BYTES = 100_000_000  # unpacked
MAX_NOTES = 300_000  # music21 needs half a minute
_MAX_EFFORT = 40_000_000  # sum over parts of squared numbers of measures: music21's time is proportional, up to 20 s
_MAX_TAGS = 5_000_000  # need a gigabyte
_MAX_RATIO = 200  # of unpacked to packed bytes; music has 10 to 40
_SMALL_BYTES = 1_000_000  # may have any ratio
_CONTAINER = "META-INF/container.xml"
_SIGNS = {"time", "key", "metronome", "words", "sound", "segno", "coda"}
_MAX_SIGNS = 10_000  # music21 needs two milliseconds for each


def score_root(data: bytes) -> Element:
    """Return the root of the score in a MusicXML file or .mxl archive.

    Raises:
        MusicError: the file is damaged, not MusicXML, declares entities, or is too large.
    """
    root = _parsed(_unpacked(data) if data.startswith(b"PK") else data)
    if root.tag == "score-timewise":
        raise MusicError("timewise MusicXML", "is timewise MusicXML: export it as partwise, as nearly all programs do")
    if root.tag != "score-partwise":
        raise MusicError("XML that is no MusicXML", f"is XML, but not MusicXML: its root is <{root.tag[:40]}>")
    _check_size(root)
    return root


def _check_size(root: Element) -> None:
    """Reject a score that music21 would read for too long."""
    num_notes = sum(1 for _ in root.iter("note"))
    if num_notes > MAX_NOTES:
        raise too_many_notes(num_notes, MAX_NOTES)
    num_signs = sum(1 for element in root.iter() if element.tag in _SIGNS)
    if num_signs > _MAX_SIGNS:
        raise MusicError("endless music", f"has {num_signs:,} changes of metre, key or tempo: too many to read")
    parts = [len(part.findall("measure")) for part in root.findall("part")]
    if len(parts) > MAX_SILENT_TRACKS:
        raise too_many_tracks(len(parts))
    if sum(num_measures**2 for num_measures in parts) > _MAX_EFFORT:
        raise MusicError("endless music", f"has {sum(parts):,} measures in {len(parts)} parts: too many to read")


def _unpacked(data: bytes) -> bytes:
    """Return the score in an .mxl archive."""
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
        data = file.read(MAX_BYTES + 1)  # the archive may understate the size
    if len(data) > MAX_BYTES:
        raise _too_large(len(data))
    return data


def _too_large(num_bytes: int) -> MusicError:
    return MusicError("archive that unpacks to too much", f"unpacks to {num_bytes / 1e6:,.0f} MB, more than music has")


def _main_file(container: bytes) -> str:
    """Return the name of the score according to the archive's table of contents, or an empty string."""
    for element in _parsed(container).iter():
        if element.tag.endswith("rootfile"):
            return element.get("full-path", "")
    return ""


def _parsed(data: bytes) -> Element:
    """Return the root of an XML document that declares no entities.

    Entities are declared before the root. They can refer to files and addresses, or expand to gigabytes.
    """
    num_tags = data.count(b"<")
    if num_tags > _MAX_TAGS:
        raise MusicError("endless music", f"has {num_tags:,} XML tags: more than music has")
    parser = expat.ParserCreate()
    parser.EntityDeclHandler = _reject_entity
    parser.StartElementHandler = _stop
    try:
        with suppress(StopIteration):
            parser.Parse(data, True)
        return fromstring(data)  # noqa: S314  # the danger is in entities
    except (expat.ExpatError, ParseError, LookupError, ValueError) as error:
        raise MusicError("damaged file", f"is damaged: its XML is broken ({error})") from error


def _reject_entity(*_: object) -> None:
    raise MusicError("XML with entities", "declares XML entities, which music does not need and which can do harm")


def _stop(*_: object) -> None:
    raise StopIteration
