"""Which track of a layout each part of a prime fills: by name, by instrument and by range."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

from seqgen.levels.note.encoder import Layout, TrackHeader
from seqgen.levels.note.tokens import MAX_VOICES
from seqgen.music.score import Track

Places = dict[int, int]  # part of the prime -> track of the layout


class Match(NamedTuple):
    """The tracks of a layout that the parts of a prime fill.

    Attributes:
        layout: the tracks.
        places: for each part, the number of its track.
        num_alike: number of parts that have the name of their track, its instrument, or its family of instruments.
    """

    layout: Layout
    places: Places
    num_alike: tuple[int, int, int]


def best_match(parts: Sequence[Track], num_voices: Sequence[int], layouts: Iterable[Layout]) -> Match | None:
    """Return the match with the layout that fits best, or None if no layout has a track for every part.

    Names count most, then instruments, the number of tracks, and families. Of equal layouts, it is the first.

    Args:
        parts: the parts of a prime.
        num_voices: of each part.
        layouts: the possible layouts.
    """
    matches = [
        match for layout in layouts if (match := _matched(parts, layout)) is not None and _has_room(match, num_voices)
    ]

    def fit(match: Match) -> tuple[int, ...]:
        num_names, num_instruments, num_families = match.num_alike
        return num_names, num_instruments, len(match.layout) == len(parts), num_families

    return max(matches, key=fit, default=None)


def _matched(parts: Sequence[Track], layout: Layout) -> Match | None:
    places: Places = {}
    nums = []
    for kind in (_name, _instrument, _family, _is_drum):
        num_before = len(places)
        free_parts = [number for number in range(len(parts)) if number not in places]
        free_tracks = [place for place in range(len(layout)) if place not in places.values()]
        for value in dict.fromkeys(kind(parts[number]) for number in free_parts):
            if value is not None:
                alike = [number for number in free_parts if kind(parts[number]) == value]
                tracks = {place: layout[place] for place in free_tracks if kind(layout[place]) == value}
                places |= _by_range({number: parts[number] for number in alike}, tracks)
        nums.append(len(places) - num_before)
    return Match(layout, places, (nums[0], nums[1], nums[2])) if len(places) == len(parts) else None


def _has_room(match: Match, num_voices: Sequence[int]) -> bool:
    nums = [header.num_voices for header in match.layout]
    for number, place in match.places.items():
        nums[place] = max(nums[place], num_voices[number])
    return sum(nums) <= MAX_VOICES


def _by_range(parts: dict[int, Track], tracks: dict[int, TrackHeader]) -> Places:
    """Match parts with tracks that are equally alike, in their own order or from the highest part to the lowest."""

    def assigned(order: Iterable[int]) -> tuple[float, Places]:
        free, places, outside = list(tracks), Places(), 0.0
        for number in order:
            if free:
                shares = [share_outside(parts[number], tracks[place]) for place in free]
                outside += min(shares)
                places[number] = free.pop(shares.index(min(shares)))
        return outside, places

    from_the_top = sorted(parts, key=lambda number: -fmean([note.pitch for note in parts[number].notes] or [0]))
    return min(assigned(parts), assigned(from_the_top), key=lambda result: result[0])[1]


def share_outside(part: Track, track: TrackHeader) -> float:
    """Return the share of a part's notes that are outside the range of a track."""
    return fmean([not track.lowest <= note.pitch <= track.highest for note in part.notes] or [0])


def _name(track: Track | TrackHeader) -> tuple[bool, str] | None:
    return (track.is_drum, track.name.strip().casefold()) if track.name.strip() else None


def _instrument(track: Track | TrackHeader) -> int | None:
    return None if track.is_drum else track.program


def _family(track: Track | TrackHeader) -> int | None:
    return None if track.is_drum else track.program // 8


def _is_drum(track: Track | TrackHeader) -> bool:
    return track.is_drum
