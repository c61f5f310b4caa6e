"""Convolutions over time on which padding has no effect."""

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.encoders.base import FrontEnd
from seqgen.noise import Noise

_KERNEL = 5  # positions
_EPSILON = 1e-5  # added to variances


class Convolutions(FrontEnd):
    """Convolutions over time, each with instance normalization and a ReLU; outputs are zero after the end.

    Args:
        num_features: of the input.
        channels: the number of outputs of each convolution.
        subsampling: the product of the strides, a power of two; the last convolutions have a stride of 2.
        scale: by which the input is multiplied, so that its numbers are about 1.
    """

    def __init__(self, num_features: int, channels: Sequence[int], subsampling: int, scale: float = 1.0) -> None:
        super().__init__()
        self.size = channels[-1]
        self._strides = halvings(subsampling, len(channels))[::-1]
        self._scale = scale
        sizes = [num_features, *channels]
        self.weights = nn.ParameterList(
            torch.empty(after, before, _KERNEL) for before, after in zip(sizes, channels, strict=False)
        )
        self.norms = nn.ModuleList(InstanceNorm(size) for size in channels)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        initialise(self.weights, generator)

    def forward(
        self,
        rows: Tensor,
        lengths: Tensor,
        dtype: torch.dtype = torch.float32,
        noise: Noise | None = None,  # noqa: ARG002  # sequences are not changed
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last convolution, see `FrontEnd`."""
        values = rows.permute(1, 2, 0).to(self.weights[0]) * self._scale  # (batch, features, positions)
        values = masked(values, lengths)
        values = values.to(dtype)
        for weight, norm, stride in zip(self.weights, self.norms, self._strides, strict=True):
            values = F.conv1d(values, weight.to(values), None, stride, _KERNEL // 2)
            lengths = (lengths + stride - 1) // stride
            values = activated(values, norm, lengths)
        return values.permute(2, 0, 1).to(self.weights[0]), lengths


class InstanceNorm(nn.Module):
    """Instance normalization (Ulyanov, Vedaldi & Lempitsky 2016): mean 0 and variance 1 per channel of each signal.

    Then it is multiplied by a weight, and a bias is added. A channel with a single number becomes the bias.

    Args:
        num_channels: the number of channels.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_channels))
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return normalized values.

        Args:
            values: shape (batch, channels, ..., positions), zero after the end of each.
            lengths: the number of positions of each, shape (batch,).
        """
        places = tuple(range(2, values.ndim))
        counts = lengths[:, None].to(self.weight) * math.prod(values.shape[2:-1])
        ones = (1,) * len(places)
        mean = values.sum(places, dtype=self.weight.dtype) / counts
        centred = masked(values - mean.to(values).view(*mean.shape, *ones), lengths)
        variance = (centred * centred).sum(places, dtype=self.weight.dtype) / counts
        scale = self.weight * torch.rsqrt(variance + _EPSILON)
        return centred * scale.to(values).view(*scale.shape, *ones) + self.bias.to(values).view(-1, *ones)


class ChannelBias(nn.Module):
    """Adds a bias to each channel; replaces `InstanceNorm` where the mean carries information, such as a colour.

    Args:
        num_channels: the number of channels.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(num_channels))

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:  # noqa: ARG002  # as of the normalization
        """Return the sum, see `InstanceNorm`."""
        return values + self.bias.to(values).view(-1, *(1,) * (values.ndim - 2))


def activated(values: Tensor, norm: nn.Module, lengths: Tensor) -> Tensor:
    """Return the ReLU of normalized values, shape (batch, channels, ..., positions), zero after the end of each."""
    return masked(F.relu(norm(masked(values, lengths), lengths)), lengths)


def halvings(subsampling: int, num_layers: int) -> tuple[int, ...]:
    """Return by how much each layer divides the number of positions: the first ones by 2, the others by 1."""
    num_halving = subsampling.bit_length() - 1
    return (2,) * num_halving + (1,) * (num_layers - num_halving)


def masked(values: Tensor, lengths: Tensor) -> Tensor:
    """Return values, shape (batch, ..., positions), with zeros after the end of each sequence."""
    is_within = torch.arange(values.shape[-1], device=values.device) < lengths[:, None]
    return values * is_within.view(len(lengths), *(1,) * (values.ndim - 2), -1).to(values.dtype)


@torch.no_grad()
def initialise(weights: Iterable[Tensor], generator: torch.Generator) -> None:
    """Draw the weights of convolutions uniformly (He et al. 2015), so that a ReLU keeps the variance."""
    for weight in weights:
        bound = (6 / weight[0].numel()) ** 0.5
        weight.uniform_(-bound, bound, generator=generator)
