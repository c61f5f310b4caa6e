"""Temperature, top-k and top-p: which tokens may be drawn, and how likely each is."""

import torch
from torch import Tensor

from seqgen.config import SamplingConfig


def probabilities(logits: Tensor, config: SamplingConfig) -> Tensor:
    """Return the probabilities to draw from.

    Args:
        logits: shape (streams, vocabulary); -inf for what must not come.
        config: temperature, top_k and top_p, applied in this order.

    Returns:
        float64 probabilities, shape (streams, vocabulary); no numbers in a row where every token is excluded.
    """
    if config.temperature == 0:
        highest, place = logits.double().max(-1, keepdim=True)
        one = torch.exp(highest - highest)  # not a number where the highest is -inf
        return torch.zeros_like(logits, dtype=torch.float64).scatter_(-1, place, one)
    scaled = logits.double()
    if config.temperature != 1:
        scaled = (scaled - scaled.amax(-1, keepdim=True)) / config.temperature
    if config.top_k is not None and config.top_k < scaled.shape[-1]:
        lowest_kept = scaled.topk(config.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < lowest_kept, -torch.inf)
    likely = scaled.softmax(-1)
    return _nucleus(likely, config.top_p) if config.top_p < 1 else likely


def _nucleus(likely: Tensor, top_p: float) -> Tensor:
    """Keep the fewest tokens that together reach `top_p` (Holtzman et al., 2020); at least one."""
    ordered, order = likely.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    kept = torch.where(before < top_p, ordered, 0.0)
    kept = torch.zeros_like(likely).scatter_(-1, order, kept)
    return kept / kept.sum(-1, keepdim=True)
