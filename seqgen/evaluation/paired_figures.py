"""Differences of the losses of two models on the same text, with confidence intervals."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from seqgen.evaluation.confidence import ConfidenceInterval, begins_of_units, resample
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.loss_units import Loss
from seqgen.evaluation.transcription import Figure

TOKENS = "tokens"
_ONE_NAT = Loss(Likelihood(1.0, 1), dict.fromkeys(("characters", "bytes", "notes", "quarters"), 1.0))


def paired_figures(
    nats: NDArray[np.float64], amounts: Mapping[str, NDArray[np.float64]], sizes: NDArray[np.int64]
) -> dict[str, Figure]:
    """Return the difference of the losses with its confidence interval, by unit of the loss.

    Args:
        nats: of both models between the places of all documents, shape (2, places).
        amounts: of text or music between these places, by unit, each of shape (places,).
        sizes: the number of places of each document, shape (documents,).
    """
    difference = nats[1] - nats[0]
    over, begins = begins_of_units(np.append(0, np.cumsum(sizes)))
    counts = resample(len(begins)) if begins.size else None
    figures = {}
    for unit, amount in amounts.items():
        name, per_nat = ("nats_per_token", 1.0) if unit == TOKENS else _ONE_NAT.per(unit)
        if not amount.sum():
            continue
        assert per_nat is not None  # noqa: S101  # one nat per unit
        interval = None
        if counts is not None:
            resampled = counts @ np.add.reduceat(difference, begins) / (counts @ np.add.reduceat(amount, begins))
            interval = ConfidenceInterval.of(per_nat * resampled, over)
        figures[name] = Figure(per_nat * float(difference.sum() / amount.sum()), interval)
    return figures
