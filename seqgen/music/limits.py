"""How much music a piece may hold: more is a mistake in a file, or malice."""

import re

from seqgen.errors import MusicError

MAX_BARS = 20_000  # eleven hours of 4/4 at the usual tempo
MAX_NOTES = 1_000_000
MAX_TRACKS = 32  # with notes: an orchestra's
MAX_NUMERATOR = 32  # of a time signature: music21 finds all its parts, and is a minute at one of 1,500
MAX_SILENT_TRACKS = 256  # with notes or not


def is_countable(beats: str) -> bool:
    """Tell whether what stands above in a time signature, as `3+2`, is short enough for music21."""
    return sum(map(float, re.findall(r"\d+", beats))) <= MAX_NUMERATOR


def endless() -> MusicError:
    """Return the error of a piece with too many bars."""
    return MusicError("endless music", f"goes on for more than {MAX_BARS:,} bars")


def too_many_notes(num_notes: int, limit: int = MAX_NOTES) -> MusicError:
    """Return the error of a piece with too many notes."""
    return MusicError("endless music", f"holds {num_notes:,} notes: more than {limit:,}")


def too_many_tracks(num_tracks: int) -> MusicError:
    """Return the error of a piece with too many tracks."""
    return MusicError(
        "file of too many tracks",
        f"holds {num_tracks:,} tracks: at most {MAX_SILENT_TRACKS} may be there, {MAX_TRACKS} of them with notes",
    )
