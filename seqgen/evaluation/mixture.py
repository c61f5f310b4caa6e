"""The mixture of a network and n-grams, which know different things about a text.

    p(text) = mean over w of the product over its tokens of ((1 - w) p_network + w p_ngram)

The mean is a Bayesian one with a uniform prior: each token is predicted with the weights that suited the tokens before
it. So no weight is chosen on the text that is scored, and the total loss is at most log(len(WEIGHTS)) = 3 nats above
that of the best weight.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.loss_units import Loss

# Weights that depend on the length of the context that the n-grams know, chosen on the other half of the text, were no
# gain: 1.827, 1.694, 1.121, 1.704, 1.457 and 2.554 instead of 1.826, 1.695, 1.123, 1.704, 1.461 and 2.540 nats per
# character of verse, prose, recipes, source code, tunes and names (4 to 45 kB).
WEIGHTS = np.linspace(0, 1, 21)
_BLOCK = 1 << 16  # tokens that are mixed at once


@dataclass(frozen=True)
class Mixture:
    """The loss of the mixture on a text.

    Attributes:
        loss: the loss.
        weight: the weight of the n-grams with the lowest loss.
    """

    loss: Loss
    weight: float

    @classmethod
    def of(cls, network: NDArray[np.float32], ngrams: NDArray[np.float32], dataset: Dataset) -> Self:
        """Mix two predictors.

        Args:
            network: nats of each token by the network, 0 for start tokens, shape (tokens,).
            ngrams: the same by n-grams.
            dataset: the text.
        """
        totals = np.zeros(len(WEIGHTS))
        with np.errstate(divide="ignore"):  # of the weight 0
            log_weights = np.log(WEIGHTS)[:, None]
        for begin in range(0, len(network), _BLOCK):
            first, second = (nats[begin : begin + _BLOCK].astype(np.float64) for nats in (network, ngrams))
            # The weights are symmetric: in reverse they are those of the network.
            totals -= np.logaddexp(log_weights[::-1] - first, log_weights - second).sum(1)
        best = int(totals.argmin())
        mean = np.exp(totals[best] - totals).mean()  # relative to the best one, which would underflow
        score = Likelihood(float(totals[best] - np.log(mean)), dataset.num_targets)
        return cls(Loss(score, dataset.extent), float(WEIGHTS[best]))
