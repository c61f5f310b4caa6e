"""Pictures of what a conditional model attends to."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from seqgen import files
from seqgen.evaluation.attention_map import AttentionMap, GivenSignal
from seqgen.pictures import any_font, font_families, literal, shown_in

_CELL = 0.3  # inches
_MARGIN = 1.5  # inches, for labels and the title
_MAX_INCHES = 40.0
_MAX_LABELS = 130  # along a side
_SIGNAL_SIZE = 12.0, 2.5  # inches, of a signal above its map
_PICTURES_PER_ROW, _PICTURE_SIZE = 6, 2.0  # inches
_MAX_PICTURES = 60


@any_font()
def draw(attention: AttentionMap, path: Path) -> None:
    """Draw the weights as a PNG file.

    Of a text, there is a column per token of the given and a row per token of the text. The same map lies below an
    image of writing, a recording or strokes, in which each token stands at its place. Of a picture, there is a copy for
    each token, in which what the model attends to is bright.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.family": font_families()}):
        figure = Figure(layout="constrained")
        if attention.signal is None:
            _draw_map(attention, figure)
        elif attention.signal.coding.subsamplings:
            _draw_sequence(attention, attention.signal, figure)
        else:
            _draw_copies(attention, attention.signal, figure)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=120)
    files.replace(path, picture.getvalue())


def _draw_map(attention: AttentionMap, figure: Any) -> None:
    width, height = (min(_MAX_INCHES, _MARGIN + _CELL * len(side)) for side in (attention.given, attention.text))
    figure.set_size_inches(max(3.0, width), max(2.5, height))
    axes = figure.subplots()
    axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    _set_labels(axes.xaxis, attention.given)
    _set_labels(axes.yaxis, attention.text)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", labelrotation=90)  # labels of several characters would overlap
    axes.set(xlabel="given", ylabel="text")


def _draw_sequence(attention: AttentionMap, signal: GivenSignal, figure: Any) -> None:
    """Draw a signal with the tokens at their places, and the map below it."""
    width, height = _SIGNAL_SIZE
    map_height = min(_MAX_INCHES, max(2.0, 0.5 * _CELL * len(attention.text)))
    figure.set_size_inches(width, height + map_height)
    above, below = figure.subplots(2, height_ratios=(height, map_height))
    signal.coding.draw(signal.rows, above)
    for token, index in zip(attention.text, attention.places, strict=True):
        place = signal.coding.place(signal.rows, (index + 0.5) * signal.subsampling)
        above.annotate(
            _shown(token), place, (0, 3), textcoords="offset points", color="tab:red", ha="center", va="bottom"
        )
    scale = signal.coding.scale
    extent = (0, len(attention.given) * signal.subsampling * scale, len(attention.text) - 0.5, -0.5)
    below.imshow(attention.weights, cmap="Blues", vmin=0, aspect="auto", interpolation="none", extent=extent)
    below.set_xlim(0, len(signal.rows) * scale)
    _set_labels(below.yaxis, attention.text)
    below.set(xlabel=signal.coding.axis, ylabel="text")


def _draw_copies(attention: AttentionMap, signal: GivenSignal, figure: Any) -> None:
    """Draw a copy of a picture for each of the first tokens, darker where the model does not attend to it."""
    number = min(_MAX_PICTURES, len(attention.text))
    columns = min(_PICTURES_PER_ROW, number)
    rows = -(-number // columns)
    figure.set_size_inches(columns * _PICTURE_SIZE, rows * (_PICTURE_SIZE + _CELL))
    side = math.isqrt(len(attention.given))
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in all_axes:
        axes.set_axis_off()
    for axes, token, weights in zip(all_axes, attention.text[:number], attention.weights, strict=False):
        signal.coding.draw(signal.rows, axes)
        grid = np.reshape(weights, (side, side))
        extent = (*axes.get_xlim(), *axes.get_ylim())
        axes.imshow(
            np.zeros_like(grid), cmap="gray", alpha=0.85 * (1 - grid / grid.max()), extent=extent,
            interpolation="bilinear", aspect="equal",
        )  # fmt: skip
        axes.set_title(_shown(token))


def _set_labels(axis: Any, labels: list[str]) -> None:
    step = -(-len(labels) // _MAX_LABELS)
    axis.set_ticks(range(0, len(labels), step), [_shown(label) for label in labels[::step]])


def _shown(token: str) -> str:
    return literal(shown_in(token.strip(" ") or token))
