"""Pen strokes: movements of equal length, from JSON or InkML.

In JSON, a signal is a list of strokes, each a list of points [x, y]; further numbers of a point, such as the time, are
ignored. In InkML, each trace is a stroke.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig, ModelConfig
from seqgen.encoders._convolutions import Convolutions
from seqgen.encoders.base import FrontEnd, SignalCoding
from seqgen.errors import SignalError
from seqgen.levels.base import Ids

_POINTS_PER_HEIGHT = 16  # of the whole writing
_MAX_POINTS = 1 << 15  # fits 16 bits
_CHANNELS = (64, 128)
# Strokes do not change in training: of numbers by other writers, 5 min, 0.85 % of the characters are wrong, and 98.5 %
# of single digits right after 2 min; with random turns, slants and sizes 0.77 and 98.2 %, which is no clear difference.
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class StrokesCoding(SignalCoding):
    """Vectors (dx, dy, u) along the strokes, with dx² + dy² = 1 within a stroke.

    The writing is scaled so that it is `points_per_height` vectors high; a vector with u = 1 is the movement from the
    end of a stroke to the beginning of the next.

    Args:
        points_per_height: the number of vectors per height of the writing.
    """

    name: ClassVar[str] = "strokes"
    suffixes: ClassVar[frozenset[str]] = frozenset({".inkml"})
    unit: ClassVar[str] = "movement"
    axis: ClassVar[str] = "movements"
    subsamplings = (2, 1)

    def __init__(self, points_per_height: int) -> None:
        self.points_per_height = points_per_height

    @classmethod
    def fit(cls, documents: Iterable[Iterable[bytes]], config: CorpusConfig) -> Self:  # noqa: ARG003  # nothing to fit
        """Return the coding; it does not depend on the corpus."""
        return cls(_POINTS_PER_HEIGHT)

    @property
    def dtype(self) -> np.dtype[Any]:
        """16-bit floating-point numbers."""
        return np.dtype(np.float16)

    @property
    def shape(self) -> tuple[int, ...]:
        """Three numbers."""
        return (3,)

    def rows(self, data: bytes) -> NDArray[Any]:
        """Return the movements of a signal, see `SignalCoding.rows`."""
        strokes = _parsed(data)
        points = np.concatenate(strokes)
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.ptp(points, axis=0)
            step = (size[1] or size[0]) / self.points_per_height
            way = np.linalg.norm(np.diff(points, axis=0), axis=1).sum() / step if step else 0.0
        if not step:
            raise SignalError("drawing without a movement", "has fewer than two different points")
        if not way <= _MAX_POINTS:  # also if it is not a number
            raise SignalError("drawing of excessive length", f"is longer than {_MAX_POINTS:,} times its height")
        paths = [_resampled(stroke, step) for stroke in strokes]
        movements, place = [], paths[0][0]
        for path in paths:
            movements.append([*(path[0] - place), 1.0])
            movements += [[*movement, 0.0] for movement in np.diff(path, axis=0)]
            place = path[-1]
        rows: NDArray[Any] = (np.array(movements[1:]) / [step, step, 1.0]).astype(self.dtype)
        return rows

    def draw(self, rows: Ids, axes: Any) -> None:
        """Draw the strokes."""
        points = _points(rows)
        for stroke in np.split(points, np.flatnonzero(rows[:, 2] > 0) + 1):
            axes.plot(*stroke.T, color="black", linewidth=2, marker="." if len(stroke) == 1 else None)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.set_axis_off()

    def place(self, rows: Ids, position: float) -> tuple[float, float]:
        """Return where the pen was."""
        x, y = _points(rows)[min(int(position), len(rows))]
        return float(x), float(y)

    def front_end(self, config: ModelConfig) -> FrontEnd:
        """Return convolutions that divide the number of positions."""
        return Convolutions(3, _CHANNELS, config.subsampling)


def _points(rows: Ids) -> NDArray[np.float64]:
    """Return the points between which movements lie, shape (movements + 1, 2)."""
    return np.concatenate([np.zeros((1, 2)), np.cumsum(rows[:, :2], axis=0, dtype=np.float64)])


def _parsed(data: bytes) -> list[NDArray[np.float64]]:
    """Return the points of each stroke, shape (points, 2)."""
    found = _from_inkml(data) if data.lstrip().startswith(b"<") else _from_json(data)
    strokes = [np.array(stroke, dtype=np.float64).reshape(-1, 2) for stroke in found if len(stroke)]
    if not strokes:
        raise SignalError("drawing without a point", "has no points")
    if not all(np.isfinite(stroke).all() for stroke in strokes):
        raise SignalError("drawing with a point that is not finite", "has a point that is not finite")
    return strokes


def _from_json(data: bytes) -> list[list[Sequence[float]]]:
    try:
        return [[(float(point[0]), float(point[1])) for point in stroke] for stroke in json.loads(data)]
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise SignalError("malformed drawing", "is not a list of strokes, each a list of points [x, y]") from error


def _from_inkml(data: bytes) -> list[list[Sequence[float]]]:
    try:
        root = ElementTree.fromstring(data)  # noqa: S314  # Python's expat refuses entities that expand without bounds
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise SignalError("malformed InkML file", f"is not InkML ({error})") from error
    traces = (element.text or "" for element in root.iter() if element.tag.rpartition("}")[2] == "trace")
    texts = [[point for point in trace.split(",") if point.strip()] for trace in traces]
    if any(set(point) & set("'\"!*") for trace in texts for point in trace):
        raise SignalError("malformed InkML file", "has points as differences, which are not read: write coordinates")
    points = [[_NUMBER.findall(point) for point in trace] for trace in texts]
    if any(len(point) < 2 for trace in points for point in trace):
        raise SignalError("malformed InkML file", "has a trace whose points are not pairs of numbers")
    return [[(float(point[0]), float(point[1])) for point in trace] for trace in points]


def _resampled(stroke: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Return points along a stroke about `step` apart, its first and its last point among them."""
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(stroke, axis=0), axis=1).cumsum()])
    places = np.linspace(0, along[-1], 1 + round(along[-1] / step))
    return np.stack([np.interp(places, along, coordinates) for coordinates in stroke.T], 1)
