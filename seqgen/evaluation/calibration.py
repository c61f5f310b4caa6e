"""Calibration: whether the probability that a model gives its most likely token is how often that token occurs.

The confidence of a prediction is the probability of the most likely token, and it is correct if this token is the next
one. Predictions are grouped by their confidence p into M = 15 intervals ((m - 1) / M, m / M]. With acc(m) the share of
correct predictions among the n(m) of interval m, and conf(m) the mean of their confidences,

    expected calibration error = sum over m of n(m) / n * |acc(m) - conf(m)|

(Guo et al., "On calibration of modern neural networks", ICML 2017, section 2; their reliability diagrams plot acc(m)).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import estimate, surprisals
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.model.language_model import LanguageModel

NUM_BINS = 15


class Bin(NamedTuple):
    """The predictions whose confidence is in one interval.

    Attributes:
        num_tokens: their number.
        confidence: the mean of their confidences; None if there are none.
        accuracy: the share of correct ones; None if there are none.
    """

    num_tokens: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Calibration:
    """The calibration of a model on some documents.

    Attributes:
        bins: of the intervals of confidence from 0 to 1.
    """

    bins: list[Bin]

    @classmethod
    def of(cls, model: LanguageModel, dataset: Dataset, max_tokens: int, progress: Progress = SILENT) -> Self:
        """Measure the calibration of a model.

        Args:
            model: the model; it has a decoder.
            dataset: the documents.
            max_tokens: about the number of evenly spaced tokens that are predicted if there are more.
            progress: receives the progress.
        """
        confidences = np.zeros(len(dataset.ids), np.float32)  # 0 for tokens that are not predicted
        is_correct = np.zeros(len(dataset.ids), np.bool_)

        def observe(places: NDArray[np.int64], logits: Tensor) -> None:
            best = logits.softmax(-1).max(-1)
            confidences[places] = best.values.cpu().numpy()
            is_correct[places] = best.indices.cpu().numpy() == dataset.ids[places]

        if dataset.num_targets <= max_tokens:
            surprisals(model, dataset, progress=progress, observe=observe)
        else:
            with progress.task("scoring", max_tokens) as task:
                estimate(model, dataset, torch.float32, max_tokens, task=task, observe=observe)
        is_predicted = confidences > 0
        return cls.of_predictions(confidences[is_predicted], is_correct[is_predicted])

    @classmethod
    def of_predictions(cls, confidences: NDArray[Any], is_correct: NDArray[np.bool_], num_bins: int = NUM_BINS) -> Self:
        """Group predictions.

        Args:
            confidences: the probabilities of the most likely tokens, shape (predictions,).
            is_correct: whether these tokens occur, shape (predictions,).
            num_bins: the number of intervals.
        """
        edges = np.linspace(0, 1, num_bins + 1)
        which = np.clip(np.searchsorted(edges, confidences), 1, num_bins) - 1
        counts, sums, hits = (
            np.bincount(which, weights, minlength=num_bins) for weights in (None, confidences, is_correct)
        )
        return cls(
            [
                Bin(int(count), total / count, correct / count) if count else Bin(0, None, None)
                for count, total, correct in zip(counts.tolist(), sums.tolist(), hits.tolist(), strict=True)
            ]
        )

    @property
    def num_tokens(self) -> int:
        """The number of predictions."""
        return sum(each.num_tokens for each in self.bins)

    @property
    def confidence(self) -> float:
        """The mean confidence of all predictions."""
        return sum(each.num_tokens * (each.confidence or 0.0) for each in self.bins) / self.num_tokens

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return sum(each.num_tokens * (each.accuracy or 0.0) for each in self.bins) / self.num_tokens

    @property
    def error(self) -> float:
        """The expected calibration error, from 0 to 1."""
        gaps = (each.num_tokens * abs((each.accuracy or 0.0) - (each.confidence or 0.0)) for each in self.bins)
        return sum(gaps) / self.num_tokens

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "tokens": self.num_tokens,
            "confidence": self.confidence,
            "accuracy": self.accuracy,
            "error": self.error,
            "bins": [each._asdict() for each in self.bins],
        }
