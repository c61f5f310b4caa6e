"""kern files -> scores, through music21."""

import re
from collections import Counter
from typing import Any

from seqgen.errors import MusicError
from seqgen.music.limits import MAX_SILENT_TRACKS, is_countable, too_many_tracks
from seqgen.music.music21_streams import decoded_text, measures_of, quiet, title_of
from seqgen.music.score import Score
from seqgen.music.written_parts import WrittenPart, score_from_parts

MAX_CHARACTERS = 1_000_000  # music21 needs half a minute
_MAX_EFFORT = 4_000_000  # columns times squared number of bars: music21's time is proportional, ten seconds here
_METRE = re.compile(r"\*M(\d[^/\s]*)/\S*")


def score_of(data: bytes, grid: int) -> tuple[Score, Counter[str]]:
    """Return the score of a kern file, and how often each change was made on reading it.

    Raises:
        MusicError: the file has no notes, or is too large.
    """
    from music21.humdrum.spineParser import HumdrumDataCollection

    text = _METRE.sub(lambda found: found[0] if is_countable(found[1]) else "*", decoded_text(data))
    num_bars = text.count("\n=")
    num_spines = max((line.count("\t") + 1 for line in text.split("\n")), default=1)
    if num_spines > MAX_SILENT_TRACKS:
        raise too_many_tracks(num_spines)
    if len(text) > MAX_CHARACTERS or num_spines * num_bars**2 > _MAX_EFFORT:
        raise MusicError("endless music", f"has {len(text):,} characters and {num_bars:,} bars: too much to read")
    counts = Counter[str]()
    with quiet():
        collection = HumdrumDataCollection(text)
        collection.parse()
        score: Any = collection.stream
        parts = [WrittenPart(measures_of(part, grid, counts), *title_of(part)) for part in score.parts]
    return score_from_parts(parts, grid, counts), +counts
