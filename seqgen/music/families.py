"""Families of pieces that are near-duplicates: variants of one melody in any key, metre or harmony."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from seqgen.music.melody import top_line
from seqgen.music.score import Score

_GRAM = 10  # consecutive intervals; two melodies share few n-grams of this length by chance
_VARIETY = 4  # different intervals in an n-gram: drones, scales and tremolos are no evidence
_SHARE = 0.3  # of the n-grams of the shorter part, from which on two pieces are one family

Intervals = tuple[int, ...]


def lines(score: Score) -> list[Intervals]:
    """Return the intervals of the top line of each part in semitones, which are the same in every key."""
    return [
        tuple(after.pitch - before.pitch for before, after in pairwise(top_line(track)))
        for track in score.tracks
        if not track.is_drum
    ]


def families(pieces: Sequence[Sequence[Intervals]]) -> list[int]:
    """Return for each piece the number of the first piece of its family.

    Two pieces belong to one family if a part of one shares many n-grams with a part of the other, or if both belong to
    the family of a third.

    Args:
        pieces: the intervals of the parts of each piece.
    """
    first = list(range(len(pieces)))

    def root(number: int) -> int:
        while first[number] != number:
            first[number] = first[first[number]]
            number = first[number]
        return number

    for number, other in _similar(pieces):
        low, high = sorted((root(number), root(other)))
        first[high] = low
    return [root(number) for number in range(len(pieces))]


def _similar(pieces: Sequence[Sequence[Intervals]]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of pieces that share enough n-grams in some part, the later piece first."""
    owners: list[int] = []  # the piece of each part so far
    sizes: list[int] = []  # the number of n-grams of each part so far
    parts_with: dict[int, list[int]] = defaultdict(list)  # n-gram -> parts
    for number, piece in enumerate(pieces):
        for own in filter(None, map(_grams, piece)):
            shared = Counter(part for gram in own for part in parts_with[gram])
            for part, count in shared.items():
                if count >= _SHARE * min(len(own), sizes[part]):
                    yield number, owners[part]
            for gram in own:
                parts_with[gram].append(len(sizes))
            sizes.append(len(own))
            owners.append(number)


def _grams(line: Intervals) -> set[int]:
    """Return hashes of the n-grams with enough variety; a shorter line is one n-gram."""
    if len(line) < _GRAM:
        return {hash(line)} if line else set()
    grams = (line[start : start + _GRAM] for start in range(len(line) - _GRAM + 1))
    return {hash(gram) for gram in grams if len(set(gram)) >= _VARIETY}
