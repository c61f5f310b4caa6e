"""Ranking of units and gates by how well they track a property of the text."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Activations = Mapping[str, NDArray[np.floating[Any]]]


class Tracking(NamedTuple):
    """How well a unit tracks a property.

    Attributes:
        layer: index of the layer.
        name: of the state or gate, such as `cell`.
        unit: its index.
        correlation: Pearson's coefficient over all tokens, in [-1, 1].
    """

    layer: int
    name: str
    unit: int
    correlation: float


def correlations(activations: NDArray[np.floating[Any]], properties: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each unit with each property; 0 where either is constant.

    Args:
        activations: shape (tokens, units).
        properties: shape (tokens, properties).

    Returns:
        Shape (properties, units).
    """
    units, others = (each - each.mean(0) for each in (activations.astype(np.float64), properties))
    norms = np.outer(np.linalg.norm(others, axis=0), np.linalg.norm(units, axis=0))
    is_constant = np.ptp(properties, axis=0)[:, None] * np.ptp(activations, axis=0)[None] == 0
    result: NDArray[np.float64] = np.where(is_constant, 0.0, others.T @ units / np.where(norms > 0, norms, 1.0))
    return result


def ranking(
    layers: Sequence[Activations], properties: Mapping[str, NDArray[np.float64]], count: int
) -> dict[str, list[Tracking]]:
    """Return the units that track each property best, by the absolute value of the correlation.

    Properties that are constant are left out.

    Args:
        layers: the states and gates of each layer by name, shape (tokens, units).
        properties: by name, shape (tokens,).
        count: the number of units per property.
    """
    varying = {name: values for name, values in properties.items() if len(values) and np.ptp(values) > 0}
    if not varying:
        return {}
    matrix = np.stack(list(varying.values()), axis=1)
    found: dict[str, list[Tracking]] = {name: [] for name in varying}
    for index, layer in enumerate(layers):
        for kind, values in layer.items():
            for name, row in zip(varying, correlations(values, matrix), strict=True):
                best = np.argsort(-np.abs(row), kind="stable")[:count].tolist()
                found[name] += [Tracking(index, kind, unit, float(row[unit])) for unit in best]
    return {name: sorted(each, key=lambda unit: -abs(unit.correlation))[:count] for name, each in found.items()}
