"""The cross entropy over a large vocabulary, which replaces the logits by their gradient in place.

With 4,096 tokens and 10,000 words there are 41 million logits. If they are converted to float32, normalised and
differentiated in separate operations, they pass through memory a dozen times; here they do so twice, in the precision
of the products.

The adaptive softmax avoids most of the logits. It first chooses among the frequent tokens and one symbol for all rare
tokens, then, if it is that symbol, among the rare tokens (Grave et al., Efficient softmax approximation for GPUs, 2017;
here the rare tokens form one cluster with the same number of features).
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqgen.compiled import HAS_COMPILER, parallel_range
from seqgen.kernels import as_array, exp, kernel, narrowed, widened
from seqgen.levels.base import PADDING

SMALL = 512  # vocabularies up to this size gain nothing
_LANES = 64


def cross_entropy(
    hidden: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor, dtype: torch.dtype, smoothing: float = 0.0
) -> Tensor:
    """Return the mean nats per target under the softmax of `hidden @ matrix.T + bias`.

    With label smoothing (Szegedy et al., Rethinking the inception architecture, 2016) the value stays the same, so that
    losses can be compared, but its gradient is that of the cross entropy with labels that are uniform by the share
    `smoothing`.

    Args:
        hidden: shape (time, batch, features).
        matrix: shape (vocabulary, features).
        bias: shape (vocabulary,).
        targets: ids, shape (time, batch); `PADDING` is not counted.
        dtype: the precision of the products and of the stored logits.
        smoothing: the share of the uniform distribution in the labels.
    """
    if not is_compiled(len(matrix), hidden.device):
        logits = F.linear(hidden.to(dtype), matrix.to(dtype)).to(bias) + bias
        logits, targets = logits.flatten(0, 1), targets.flatten()
        count = (targets != PADDING).sum().clamp(min=1)
        nats = F.cross_entropy(logits, targets, ignore_index=PADDING, reduction="sum") / count
        if not smoothing:
            return nats
        smoothed = F.cross_entropy(logits, targets, ignore_index=PADDING, reduction="sum", label_smoothing=smoothing)
        smoothed = smoothed / count
        return smoothed + (nats - smoothed).detach()
    loss: Tensor = _CrossEntropy.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
        hidden.flatten(0, 1).to(dtype), matrix.to(dtype), bias, targets.flatten(), smoothing
    )
    return loss


def adaptive_cross_entropy(
    hidden: Tensor,
    matrix: Tensor,
    bias: Tensor,
    rare_weight: Tensor,
    rare_bias: Tensor,
    targets: Tensor,
    cutoff: int,
    dtype: torch.dtype,
    smoothing: float = 0.0,
) -> Tensor:
    """Return the mean nats per target under the adaptive softmax, that is, the softmax of `adaptive_logits`.

    Args:
        hidden: shape (time, batch, features).
        matrix: shape (vocabulary, features).
        bias: shape (vocabulary,).
        rare_weight: the weight of the symbol for all rare tokens, shape (1, features).
        rare_bias: its bias, shape (1,).
        targets: ids, shape (time, batch); `PADDING` is not counted.
        cutoff: the first rare id.
        dtype: the precision of the products and of the stored logits.
        smoothing: of the labels of both choices, see `cross_entropy`.
    """
    hidden, targets = hidden.flatten(0, 1), targets.flatten()
    sizes = [cutoff, len(matrix) - cutoff]
    (frequent, rare), (frequent_bias, others_bias) = torch.split(matrix, sizes), torch.split(bias, sizes)
    choices, choice_bias = torch.cat([frequent, rare_weight]), torch.cat([frequent_bias, rare_bias])
    nats = cross_entropy(hidden[None], choices, choice_bias, targets.clamp(max=cutoff)[None], dtype, smoothing)
    places = (targets >= cutoff).nonzero()[:, 0]
    chosen, rare_targets = hidden.index_select(0, places), targets[places] - cutoff
    rare_nats = cross_entropy(chosen[None], rare, others_bias, rare_targets[None], dtype, smoothing)
    return nats + rare_nats * (len(places) / (targets != PADDING).sum().clamp(min=1))


def adaptive_logits(logits: Tensor, rare_logit: Tensor, cutoff: int) -> Tensor:
    """Return logits whose softmax is the adaptive one: the rare tokens together have the probability of their symbol.

    Args:
        logits: shape (..., vocabulary).
        rare_logit: the logit of the symbol for all rare tokens, shape (..., 1).
        cutoff: the first rare id.
    """
    rare = logits[..., cutoff:]
    return torch.cat([logits[..., :cutoff], rare + (rare_logit - rare.logsumexp(-1, keepdim=True))], -1)


def is_compiled(vocabulary_size: int, device: torch.device) -> bool:
    """Return whether the gradient replaces the logits in place; otherwise both are stored in float32."""
    return vocabulary_size > SMALL and HAS_COMPILER and device.type == "cpu"


@kernel
def _replace_by_gradients(logits: Any, bias: Any, targets: Any, share: Any, smoothing: Any, nats: Any) -> None:
    for row in parallel_range(targets.size):
        x, target = logits[row], targets[row]
        # The maximum and the total per lane, because a loop for a single one is not vectorized.
        lanes, totals = np.full(_LANES, np.float32(-np.inf)), np.zeros(_LANES, np.float32)
        for first in range(0, x.size, _LANES):
            block, block_bias = x[first : first + _LANES], bias[first : first + _LANES]
            for j in range(block.size):
                logit = widened(block[j]) + block_bias[j]
                lanes[j] = logit if logit > lanes[j] else lanes[j]
        highest = lanes.max()
        for first in range(0, x.size, _LANES):
            block, block_bias = x[first : first + _LANES], bias[first : first + _LANES]
            for j in range(block.size):
                totals[j] += exp(widened(block[j]) + block_bias[j] - highest)
        total = totals.sum()
        counted = share if target >= 0 else np.float32(0)
        nats[row] = np.log(total) + highest - (widened(x[target]) + bias[target]) if target >= 0 else np.float32(0)
        probability = exp(widened(x[target]) + bias[target] - highest) / total
        factor, uniform = counted / total, counted * smoothing / np.float32(x.size)
        for j in range(x.size):
            x[j] = narrowed(exp(widened(x[j]) + bias[j] - highest) * factor - uniform, x[j])
        x[target] = narrowed((probability + smoothing - np.float32(1)) * counted - uniform, x[target])


class _CrossEntropy(torch.autograd.Function):
    """The mean loss, whose gradients are computed in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, matrix: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        logits = F.linear(hidden, matrix)
        share = 1 / max(1, int((targets != PADDING).sum()))
        nats = bias.new_empty(len(targets))
        arrays = as_array(logits), as_array(bias), as_array(targets)
        _replace_by_gradients(*arrays, np.float32(share), np.float32(smoothing), as_array(nats))
        ctx.save_for_backward(hidden, matrix, logits)
        return nats.double().sum().to(bias) * share

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        hidden, matrix, d_logits = ctx.saved_tensors
        ones = d_logits.new_ones(1, len(d_logits))
        d_bias = (ones @ d_logits)[0].float()
        return (d_logits @ matrix) * d_loss, (d_logits.t() @ hidden) * d_loss, d_bias * d_loss, None, None
