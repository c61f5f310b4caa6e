"""Regular bars, compared with cases worked out by hand on 12 steps per quarter note."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.errors import MusicError
from seqgen.music.bars import FoundBar, fits, of_length, regular
from seqgen.music.score import Bar

GRID = 12
COMMON, WALTZ, DUPLE = Bar(4, 4), Bar(3, 4), Bar(2, 4)


def made(*lengths, bar=COMMON):
    return regular([FoundBar(length, bar) for length in lengths], GRID)[:4]


def test_whole_bars_are_unchanged():
    assert made(48, 48, 48) == ((COMMON,) * 3, 0, (0, 48, 96), 0)


def test_a_short_first_bar_is_a_pickup_at_the_end_of_a_whole_one():
    assert made(12, 48, 48) == ((COMMON,) * 3, 12, (36, 48, 96), 0)


def test_a_single_short_bar_is_filled():
    assert made(12) == ((COMMON,), 0, (0,), 0)


def test_a_short_last_bar_is_filled():
    assert made(12, 48, 36) == ((COMMON,) * 3, 12, (36, 48, 96), 0)


def test_two_bars_that_make_a_whole_one_are_joined():
    """As before and after a repeat sign in a tune with a pickup."""
    assert made(12, 48, 36, 12, 48, 36) == ((COMMON,) * 5, 12, (36, 48, 96, 132, 144, 192), 0)


def test_a_bar_of_another_length_gets_its_own_time_signature():
    assert made(48, 60, 48)[0] == (COMMON, Bar(5, 4), COMMON)
    assert made(48, 18, 48)[0] == (COMMON, Bar(3, 8), COMMON)
    assert made(48, 3, 48)[0] == (COMMON, Bar(1, 16), COMMON)


def test_its_own_denominator_is_kept_if_possible():
    assert made(36, 54, 36, bar=Bar(6, 8))[0] == (Bar(6, 8), Bar(9, 8), Bar(6, 8))
    assert of_length(24, Bar(2, 2), GRID) == Bar(1, 2)


def test_a_bar_with_missing_bar_lines_is_divided_into_whole_bars():
    assert made(120, bar=WALTZ) == ((WALTZ,) * 4, 0, (0,), 0)
    assert made(48 * 5 + 12, 48)[0] == (COMMON,) * 4 + (Bar(5, 4), COMMON)


def test_a_bar_that_fits_no_time_signature_is_lengthened_to_the_next():
    assert made(48, 50, 48) == ((COMMON, Bar(17, 16), COMMON), 0, (0, 48, 99), 1)


def test_bars_without_length_are_skipped():
    assert made(48, 0, 48) == ((COMMON,) * 2, 0, (0, 48, 48), 0)
    assert made() == ((), 0, (), 0)


def test_too_many_bars_are_rejected_before_they_are_created():
    with pytest.raises(MusicError, match="has more than 20,000 bars") as caught:
        made(48 * 10**12)
    assert caught.value.kind == "endless music"


def test_time_signatures_that_a_score_cannot_have_do_not_fit():
    assert fits(Bar(6, 8), GRID)
    assert fits(Bar(3, 32), 8)
    for bar in Bar(3, 64), Bar(3, 0), Bar(0, 4), Bar(33, 4), Bar(3, 32), Bar(4, 3):
        assert not fits(bar, GRID)


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([COMMON, WALTZ, DUPLE, Bar(6, 8), Bar(31, 32)])), max_size=12
    ),
    st.sampled_from([4, 12, 24]),
)
def test_bars_are_consecutive_and_nothing_is_lost(found, grid):
    found = [FoundBar(length, bar) for length, bar in found if fits(bar, grid)]
    bars, pickup, starts, *_ = regular(found, grid)
    assert all(fits(bar, grid) for bar in bars)
    length = sum(bar.num_steps(grid) for bar in bars)
    assert len(starts) == len(found)
    ends = [*starts[1:], length]
    for bar, start, end in zip(found, starts, ends, strict=False):
        assert end - start >= bar.num_steps
    if pickup:
        assert starts[0] + pickup == bars[0].num_steps(grid)


def joined(*bars, bar=COMMON):
    """Return the bars, where each begins, and how many sections have changed, from lengths and slacks."""
    found = regular([FoundBar(num_steps, bar, slack) for num_steps, slack in bars], GRID)
    return found.bars, found.starts, found.num_joined


def test_a_section_is_shortened_for_the_upbeat_of_the_next():
    """A whole bar with a long last note, then an upbeat of a quarter note."""
    assert joined((48, None), (48, 21), (12, None), (48, None)) == ((COMMON,) * 3, (0, 48, 84, 96), 1)
    assert joined((48, None), (42, 9), (12, None), (48, None)) == ((COMMON,) * 3, (0, 48, 84, 96), 1)


def test_a_section_is_not_shortened_where_a_note_begins():
    assert joined((48, None), (48, 9), (12, None), (48, None))[0] == (COMMON, COMMON, Bar(1, 4), COMMON)


def test_a_section_is_lengthened_to_a_whole_bar():
    """Before an upbeat that is shorter than what lacks, and before a section without an upbeat."""
    assert joined((48, None), (24, 0), (12, None), (48, None)) == ((COMMON,) * 3, (0, 48, 84, 96), 1)
    assert joined((48, None), (36, 0), (48, None)) == ((COMMON,) * 3, (0, 48, 96), 1)


def test_bars_within_a_section_keep_their_lengths():
    assert joined((48, None), (24, None), (12, None), (48, None))[2] == 0
    assert joined((48, None), (48, None), (12, None), (48, None))[0] == (COMMON, COMMON, Bar(1, 4), COMMON)
