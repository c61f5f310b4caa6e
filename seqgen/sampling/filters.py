"""Temperature, top-k and top-p: the probabilities from which tokens are drawn."""

import torch
from torch import Tensor

from seqgen.config import SamplingConfig


def probabilities(logits: Tensor, config: SamplingConfig) -> Tensor:
    """Return the probabilities to draw from.

    Args:
        logits: shape (streams, vocabulary); -inf for excluded tokens.
        config: temperature, top_k and top_p, applied in this order.

    Returns:
        float64 probabilities, shape (streams, vocabulary); NaN in rows in which every token is excluded.
    """
    temperature = 1.0 if config.temperature is None else config.temperature
    if temperature == 0:
        highest, place = logits.double().max(-1, keepdim=True)
        one = torch.exp(highest - highest)  # NaN if the highest is -inf
        return torch.zeros_like(logits, dtype=torch.float64).scatter_(-1, place, one)
    scaled = logits.double()
    if temperature != 1:
        scaled = (scaled - scaled.amax(-1, keepdim=True)) / temperature
    if config.top_k is not None and config.top_k < scaled.shape[-1]:
        threshold = scaled.topk(config.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < threshold, -torch.inf)
    likely = scaled.softmax(-1)
    return _nucleus(likely, config.top_p) if config.top_p < 1 else likely


def _nucleus(likely: Tensor, top_p: float) -> Tensor:
    """Keep the smallest set of tokens whose probabilities reach `top_p` (Holtzman et al., 2020); at least one token."""
    ordered, order = likely.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    nucleus = torch.where(before < top_p, ordered, 0.0)
    nucleus = torch.zeros_like(likely).scatter_(-1, order, nucleus)
    return nucleus / nucleus.sum(-1, keepdim=True)
