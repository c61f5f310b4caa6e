"""Text in pictures: unchanged names and readable numbers."""

import io
import re

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread

from seqgen.evaluation import gradient_flow
from seqgen.music import pianoroll
from seqgen.music.score import Bar, Note, Score, Track
from seqgen.training import curve

NAME = "_a$b$ c_d"


@pytest.fixture
def texts(monkeypatch):
    """Return a list that receives the text of each picture, from its SVG."""
    found = []
    save = Figure.savefig

    def save_as_svg(figure, file, **options):
        save(figure, file, **options)
        file.seek(0)
        file.truncate()
        with rc_context({"svg.fonttype": "none"}):
            save(figure, file, format="svg")
        svg = re.sub(r"</?tspan[^>]*>|\n", "", file.getvalue().decode())
        found.extend(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL))

    monkeypatch.setattr(Figure, "savefig", save_as_svg)
    return found


def test_a_gradient_flow_shows_powers_of_ten_and_the_unchanged_name(texts, tmp_path):
    flow = gradient_flow.GradientFlow(NAME, {}, [10.0**-step for step in range(9)])
    gradient_flow.draw([flow], tmp_path / "flow.png")
    assert not any("mathdefault" in text for text in texts)
    assert {"10\N{MINUS SIGN}8", "10\N{MINUS SIGN}2"} <= {re.sub(r"\s", "", text) for text in texts}
    assert NAME in map(str.strip, texts)


def test_a_piano_roll_shows_unchanged_names(texts):
    pianoroll.draw(Score((Bar(),), (Track((Note(0, 12, 60),), name=NAME),)))
    assert NAME in map(str.strip, texts)


def test_a_curve_shows_its_name_whole_steps_and_single_points(texts):
    record = {"step": 2000, "train_nats": 2.0, "valid_nats": 3.0}
    assert curve._drawn([record, record | {"step": 12_000}], NAME)
    assert {"12,000", NAME} <= set(map(str.strip, texts))
    texts.clear()
    curve._drawn([record | {"step": step} for step in (1, 2)], "x" * 200)
    assert "x" * 25 + "..." + "x" * 25 in texts
    assert {"1", "2"} <= set(texts)
    assert "1.5" not in texts


def test_a_curve_of_one_step_shows_both_losses():
    drawn = curve._drawn([{"step": 1, "train_nats": 2.0, "valid_nats": 3.0}], "run")
    image = imread(io.BytesIO(drawn))[:, :700, :3]  # left of the legend
    for colour in ("C0", "C1"):
        assert (np.abs(image - to_rgb(colour)).max(axis=2) < 0.1).any(), colour
