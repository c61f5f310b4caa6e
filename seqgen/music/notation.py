"""Written music -> scores, through music21: MusicXML, kern and ABC."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from seqgen.errors import MusicError
from seqgen.music.bars import Found, regular
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of

MAX_BARS = 20_000


def score_of(stream: Any, grid: int) -> tuple[Score, int]:
    """Return the score of a music21 stream, and how many of its notes were moved to the grid.

    Repeats are played out, tied notes are one, chord symbols and grace notes are left out.

    Raises:
        MusicError: it holds no notes, or cannot be brought to bars on the grid.
    """
    stream = _expanded(stream)
    parts = [part for part in (stream.parts if stream.hasPartLikeStreams() else [stream]) if part.flatten().notes]
    if not parts:
        raise MusicError("file without notes", "it holds no notes")
    found = max((_bars(part, grid) for part in parts), key=len)
    bars, pickup = regular(found, grid)
    missing = bars[0].num_steps(grid) - pickup if pickup else 0
    num_moved = 0
    tracks = []
    for part in parts:
        notes, moved = _notes(part, grid, missing)
        num_moved += moved
        if notes:
            tracks.append(_track(part, notes))
    if not tracks:
        raise MusicError("file without notes", "it holds no notes")
    return Score(_long_enough(bars, tracks, grid), tuple(tracks), pickup, _tempos(stream), grid), num_moved


def _expanded(stream: Any) -> Any:
    from music21.repeat import ExpanderException

    stream = stream.toSoundingPitch() if stream.atSoundingPitch is False else stream
    try:
        return stream.expandRepeats()
    except ExpanderException:  # signs that contradict each other: played as it is written
        return stream


def _bars(part: Any, grid: int) -> list[Found]:
    """Return the part's measures; where there are none, bars of its length."""
    from music21 import key, meter, stream

    measures = list(part.getElementsByClass(stream.Measure))
    if not measures:
        raise MusicError("music without bars", "it has no bar lines")
    now = Bar()
    starts = [round(Fraction(measure.offset) * grid) for measure in measures]
    ends = [*starts[1:], starts[-1] + round(Fraction(measures[-1].duration.quarterLength) * grid)]
    found = []
    for measure, start, end in zip(measures, starts, ends, strict=True):
        for signature in measure.getElementsByClass(meter.TimeSignature):
            now = now._replace(numerator=signature.numerator, denominator=signature.denominator)
        for signature in measure.getElementsByClass(key.KeySignature):
            now = now._replace(sharps=signature.sharps or 0)
        found.append(Found(end - start, now))
    return found


def _notes(part: Any, grid: int, missing: int) -> tuple[list[Note], int]:
    from music21 import harmony

    notes: list[Note] = []
    held: dict[int, int] = {}  # pitch -> place of the note that is tied on
    num_moved = 0
    for element in part.flatten().notes:
        if isinstance(element, harmony.Harmony) or element.duration.isGrace or not hasattr(element, "pitches"):
            continue
        start = Fraction(element.offset) * grid
        end = start + Fraction(element.duration.quarterLength) * grid
        onset, last = round(start), round(end)
        if last <= onset:
            continue
        num_moved += start != onset or end != last
        for single in getattr(element, "notes", (element,)):
            pitch = single.pitch.midi
            tie = single.tie.type if single.tie else None
            place = held.pop(pitch, None) if tie in ("stop", "continue") else None
            if place is not None and notes[place].end == onset + missing:
                notes[place] = notes[place]._replace(duration=last + missing - notes[place].onset)
            else:
                place = len(notes)
                notes.append(Note(onset + missing, last - onset, pitch))
            if tie in ("start", "continue"):
                held[pitch] = place
    return notes, num_moved


def _track(part: Any, notes: list[Note]) -> Track:
    instrument = part.getInstrument(returnDefault=False)
    name = part.partName or (instrument.partName if instrument else None) or ""
    program = (instrument.midiProgram if instrument else None) or 0
    is_drum = bool(instrument and getattr(instrument, "inGMPercMap", False))
    return track_of(notes, str(name), program, is_drum=is_drum)


def _tempos(stream: Any) -> tuple[Tempo, ...]:
    """Return the tempo at the beginning."""
    from music21 import tempo

    for mark in stream.flatten().getElementsByClass(tempo.MetronomeMark):
        speed = mark.getQuarterBPM()
        if speed and speed > 0:
            return (Tempo(0, float(speed)),)
    return (Tempo(0, 120.0),)


def _long_enough(bars: tuple[Bar, ...], tracks: Iterable[Track], grid: int) -> tuple[Bar, ...]:
    """Return the bars with as many more as the last notes need."""
    lacking = max(note.end for track in tracks for note in track.notes) - sum(bar.num_steps(grid) for bar in bars)
    more = -(-lacking // bars[-1].num_steps(grid)) if lacking > 0 else 0
    if more > MAX_BARS:
        raise MusicError("endless music", f"it goes on for {more:,} bars after its last bar line")
    return bars + bars[-1:] * more
