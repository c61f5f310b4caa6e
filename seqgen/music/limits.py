"""Limits on the size of a piece; a larger one is damaged or malicious."""

import re

from seqgen.errors import MusicError

MAX_BARS = 20_000  # eleven hours of 4/4 at the default tempo
MAX_NOTES = 1_000_000
MAX_EVENTS = 4 * MAX_NOTES  # of MIDI: notes, controllers, texts and so on
MAX_TRACKS = 32  # with notes: an orchestra
MAX_NUMERATOR = 32  # of a time signature: music21 enumerates its divisions, which takes a minute for 1,500
MAX_SILENT_TRACKS = 256  # with notes or not


def is_countable(beats: str) -> bool:
    """Return whether the upper part of a time signature, such as `3+2`, is small enough for music21."""
    return sum(map(float, re.findall(r"\d+", beats))) <= MAX_NUMERATOR


def endless() -> MusicError:
    """Return the error of a piece with too many bars."""
    return MusicError("endless music", f"has more than {MAX_BARS:,} bars")


def too_many_notes(num_notes: int, limit: int = MAX_NOTES) -> MusicError:
    """Return the error of a piece with too many notes."""
    return MusicError("endless music", f"has {num_notes:,} notes, more than {limit:,}")


def too_many_events(num_events: int) -> MusicError:
    """Return the error of a MIDI file with too many events."""
    return MusicError("endless music", f"has {num_events:,} events, more than {MAX_EVENTS:,}")


def too_many_tracks(num_tracks: int, limit: int = MAX_SILENT_TRACKS) -> MusicError:
    """Return the error of a piece with too many tracks; the limit is `MAX_TRACKS` for those with notes."""
    tracks = "tracks with notes" if limit == MAX_TRACKS else "tracks"
    return MusicError("file of too many tracks", f"has {num_tracks:,} {tracks}; the limit is {limit}")


def too_many_instruments(num_instruments: int) -> MusicError:
    """Return the error of a MIDI file with too many instruments in more than `MAX_TRACKS` tracks."""
    problem = f"has notes for {num_instruments:,} instruments; the limit is {MAX_TRACKS}"
    return MusicError("file of too many instruments", problem)
