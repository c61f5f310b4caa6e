"""Which pieces are as good as duplicates: variants of one melody, in whatever key, metre or harmony."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from seqgen.music.score import Score

_GRAM = 10  # intervals in a row; by chance two melodies share few that are so long
_SHARE = 0.3  # of the shorter melody's, that make two pieces one family


def intervals(score: Score) -> tuple[int, ...]:
    """Return the intervals of the first part's highest line, in semitones; they are the same in every key."""
    track = next((track for track in score.tracks if not track.is_drum), score.tracks[0])
    highest: dict[int, int] = {}
    for note in track.notes:
        highest.setdefault(note.onset, note.pitch)  # of one onset, the highest comes first
    pitches = list(highest.values())
    return tuple(after - before for before, after in zip(pitches, pitches[1:], strict=False))


def families(melodies: Sequence[Sequence[int]]) -> list[int]:
    """Return for each melody the number of the first of its family.

    Two melodies belong together if they share many stretches of `_GRAM` intervals, or both with a third.

    Args:
        melodies: the intervals of each.
    """
    grams = [_grams(melody) for melody in melodies]
    first = list(range(len(melodies)))

    def head(number: int) -> int:
        while first[number] != number:
            first[number] = first[first[number]]
            number = first[number]
        return number

    seen: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(grams):
        shared = Counter(other for gram in own for other in seen[gram])
        for other, count in shared.items():
            if count >= _SHARE * min(len(own), len(grams[other])):
                low, high = sorted((head(number), head(other)))
                first[high] = low
        for gram in own:
            seen[gram].append(number)
    return [head(number) for number in range(len(melodies))]


def _grams(melody: Sequence[int]) -> set[int]:
    """Return hashes of the stretches; a shorter melody is one stretch by itself."""
    count = max(1, len(melody) - _GRAM + 1)
    return {hash(tuple(melody[start : start + _GRAM])) for start in range(count)}
