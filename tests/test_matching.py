"""Parts of a prime are matched with the tracks of a layout by name, instrument and range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.layouts import familiar
from seqgen.levels.note.matching import best_match
from seqgen.levels.note.ranges import Part, Range, with_ranges
from seqgen.music.score import Note, track_of

RANGES = {"Soprano": (60, 81), "Alto": (53, 74), "Tenor": (48, 69), "Bass": (40, 62)}
CHOIR = tuple(TrackHeader(52, False, 1, name, *lowest_highest) for name, lowest_highest in RANGES.items())
BAND = (TrackHeader(25, False, 1, "Guitar"), TrackHeader(33, False, 1, "Bass"), TrackHeader(0, True, 1, "Drums"))
DUO = (TrackHeader(40, False, 1), TrackHeader(0, False, 2))


def part(*pitches, name="", program=0, is_drum=False):
    notes = [Note(12 * place, 12, pitch) for place, pitch in enumerate(pitches or (60,))]
    return track_of(notes, name, program, is_drum=is_drum)


def places(parts, *layouts):
    """Return the track of each part, in order, and the layout."""
    match = best_match(parts, [1] * len(parts), layouts)
    return match and ([match.places[number] for number in range(len(parts))], match.layout)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part(74, name=" bass ")], [3]),
        ([part(name=name) for name in ("TENOR", "bass", "Soprano", "alto")], [2, 3, 0, 1]),
        ([part(62, 66, 69)], [0]),
        ([part(41, 45, 50)], [3]),
        ([part(67, 72), part(43, 48)], [0, 3]),
        ([part(43, 48), part(67, 72)], [3, 0]),
        ([part(62), part(66)], [0, 1]),
        ([part(40, 50), part(50, 57), part(60, 65), part(70, 79)], [3, 2, 1, 0]),
        ([part(name="Alto"), part(41)], [1, 3]),
    ],
)
def test_parts_fill_the_tracks_of_their_name_or_else_of_their_range(parts, expected):
    assert places(parts, CHOIR) == (expected, CHOIR)


def test_instruments_count_more_than_ranges_and_families_less_than_instruments():
    assert places([part(40, program=40)], DUO) == ([0], DUO)
    assert places([part(90)], DUO) == ([1], DUO)
    assert places([part(program=2), part(program=41)], DUO) == ([1, 0], DUO)
    quartet = (TrackHeader(41, False, 1), TrackHeader(40, False, 1))
    assert places([part(program=40), part(program=42)], quartet) == ([1, 0], quartet)


def test_drums_are_matched_only_with_drums():
    drums = part(36, name="Bass", is_drum=True)
    assert places([drums], BAND) == ([2], BAND)
    assert places([part(36), drums], BAND)[0][1] == 2
    assert places([drums], CHOIR) is None
    assert places([part(36)], BAND[2:]) is None


def test_the_layout_with_most_names_then_instruments_then_the_right_number_of_parts_is_chosen():
    solo = (TrackHeader(0, False, 1),)
    assert places([part(name="Tenor")], solo, BAND, CHOIR)[1] == CHOIR
    assert places([part(program=40)], solo, DUO)[1] == DUO
    assert places([part()], DUO, solo)[1] == solo
    assert places([part(program=60)], DUO, CHOIR, solo)[1] == solo
    assert places([part(program=41)], DUO, solo)[1] == solo
    assert places([part(program=60), part(program=60), part(program=60)], DUO, solo) is None


def test_a_layout_without_room_for_the_voices_is_not_chosen():
    wide = (TrackHeader(0, False, 31), TrackHeader(40, False, 1))
    assert best_match([part(program=40)], [1], [wide]) is not None
    assert best_match([part(program=40)], [2], [wide]) is None


@given(st.lists(st.tuples(st.sampled_from(["", "Alto", "Bass"]), st.integers(0, 60), st.booleans()), max_size=4))
def test_no_two_parts_fill_the_same_track_and_drums_stay_drums(drawn):
    parts = [part(40 + program, name=name, program=program, is_drum=is_drum) for name, program, is_drum in drawn]
    for layout in (CHOIR, BAND, DUO, CHOIR + BAND):
        match = best_match(parts, [1] * len(parts), [layout])
        has_room = all(
            sum(each.is_drum == kind for each in parts) <= sum(header.is_drum == kind for header in layout)
            for kind in (False, True)
        )
        assert (match is not None) == has_room
        if match is not None:
            assert len(set(match.places.values())) == len(parts)
            assert all(parts[number].is_drum == layout[place].is_drum for number, place in match.places.items())


def test_the_tracks_of_a_layout_have_the_ranges_of_their_parts():
    ranges = {Part(40, 1, 1): Range(50, 70), Part(33, 1, 1): Range(30, 36)}
    assert with_ranges(DUO, ranges) == (DUO[0]._replace(lowest=50, highest=70), DUO[1])
    assert with_ranges(BAND, ranges) == (BAND[0], BAND[1]._replace(lowest=30, highest=36), BAND[2])


def test_unknown_instruments_become_known_ones_of_their_family_if_possible():
    layout = (TrackHeader(42, False, 1), TrackHeader(33, False, 1), TrackHeader(70, False, 1), TrackHeader(0, True, 1))
    assert [header.program for header in familiar(layout, [DUO, BAND])] == [40, 33, 40, 0]
    assert familiar(layout, []) == layout
