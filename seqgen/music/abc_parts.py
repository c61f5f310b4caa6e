"""The parts of a tune (P: fields of ABC) in the order of playing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from seqgen.music.limits import MAX_BARS, endless
from seqgen.music.measures import Measure, WrittenPart, first_signs, rows_of
from seqgen.music.repeats import PLAIN, played


def in_order(voices: Sequence[WrittenPart], labels: Mapping[int, str], order: Sequence[str]) -> list[WrittenPart]:
    """Return voices with their measures in the order of playing, without repeat signs.

    What precedes the first part is played first. Without an order, the voices are returned as they are.

    Args:
        voices: as written.
        labels: place of a measure -> the label of the part that begins with it.
        order: labels in the order of playing; those that no part has are skipped.

    Raises:
        MusicError: the music is too long.
    """
    if not order or not labels:
        return list(voices)
    rows = rows_of(voice.measures for voice in voices)
    starts = sorted(labels)
    sections = {labels[start]: range(start, stop) for start, stop in pairwise([*starts, len(rows)])}
    places: list[int] = []
    for section in [range(starts[0]), *(sections[label] for label in order if label in sections)]:
        places += [section[place] for place in played([first_signs(rows[place]) for place in section])]
        if len(places) > MAX_BARS:
            raise endless()
    return [voice._replace(measures=[_measure(voice, place, rows[place]) for place in places]) for voice in voices]


def _measure(voice: WrittenPart, place: int, row: Sequence[Measure]) -> Measure:
    """Return a measure of a voice, which is silent if the voice has ended before."""
    if place >= len(voice.measures):
        return Measure(row[0].bar)
    return replace(voice.measures[place], signs=PLAIN)
