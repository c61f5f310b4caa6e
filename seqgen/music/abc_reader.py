"""Tunebooks in ABC -> tunes -> scores."""

import re
from collections import Counter
from collections.abc import Iterator

from seqgen.errors import MusicError
from seqgen.music.abc_voices import voices
from seqgen.music.decoded_text import decoded_text
from seqgen.music.score import Score
from seqgen.music.written_parts import score_from_parts

MAX_CHARACTERS = 200_000  # of a tune
_MAX_HEAD = 1_000  # characters of the fields before the tunes, which are repeated for each tune
_BEGIN = re.compile(r"^(?=X:)", re.MULTILINE)
_FIELDS = re.compile(r"^[A-Za-z]:.*\n", re.MULTILINE)
_TITLE = re.compile(r"^T:(.*)", re.MULTILINE)


def tunes(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each tune of a book; the fields before the first tune apply to all of them.

    A tune begins with an `X:` field; a text without one is a single tune.
    """
    head, *texts = _BEGIN.split(decoded_text(data))
    if not texts:
        yield name, head
    head = "".join(_FIELDS.findall(head))
    if len(head) > _MAX_HEAD:
        head = ""
    for text in texts:
        number = text[2:].partition("\n")[0].strip()[:20]
        title = _TITLE.search(text)
        titled = f" ({' '.join(title[1].split())[:80]})" if title and title[1].strip() else ""
        yield name if len(texts) == 1 else f"{name}, tune {number}{titled}", head + text


def score_of(tune: str, grid: int, *, chords: bool = False) -> tuple[Score, Counter[str]]:
    """Return the score of a tune, and how often each change was made on reading it.

    Args:
        tune: a single tune.
        grid: steps per quarter note.
        chords: whether chord symbols become a track.

    Raises:
        MusicError: the tune has no notes or no key, or is too long.
    """
    if len(tune) > MAX_CHARACTERS:
        raise MusicError("endless music", f"has {len(tune):,} characters: the limit is {MAX_CHARACTERS:,}")
    counts = Counter[str]()
    return score_from_parts(voices(tune, grid, counts), grid, counts, chords=chords), +counts
