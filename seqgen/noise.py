"""The random numbers of training, which do not depend on which streams of a batch are read together."""

import torch
from torch import Tensor


class Noise:
    """Draws the masks of dropout and the changes of augmentation for one batch.

    Streams that are read separately, in another process or one after the other, get the same ones as if they were read
    together.

    Args:
        seed: determines all of them.
        num_streams: the number of streams in the whole batch.
        first: the index of the first stream that is read here.
        device: the device on which they are drawn; each kind of device draws different ones.
    """

    def __init__(self, seed: int, num_streams: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed = seed
        self._num_streams = num_streams
        self._first = first
        self._generator = torch.Generator(device).manual_seed(seed)

    def weight_mask(self, shape: torch.Size, rate: float) -> Tensor:
        """Return a mask of this shape: False with probability `rate`, a multiple of 2^-16, otherwise True."""
        count = shape.numel()
        bits = torch.empty(-(-count // 2), dtype=torch.int32, device=self._generator.device)
        bits.random_(-(2**31), 2**31, generator=self._generator)  # six times as fast as `bernoulli_`
        return bits.view(torch.int16)[:count].view(shape) >= round(rate * 2**16) - 2**15

    def stream_mask(self, num_streams: int, num_features: int, rate: float) -> Tensor:
        """Return the mask of this number of streams, beginning with the first; shape (num_streams, num_features)."""
        mask = self.weight_mask(torch.Size((self._num_streams, num_features)), rate)
        return mask[self._first : self._first + num_streams]

    def stream_uniform(self, num_streams: int, num_features: int) -> Tensor:
        """Return numbers from -1 to 1 for the streams of `stream_mask`; shape (num_streams, num_features)."""
        numbers = torch.empty(self._num_streams, num_features, device=self._generator.device)
        return numbers.uniform_(-1, 1, generator=self._generator)[self._first : self._first + num_streams]

    def from_stream(self, first: int) -> "Noise":
        """Return the source of the same numbers for the streams that are read here, without those before `first`."""
        return Noise(self._seed, self._num_streams, self._first + first, self._generator.device)
