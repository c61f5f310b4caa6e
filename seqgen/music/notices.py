"""What is changed on reading a piece of music, and counted, so that nothing happens in silence."""

from collections import Counter
from collections.abc import Sequence

from seqgen.music.score import Note, Track, track_of

MOVED = "note moved to the grid"
LENGTHENED = "note shorter than a step lengthened to one"
CLOSED = "gap of a shortened note closed"
SHORTENED = "overlapping note of equal pitch shortened"
DOUBLED = "doubled note left out"
HANGING = "note that never ends ended"
GRACE = "grace note left out"
CUE = "cue note left out"
UNPITCHED = "unpitched note of no known drum left out"
BEYOND = "note beyond MIDI's pitches left out"
OVERLAY = "second voice of a bar of ABC left out"
METRE = "time signature that cannot be used left out"
LATE_METRE = "time signature inside a bar moved to the next"
STRETCHED = "bar lengthened to fit a time signature"
TEMPO = "tempo that cannot be used left out"


def track(notes: Sequence[Note], name: str, program: int, notices: Counter[str], *, is_drum: bool) -> Track:
    """Return a track of notes in any order; what overlaps or is doubled in it is counted."""
    track = track_of(notes, name, program, is_drum=is_drum)
    notices[DOUBLED] += len(notes) - len(track.notes)
    notices[SHORTENED] += len(set(track.notes).difference(notes))
    return track
