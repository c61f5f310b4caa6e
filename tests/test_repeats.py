"""The order in which measures are played, compared with orders written by hand and by music21."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.errors import MusicError
from seqgen.music.repeats import PLAIN, Signs, played

START, END = Signs(starts=True), Signs(passes=2)


def bracket(*passes, **signs):
    return Signs(endings=passes, **signs)


@pytest.mark.parametrize(
    ("signs", "order"),
    [
        ([PLAIN, PLAIN], [0, 1]),
        ([START, END, PLAIN], [0, 1, 0, 1, 2]),
        ([PLAIN, END, PLAIN], [0, 1, 0, 1, 2]),
        ([PLAIN, END, PLAIN, END], [0, 1, 0, 1, 2, 3, 2, 3]),
        ([Signs(starts=True, passes=3)], [0, 0, 0]),
        ([Signs(passes=1), PLAIN], [0, 1]),
        ([START, bracket(1, passes=2), bracket(2), PLAIN], [0, 1, 0, 2, 3]),
        ([START, bracket(1), bracket(1, passes=2), bracket(2), bracket(2), END], [0, 1, 2, 0, 3, 4, 5, 5]),
        ([PLAIN, bracket(1, passes=2), bracket(2, passes=2), bracket(3), PLAIN], [0, 1, 0, 2, 0, 3, 4]),
        ([PLAIN, bracket(1, 3, passes=2), bracket(2, passes=2), PLAIN], [0, 1, 0, 2, 0, 1, 3]),
        ([PLAIN, bracket(1, passes=2), bracket(2, starts=True), END], [0, 1, 0, 2, 3, 2, 3]),
        ([PLAIN, bracket(1, passes=2), PLAIN, END], [0, 1, 0, 2, 3, 2, 3]),  # the second is not marked
        ([PLAIN, bracket(1), bracket(2), PLAIN], [0, 1, 2, 3]),  # nothing is repeated: as it is written
        ([PLAIN, Signs(fine=True), Signs(jump="capo"), PLAIN], [0, 1, 2, 0, 1]),
        ([PLAIN, Signs(segno=True), Signs(jump="segno"), PLAIN], [0, 1, 2, 1, 2, 3]),
        ([START, END, Signs(jump="capo")], [0, 1, 0, 1, 2, 0, 1, 2]),  # after the jump nothing is repeated
        ([START, bracket(1, passes=2), bracket(2, jump="capo"), PLAIN], [0, 1, 0, 2, 0, 2, 3]),
        ([PLAIN, Signs(coda=True), Signs(jump="capo"), Signs(coda=True), PLAIN], [0, 1, 2, 0, 1, 3, 4]),
    ],
)  # fmt: skip
def test_repeats_endings_and_jumps_are_played(signs, order):
    assert played(signs) == order


sections = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4), st.booleans()), min_size=1, max_size=6)


@given(sections)
def test_consecutive_repeated_sections_are_played_in_order(sections):
    signs, order = [], []
    for length, passes, has_endings in sections:
        body = list(range(len(signs), len(signs) + length))
        signs += [START] + [PLAIN] * (length - 1)
        if has_endings and passes > 1:
            endings = list(range(len(signs), len(signs) + passes))
            signs += [bracket(number, passes=2 * (number < passes)) for number in range(1, passes + 1)]
            order += [place for ending in endings for place in [*body, ending]]
        else:
            signs[-1] = signs[-1]._replace(passes=passes)
            order += body * passes
    assert played(signs) == order


def test_music21_plays_the_same_order():
    from music21 import bar, note, repeat, spanner, stream

    part = stream.Part()
    measures = [stream.Measure([note.Note(60 + place, quarterLength=4)], number=place + 1) for place in range(7)]
    part.append(measures)
    measures[1].leftBarline = bar.Repeat(direction="start")
    measures[3].rightBarline = bar.Repeat(direction="end")
    measures[5].leftBarline = bar.Repeat(direction="start")
    measures[6].rightBarline = bar.Repeat(direction="end", times=3)
    part.insert(0, spanner.RepeatBracket(measures[3], number=1))
    part.insert(0, spanner.RepeatBracket(measures[4], number=2))
    signs = [PLAIN, START, PLAIN, bracket(1, passes=2), bracket(2), START, Signs(passes=3)]
    assert played(signs) == repeat.Expander(part).measureMap()


endings = st.sampled_from([(), (), (1,), (2,), (1, 3)])
jumps = st.sampled_from(["", "", "capo", "segno"])
any_signs = st.builds(
    Signs, st.booleans(), st.integers(0, 3), endings, st.booleans(), st.booleans(), st.booleans(), jumps
)


@given(st.lists(any_signs, max_size=12))
def test_any_signs_are_played_from_the_beginning_to_an_end(signs):
    order = played(signs)
    assert order[:1] == list(range(len(signs)))[:1]
    assert len(order) <= 8 * len(signs) ** 2


def test_an_endless_repeat_is_rejected():
    with pytest.raises(MusicError, match="has more than 20,000 bars"):
        played([Signs(passes=10**9)])
