"""`python -m tests.benchmarks.readers [WORD]`: compares files of music21's corpus with verovio, note for note.

Verovio is not among the dependencies: `pip install verovio`. Both play repeats and join ties. Grace notes, and the
arpeggios and ornaments of MusicXML, are removed first, because verovio plays them, and so are offsets of directions,
which lengthen its measures; ties get the second sign, which it needs, and of several bars of rest in a measure one is
kept. A file that differs is compared again in written order. The differences that remain:

- ties: seqgen joins a tied note to the next one of equal pitch that follows at once, even if that is in another voice
  (Dichterliebe), or begins a second ending; verovio joins notes that are far apart.
- unisons: if two voices of a part have the same pitch, a note ends in seqgen when the other one begins, and later in
  verovio (La donna e mobile).
- repeats: one without a beginning returns to the end of the previous one; in verovio to the beginning of the piece.
- durations: seqgen reads `<duration>`, verovio the notehead, where both disagree (Beethoven, op. 18 no. 1; tuplets
  within tuplets in the demos; trills written out in a second voice; Trecento pieces with a metre for each voice, or
  with a whole rest in bars of 3/2).
- rests: in seqgen, parts without notes do not determine the length of a measure (K. 80, a whole rest beside a pickup).
- accidentals: verovio gives some notes a sign that neither `<alter>` nor `<accidental>` states (PMFC 13, nos. 4 and 7).
- drums: verovio omits the highest of the drums of a chord in the demo.
"""

import base64
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import symusic

from seqgen.errors import MusicError
from seqgen.music import kern_reader, musicxml_reader, played_measures
from seqgen.music.decoded_text import decoded_text
from seqgen.music.musicxml_document import score_root
from seqgen.music.score import Note, track_of

GRID = 120  # verovio's steps per quarter note
_TOLERANCE = 2  # steps: its notes end one step early
_PLAYED_SIGNS = ("ornaments", "arpeggiate")
Span = tuple[int, int, int]  # onset, end, pitch


def corpus() -> Path:
    """Return the folder of music21's corpus."""
    import music21

    return Path(music21.__file__).parent / "corpus"


def differences(path: Path, *, is_played: bool = True) -> tuple[list[Span], list[Span]]:
    """Return the notes that only seqgen reads from a file, and those that only verovio reads.

    Args:
        path: of a file of kern or MusicXML.
        is_played: whether repeats are played; otherwise in written order.
    """
    return _unmatched(seqgen_spans(path, is_played=is_played), verovio_spans(path, is_played=is_played))


def seqgen_spans(path: Path, *, is_played: bool) -> set[Span]:
    """Return the notes that seqgen reads."""
    reader = kern_reader if path.suffix == ".krn" else musicxml_reader
    order = played_measures.played if is_played else lambda signs: list(range(len(signs)))
    with mock.patch.multiple(played_measures, played=order, _slack=lambda *_: None):  # sections keep their lengths
        score, _ = reader.score_of(path.read_bytes(), GRID)
    return _spans([note._replace(onset=note.onset - score.start) for note in score.notes])


def verovio_spans(path: Path, *, is_played: bool) -> set[Span]:
    """Return the notes that verovio reads."""
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"expandNever": not is_played})
    if not toolkit.loadData(_unambiguous(path)):
        raise ValueError(f"verovio cannot read {path.name}")
    score = symusic.Score.from_midi(base64.b64decode(toolkit.renderToMIDI()))
    scale = GRID / score.tpq
    notes = [note for track in score.tracks for note in track.notes]
    return _spans([Note(round(note.time * scale), round(note.duration * scale), note.pitch) for note in notes])


def _spans(notes: list[Note]) -> set[Span]:
    """Return the notes of all tracks together: one that is doubled counts once."""
    return {(note.onset, note.end, note.pitch) for note in track_of(notes).notes}


