"""The random masks of dropout, drawn for all streams of a batch whichever of them are read together."""

import torch
from torch import Tensor


class Noise:
    """Draws the masks of one batch.

    Streams that are read apart, in another process or one after the other, get the masks that they would get together.

    Args:
        seed: fixes the masks.
        num_streams: how many the whole batch has.
        first: which of them is the first that is read here.
        device: where the masks are drawn, each kind of device its own.
    """

    def __init__(self, seed: int, num_streams: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed = seed
        self._num_streams = num_streams
        self._first = first
        self._generator = torch.Generator(device).manual_seed(seed)

    def weight_mask(self, shape: torch.Size, rate: float) -> Tensor:
        """Return a mask of weights: 0 for the share `rate`, and 1 for the rest."""
        return torch.empty(shape, device=self._generator.device).bernoulli_(1 - rate, generator=self._generator)

    def stream_mask(self, num_streams: int, num_features: int, rate: float) -> Tensor:
        """Return the mask of as many streams from the first one on, shape (num_streams, num_features)."""
        mask = self.weight_mask(torch.Size((self._num_streams, num_features)), rate)
        return mask[self._first : self._first + num_streams]

    def from_stream(self, first: int) -> "Noise":
        """Return what draws the same masks anew, for streams from this one of those that are read here on."""
        return Noise(self._seed, self._num_streams, self._first + first, self._generator.device)
