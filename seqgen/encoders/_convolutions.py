"""Convolutions over time on which padding has no effect."""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.encoders.base import FrontEnd

_KERNEL = 5  # positions


class Convolutions(FrontEnd):
    """Convolutions over time, each with a ReLU, the outputs of which are zero after the end of a sequence.

    Args:
        num_features: of the input.
        channels: the number of outputs of each convolution.
        strides: of each convolution.
        scale: by which the input is multiplied, so that its numbers are about 1.
    """

    def __init__(self, num_features: int, channels: Sequence[int], strides: Sequence[int], scale: float = 1.0) -> None:
        super().__init__()
        self.size = channels[-1]
        self._strides = tuple(strides)
        self._scale = scale
        sizes = [num_features, *channels]
        self.weights = nn.ParameterList(
            torch.empty(after, before, _KERNEL) for before, after in zip(sizes, channels, strict=False)
        )
        self.biases = nn.ParameterList(torch.empty(size) for size in channels)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        initialise(self.weights, self.biases, generator)

    def forward(self, rows: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last convolution, see `FrontEnd`."""
        values = rows.permute(1, 2, 0).to(self.biases[0]) * self._scale  # (batch, features, positions)
        values = masked(values, lengths)
        for weight, bias, stride in zip(self.weights, self.biases, self._strides, strict=True):
            values = F.relu(F.conv1d(values, weight, bias, stride, _KERNEL // 2))
            lengths = (lengths + stride - 1) // stride
            values = masked(values, lengths)
        return values.permute(2, 0, 1), lengths


def masked(values: Tensor, lengths: Tensor) -> Tensor:
    """Return values, shape (batch, ..., positions), with zeros after the end of each sequence."""
    is_within = torch.arange(values.shape[-1], device=values.device) < lengths[:, None]
    return values * is_within.view(len(lengths), *(1,) * (values.ndim - 2), -1)


@torch.no_grad()
def initialise(weights: Iterable[Tensor], biases: Iterable[Tensor], generator: torch.Generator) -> None:
    """Draw the weights of convolutions uniformly (He et al. 2015), so that a ReLU keeps the variance; biases are 0."""
    for weight, bias in zip(weights, biases, strict=True):
        bound = (6 / weight[0].numel()) ** 0.5
        weight.uniform_(-bound, bound, generator=generator)
        bias.zero_()
