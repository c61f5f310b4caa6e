"""The changes made when a piece of music is read; they are counted and reported."""

from collections import Counter
from collections.abc import Sequence

from seqgen.music.score import Note, Track, track_of

QUANTIZED = "note quantized to the grid"
LENGTHENED = "note lengthened to one step"
CLOSED = "gap of a shortened note closed"
SHORTENED = "overlapping note of equal pitch shortened"
DOUBLED = "doubled note omitted"
HANGING = "note without an end ended"
GRACE = "grace note omitted"
CUE = "cue note omitted"
UNPITCHED = "unpitched note of unknown drum omitted"
BEYOND = "note outside MIDI's pitch range omitted"
OVERLAY = "voice overlay of ABC omitted"
METRE = "unusable time signature omitted"
LATE_METRE = "time signature within a bar moved to the next bar"
STRETCHED = "bar lengthened to fit a time signature"
TEMPO = "unusable tempo omitted"


def track(notes: Sequence[Note], name: str, program: int, notices: Counter[str], *, is_drum: bool) -> Track:
    """Return a track of notes in any order; overlapping and doubled notes are counted."""
    track = track_of(notes, name, program, is_drum=is_drum)
    notices[DOUBLED] += len(notes) - len(track.notes)
    notices[SHORTENED] += len(set(track.notes).difference(notes))
    return track
