"""What the predictions of tokens attend to in the past of their document."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqgen.model.past import PastAttention

_COUNT = 8  # per token; on Python source and chorales, further weights of at least 0.02 have sums of 0.014 and 0.023


class Attended(NamedTuple):
    """The earlier tokens to which the prediction of each token attends most, the one with the largest weight first.

    Attributes:
        distances: in tokens, 1 for the token before; the first token of a document has START before it. Shape (tokens,
            count).
        weights: those of the outputs after these tokens have been read, shape (tokens, count).
    """

    distances: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    @torch.inference_mode()
    def of(cls, past: PastAttention, hidden: Tensor) -> "Attended":
        """Return what the predictions of one document attend to.

        Args:
            past: the attention.
            hidden: the outputs of the lowest layer from START on, shape (tokens, hidden_size).
        """
        weights = past.weights(hidden[:, None], past.initial_state(1), torch.float32)[:, 0]
        values, steps_back = weights.topk(min(_COUNT, weights.shape[1]))
        return cls(1 + steps_back.cpu().numpy(), values.cpu().numpy())

    @classmethod
    def joined(cls, parts: "Sequence[Attended]") -> "Attended | None":
        """Return those of consecutive documents, or None if there are none."""
        return cls(*map(np.concatenate, zip(*parts, strict=True))) if parts else None
