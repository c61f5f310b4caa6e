"""Strokes as movements: hand-worked examples, invariances, and input that is not strokes."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.encoders import coding_from_json
from seqgen.encoders.strokes import StrokesCoding
from seqgen.errors import SignalError

CODING = StrokesCoding.fit([], CorpusConfig())
SQUARE = [[[0, 0], [0, 16], [16, 16]], [[16, 0], [0, 0]]]  # two strokes

coordinates = st.integers(-1000, 1000)
some_strokes = st.lists(st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=9), min_size=1, max_size=4)
some_strokes = some_strokes.filter(lambda strokes: np.ptp([y for stroke in strokes for _, y in stroke]) > 0)


def rows(strokes):
    return CODING.rows(json.dumps(strokes).encode())


def test_movements_have_equal_lengths_and_show_where_the_pen_is_lifted():
    found = rows(SQUARE).tolist()
    up, right, left, lifted = [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, -16, 1]
    assert found == 16 * [up] + 16 * [right] + [lifted] + 16 * [left]


def test_a_corner_between_two_points_is_passed_by():
    first, second = rows([[[0, 0], [0, 0.75], [0, 16]], [[3, 3]]])[[0, -1]].tolist()
    assert first == [0, 1, 0]
    assert second == [3, -13, 1]


@given(some_strokes, st.integers(-100, 100), st.integers(-100, 100), st.sampled_from([0.5, 3, 1000]))
def test_place_and_size_have_no_effect(strokes, x, y, scale):
    moved = [[[scale * (a + x), scale * (b + y), 17] for a, b in stroke] for stroke in strokes]
    expected = rows(strokes)
    assert len(rows(moved)) == len(expected)
    np.testing.assert_allclose(rows(moved), expected, rtol=2e-2, atol=2e-2)


@given(some_strokes)
def test_movements_add_up_to_the_way_from_the_first_to_the_last_point(strokes):
    points = np.array([point for stroke in strokes for point in stroke], dtype=float)
    step = np.ptp(points[:, 1]) / CODING.points_per_height
    found = rows(strokes).astype(float)
    way = (points[-1] - points[0]) / step
    np.testing.assert_allclose(found[:, :2].sum(0), way, rtol=1e-2, atol=1e-3 * np.abs(found).sum() + 1e-2)
    assert found[:, 2].sum() == len(strokes) - 1
    assert np.linalg.norm(found[found[:, 2] == 0, :2], axis=1).max(initial=0) < 1.6


def test_inkml_is_read_like_json():
    ink = """<?xml version="1.0"?><ink xmlns="http://www.w3.org/2003/InkML"><traceGroup>
        <trace>0 0, 0 16 5, 16 16</trace><trace id="b">16 0,0 0</trace></traceGroup></ink>"""
    assert CODING.rows(ink.encode()).tolist() == rows(SQUARE).tolist()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a list of strokes"),
        (b"5", "is not a list of strokes"),
        (b'{"strokes": []}', "is not a list of strokes"),
        (b"[[1, 2]]", "is not a list of strokes"),
        (b'[[["a", 1]]]', "is not a list of strokes"),
        (b"\xff\xfe", "is not a list of strokes"),
        (b"[]", "has no points"),
        (b"[[]]", "has no points"),
        (b"[[[1, NaN], [2, 3]]]", "has a point that is not finite"),
        (b"[[[1e999, 1], [2, 3]]]", "has a point that is not finite"),
        (b"[[[5, 5]]]", "has fewer than two different points"),
        (b"[[[5, 5], [5, 5]]]", "has fewer than two different points"),
        (b"[[[0, 0], [1e9, 0.001]]]", "is longer than 32,768 times its height"),
        (b"[[[0, 0]], [[5000, 0.01]]]", "is longer than 32,768 times its height"),
        (b"[[[0, -1e308], [0, 1e308]]]", "is longer than 32,768 times its height"),
        (b"[[[0, 0], [0, 5e-324]]]", "has fewer than two different points"),
        (b"<?xml version='1.0' encoding='gb2312'?><ink><trace>1 2, 3 4</trace></ink>", "is not InkML"),
        (b"<?xml version='1.0' encoding='nothing'?><ink><trace>1 2, 3 4</trace></ink>", "is not InkML"),
        (b"<ink><trace>1 2, '3 '4</trace></ink>", "has points as differences"),
        (b"<ink><trace>1 2, 3</trace></ink>", "has a trace whose points are not pairs of numbers"),
        (b"<ink><trace>1 2", "is not InkML"),
        (b"<html></html>", "has no points"),
    ],
)
def test_what_is_not_strokes_gets_a_reason(data, message):
    with pytest.raises(SignalError) as raised:
        CODING.rows(data)
    assert str(raised.value).startswith(message)
    assert raised.value.kind


def test_strokes_are_drawn_with_their_dots_and_places():
    rows = CODING.rows(json.dumps([[[0, 10], [0, 0]], [[4, 4]]]).encode())
    axes = Figure().subplots()
    CODING.draw(rows, axes)
    line, dot = axes.lines
    assert np.ptp(line.get_ydata()) == pytest.approx(16)
    assert (len(dot.get_xdata()), dot.get_marker()) == (1, ".")
    assert CODING.place(rows, 0.5) == (0.0, 0.0)
    x, y = CODING.place(rows, len(rows))
    assert (x, y) == (pytest.approx(dot.get_xdata()[0]), pytest.approx(dot.get_ydata()[0]))


def test_the_coding_survives_json():
    again = coding_from_json(json.loads(json.dumps(CODING.to_json())))
    assert isinstance(again, StrokesCoding)
    assert vars(again) == vars(CODING)


def test_padding_has_no_effect_on_the_front_end(generator):
    front_end = CODING.front_end(ModelConfig(num_layers=1, hidden_size=8, embedding_size=8, subsampling=2))
    front_end.initialise(generator)
    for norm in front_end.norms:
        torch.nn.init.normal_(norm.bias, generator=generator)
    lengths = torch.tensor([7, 1, 12])
    values = torch.randn(12, 3, 3, generator=generator)
    together, counts = front_end(values, lengths)
    assert counts.tolist() == [4, 1, 6]
    for place, (length, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        alone, (number,) = front_end(values[:length, [place]], lengths[[place]])
        assert number == count == len(alone)
        torch.testing.assert_close(together[:count, place], alone[:, 0])
        assert not together[count:, place].any()
