"""The changes made when a piece of music is read; they are counted and reported."""

from collections import Counter
from collections.abc import Mapping, Sequence

from seqgen.music.score import Note, Track, track_of
from seqgen.wording import counted

QUANTIZED = "note quantized to the grid"
LENGTHENED = "note lengthened to one step"
CLOSED = "gap of a shortened note closed"
SHORTENED = "overlapping note of equal pitch shortened"
DOUBLED = "doubled note omitted"
HANGING = "note without an end ended"
GRACE = "grace note omitted"
CUE = "cue note omitted"
LYRIC = "lyric syllable omitted"
PEDAL_MARK = "pedal mark omitted"
UNPITCHED = "unpitched note of unknown drum omitted"
BEYOND = "note outside MIDI's pitch range omitted"
DECORATION = "decoration of ABC, such as a trill, omitted"
MICROTONE = "microtone of ABC read without its accidental"
AFTER_END = "line after the end of a tune of ABC, which is an empty line, omitted"
CHORD_SYMBOL = "chord symbol omitted"
UNKNOWN_CHORD = "unknown chord symbol omitted"
SPINE = "token of a spine without notes omitted"
SECTION = "unknown section of kern omitted"
METRE = "unusable time signature omitted"
LATE_METRE = "time signature within a bar moved to the next bar"
JOINED = "section shortened or lengthened to a whole bar"
STRETCHED = "bar lengthened to fit a time signature"
TEMPO = "unusable tempo omitted"
KEY = "unusable key signature omitted"
BEAT_BARS = "piece in bars of one beat read in bars of four"
PERFORMANCE = "performance without bars and metre, read in bars of 4/4"
PERFORMED = "note of performances"
PERFORMED_QUANTIZED = "note of performances quantized to the grid"
PEDAL = "use of the sustain pedal omitted (--pedal reads it)"
BEND = "large pitch bend omitted"
MERGED = "track of the same instrument as another merged with it"


def track(notes: Sequence[Note], name: str, program: int, notices: Counter[str], *, is_drum: bool) -> Track:
    """Return a track of notes in any order; overlapping and doubled notes are counted."""
    track = track_of(notes, name, program, is_drum=is_drum)
    notices[DOUBLED] += len(notes) - len(track.notes)
    notices[SHORTENED] += len(set(track.notes).difference(notes))
    return track


def phrases(changes: Mapping[str, int]) -> list[str]:
    """Return a phrase for each kind of change; that on performances has the share of their notes that are quantized."""
    changes = dict(changes)
    num_notes, num_quantized = changes.pop(PERFORMED, 0), changes.pop(PERFORMED_QUANTIZED, 0)
    found = []
    for kind, number in changes.items():
        found.append(counted(number, kind))
        if kind == PERFORMANCE:
            share = f"{num_quantized:,} of {counted(num_notes, 'note')} ({num_quantized / num_notes:.0%})"
            found[-1] += f": {share} quantized to the grid"
    return found
