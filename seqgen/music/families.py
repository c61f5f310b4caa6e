"""Which pieces are as good as duplicates: variants of one melody, in whatever key, metre or harmony."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

from seqgen.music.melody import top_line
from seqgen.music.score import Score

_GRAM = 10  # intervals in a row; by chance two melodies share few that are so long
_VARIETY = 4  # different intervals in them: drones, scales and tremolos tell nothing
_SHARE = 0.3  # of the shorter melody's, that make two pieces one family

Intervals = tuple[int, ...]


def lines(score: Score) -> list[Intervals]:
    """Return the intervals of each part's highest notes, in semitones; they are the same in every key."""
    return [
        tuple(after.pitch - before.pitch for before, after in pairwise(top_line(track)))
        for track in score.tracks
        if not track.is_drum
    ]


def families(pieces: Sequence[Sequence[Intervals]]) -> list[int]:
    """Return for each piece the number of the first of its family.

    Two pieces belong together if a part of one shares many stretches of `_GRAM` intervals with a part of the other,
    or both belong to a third.

    Args:
        pieces: the lines of each.
    """
    first = list(range(len(pieces)))

    def head(number: int) -> int:
        while first[number] != number:
            first[number] = first[first[number]]
            number = first[number]
        return number

    sizes: list[int] = []  # of the lines so far
    owners: list[int] = []
    seen: dict[int, list[int]] = defaultdict(list)
    for number, piece in enumerate(pieces):
        for own in filter(None, map(_grams, piece)):
            shared = Counter(other for gram in own for other in seen[gram])
            for other, count in shared.items():
                if count >= _SHARE * min(len(own), sizes[other]):
                    low, high = sorted((head(number), head(owners[other])))
                    first[high] = low
            for gram in own:
                seen[gram].append(len(sizes))
            sizes.append(len(own))
            owners.append(number)
    return [head(number) for number in range(len(pieces))]


def _grams(line: Intervals) -> set[int]:
    """Return hashes of the stretches that tell something; a shorter line is one stretch by itself."""
    if len(line) < _GRAM:
        return {hash(line)} if line else set()
    stretches = (line[start : start + _GRAM] for start in range(len(line) - _GRAM + 1))
    return {hash(stretch) for stretch in stretches if len(set(stretch)) >= _VARIETY}
