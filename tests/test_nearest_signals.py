"""The nearest training signal, a baseline of models that read signals."""

import numpy as np
import pytest

from seqgen.evaluation.nearest import nearest_signal_targets


def test_the_nearest_signal_has_the_most_similar_outline():
    source = np.random.default_rng(1)
    training = [(source.integers(0, 255, (length, 5)).astype(np.uint8), f"text {length}") for length in (3, 16, 40, 7)]
    stretched = [np.repeat(rows, 2, axis=0) for rows, _ in training if len(rows) != 40]
    noisy = [rows + source.integers(0, 3, rows.shape) for rows in stretched]
    assert nearest_signal_targets(noisy, training) == ["text 3", "text 16", "text 7"]
    assert nearest_signal_targets(noisy, reversed(training)) == ["text 3", "text 16", "text 7"]
    with pytest.raises(ValueError, match="needs at least one training pair"):
        nearest_signal_targets(noisy, [])