def _unmatched(ours: set[Span], theirs: set[Span]) -> tuple[list[Span], list[Span]]:
    shifts = sorted(range(-_TOLERANCE, _TOLERANCE + 1), key=abs)
    rest, only_ours = set(theirs), []
    for onset, end, pitch in sorted(ours):
        near = ((onset + first, end + second, pitch) for first in shifts for second in shifts)
        match = next((span for span in near if span in rest), None)
        if match:
            rest.remove(match)
        else:
            only_ours.append((onset, end, pitch))
    return only_ours, sorted(rest)


def _unambiguous(path: Path) -> str:
    """Return the content of a file without signs that verovio plays in its own way, and with complete ties."""
    if path.suffix == ".krn":
        return "\n".join(_kern_lines(decoded_text(path.read_bytes())))
    root = score_root(path.read_bytes())
    for measure in root.iter("measure"):
        for note in measure.findall("note"):
            if note.find("grace") is not None:
                measure.remove(note)
            for notations in note.findall("notations"):
                notations[:] = [sign for sign in notations if sign.tag not in _PLAYED_SIGNS]
        for direction in measure.findall("direction"):
            direction[:] = [child for child in direction if child.tag != "offset"]
        first, *others = measure.findall("note[rest]") or [measure]
        for note in others:
            is_whole = first.find("type") is None and note.findtext("duration") == first.findtext("duration")
            if is_whole and measure.find("note/pitch") is None:
                measure.remove(note)
    for part in root.iter("part"):
        _complete_ties(part)
    return ElementTree.tostring(root, encoding="unicode")


def _complete_ties(part: Element) -> None:
    """Add the second sign of ties that have only the first, if the next note of the voice has the same pitch."""
    places: Counter[str] = Counter()  # number of notes, chords and rests of each voice so far
    tied: set[tuple[str, int, tuple[str | None, ...]]] = set()  # voice, place and pitch
    for note in part.iter("note"):
        voice = f"{note.findtext('voice')} {note.findtext('staff')}"
        places[voice] += note.find("chord") is None
        pitch = tuple(note.findtext(f"pitch/{tag}") for tag in ("step", "alter", "octave"))
        signs = {sign.get("type") for sign in note.iterfind("notations/tied")}
        if (voice, places[voice] - 1, pitch) in tied and "stop" not in signs:
            notations = note.find("notations")
            notations = SubElement(note, "notations") if notations is None else notations
            notations.insert(0, Element("tied", type="stop"))
        if "start" in signs:
            tied.add((voice, places[voice], pitch))


def _kern_lines(text: str) -> Iterator[str]:
    """Yield the lines without grace notes and variants of the order of sections."""
    for line in text.split("\n"):
        fields = line.split("\t")
        if line.startswith("*>norep"):
            fields = ["*"] * len(fields)
        elif line[:1] not in "*=!":
            fields = ["." if "q" in field else field for field in fields]
        if set(fields) != {"."}:
            yield "\t".join(fields)


def main(word: str = "") -> None:
    """Print the files that differ, and how many do not."""
    suffixes = {".krn", ".mxl", ".xml", ".musicxml"}
    paths = [path for path in sorted(corpus().rglob("*")) if path.suffix in suffixes and word in str(path)]
    counts: Counter[str] = Counter()
    for path in paths:
        try:
            ours, theirs = differences(path)
            is_order = (ours or theirs) and differences(path, is_played=False) == ([], [])
        except (MusicError, ValueError) as error:
            print(f"{path.parent.name}/{path.name}: {error}", flush=True)
            counts["unreadable"] += 1
            continue
        if not ours and not theirs:
            counts["equal"] += 1
        else:
            counts["equal in written order" if is_order else "different"] += 1
            places = [round(onset / GRID, 2) for onset, _, _ in (ours or theirs)[:3]]
            found = f"{len(ours)} notes only in seqgen, {len(theirs)} only in verovio"
            where = ", all because of the order of repeats" if is_order else ""
            print(f"{path.parent.name}/{path.name}: {found}, from quarter {places}{where}", flush=True)
    print(f"{len(paths):,} files: {', '.join(f'{number:,} {kind}' for kind, number in counts.items())}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
