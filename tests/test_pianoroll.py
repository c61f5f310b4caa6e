"""Piano rolls, as pictures and as text."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from seqgen.music import pianoroll, textroll
from seqgen.music.score import Bar, Note, Score, Track, track_of
from tests.scores import melody, scores


def picture(score, num_prime_steps=0):
    return imread(io.BytesIO(pianoroll.draw(score, num_prime_steps)))[..., :3]


def columns_of(image, colour):
    """Return the columns that contain a colour, without the legend."""
    is_there = np.abs(image - to_rgb(colour)).max(axis=2) < 0.02
    return np.flatnonzero(is_there[60:].any(axis=0))


def test_each_track_has_a_colour_and_the_prime_is_shaded():
    upper, lower = track_of([Note(0, 96, 72)], "Upper"), track_of([Note(96, 96, 60)], "Lower")
    image = picture(Score((Bar(),) * 4, (upper, lower)), 48)
    first, second, prime = (columns_of(image, colour) for colour in ("#0072b2", "#d55e00", "#fff0c2"))
    assert first.max() < second.min() + 2
    assert np.ptp(first) == pytest.approx(np.ptp(second), abs=3)
    assert np.ptp(prime) == pytest.approx(np.ptp(first) / 2, abs=5)
    assert not columns_of(picture(Score((Bar(),) * 4, (upper, lower))), "#fff0c2").size


def test_the_width_depends_on_the_bars_and_long_pieces_are_divided():
    shapes = [picture(Score((Bar(),) * num_bars, (Track((Note(0, 12, 60),)),))).shape for num_bars in (4, 12, 100)]
    assert shapes[0][1] < shapes[1][1] < shapes[2][1] <= 18 * 120
    assert shapes[0][0] == shapes[1][0] < shapes[2][0]


@given(score=scores())
@settings(max_examples=5)
def test_every_score_can_be_drawn(score):
    assert picture(score, score.num_steps // 2).size


def test_a_name_that_looks_like_a_formula_is_drawn_literally():
    tracks = [Track((Note(0, 12, 60),), name=name) for name in (r"$\foo$", "\x1b[2J")]
    assert imread(io.BytesIO(pianoroll.draw(Score((Bar(),), tuple(tracks))))).size > 0


def test_a_melody_is_drawn_in_characters():
    score = melody([(0, 12, 60), (12, 6, 64), (18, 6, 64), (24, 24, 62), (60, 36, 65)])
    assert textroll.text(score, 80).splitlines() == [
        "     1               2",
        "  F4 |               |   #===========|",
        "  E4 |   #=#=        |               |",
        "     |               |               |",
        "  D4 |       #=======|               |",
        "     |               |               |",
        "  C4 #===            |               |",
    ]


def test_a_pickup_is_bar_0_at_the_left_edge():
    score = Score((Bar(),) * 2, (track_of([Note(36, 12, 60), Note(48, 48, 60)]),), pickup=12)
    assert textroll.text(score, 80).splitlines() == ["     0   1", "  C4 #===#===============|"]


def test_tracks_have_letters_and_drums_have_a_row():
    tracks = (
        track_of([Note(0, 24, 64), Note(24, 12, 62)], "Soprano"),
        track_of([Note(0, 48, 62)], "Second"),
        track_of([Note(12, 3, 36), Note(36, 3, 38)], is_drum=True),
    )
    assert textroll.text(Score((Bar(),), tracks), 60).splitlines() == [
        "     1",
        "  E4 Ssssssss        |",
        "     |               |",
        "  D4 AaaaaaaaSsssaaaa|",
        "     |   x       x   |",
        "S Soprano  A Second  x Drums",
    ]


def test_columns_and_rows_are_adapted_to_the_terminal():
    score = melody([(12 * n, 12, 48 + n) for n in range(36)], num_bars=9)
    lines = textroll.text(score, 25, 12).splitlines()
    assert max(map(len, lines)) <= 25
    assert len(lines) == 1 + 12
    assert lines[0] == "     1   3   5   7   9"
    assert lines[-1].startswith("  C3 #")


@given(score=scores())
def test_text_fits_the_terminal_and_is_ascii(score):
    lines = textroll.text(score, 40, 20).splitlines()
    assert max(map(len, lines)) <= 40
    assert len(lines) <= 1 + 20 + 1 + 1
    assert all(map(str.isascii, lines))
