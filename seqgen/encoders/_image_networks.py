"""The networks that read images, and how lines change in training."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.encoders._augmentation import sampled, waves
from seqgen.encoders._convolutions import ChannelBias, InstanceNorm, activated, halvings, initialise, masked
from seqgen.encoders.base import FrontEnd
from seqgen.noise import Noise

_SCALE = 128  # of the bytes in the network
_LINE_CHANNELS, _PICTURE_CHANNELS = (16, 32, 64, 64), (32, 64, 128)
PICTURE_SUBSAMPLING = 2 ** len(_PICTURE_CHANNELS)  # pixels per side of a cell
# How much lines change in training, at most: columns per row, rows, share of the next pixels, logarithms of the factors
# of width and height, columns and rows. 2,498 lines, 20 of 25 epochs: 22.9 % of the tokens of other lines are wrong, at
# 0.86 nats; without changes 25.6 %, at 1.25 nats (the lowest is 1.00, after 10 epochs). With changes the loss on the
# lines that were trained on is about 0.35 nats in the end, so smaller changes would not help. After only 3 epochs, 62 %
# are wrong without changes, and 79 % with changes of about twice these sizes. Pictures do not change: of captions of
# 2,837 emoji, 25 % of the tokens are wrong after 15 epochs; with shifts of 2 pixels, turns of 3 degrees and factors of
# 0.94 to 1.06 (and 384 instead of 256 units) 34 %.
_SLANT, _SHIFT, _WEIGHT, _STRETCH, _ZOOM, _WAVES = 0.25, 1.5, 0.4, 0.15, 0.1, 1.2


class _Layers(FrontEnd):
    """Convolutions of 3 x 3 pixels, each with max pooling, normalization and a ReLU.

    Args:
        sizes: the numbers of channels of the image and of each output.
        pooled: the number of columns that are pooled after each convolution, always with two rows.
        norm: the kind of normalization.
    """

    def __init__(
        self, sizes: Sequence[int], pooled: Sequence[int], norm: type[InstanceNorm] | type[ChannelBias]
    ) -> None:
        super().__init__()
        self._pooled = tuple(pooled)
        self.weights = nn.ParameterList(torch.empty(after, before, 3, 3) for before, after in pairwise(sizes))
        self.norms = nn.ModuleList(norm(size) for size in sizes[1:])

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the initial weights."""
        initialise(self.weights, generator)

    def _outputs(self, images: Tensor, lengths: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the outputs of the last layer, shape (batch, channels, height, outputs).

        Args:
            images: shape (batch, channels, height, columns), with zeros after the end of each.
            lengths: the numbers of outputs, shape (batch,).
            dtype: the precision of the convolutions.
        """
        # Images are padded to whole outputs, so that pooling never mixes what is inside and outside of them.
        num_columns = math.prod(self._pooled)
        values = F.pad(images, (0, -images.shape[-1] % num_columns)).to(dtype, memory_format=torch.channels_last)
        for weight, norm, columns in zip(self.weights, self.norms, self._pooled, strict=True):
            values = F.max_pool2d(F.conv2d(values, weight.to(values), padding=1), (2, columns), ceil_mode=True)
            num_columns //= columns
            values = activated(values, norm, lengths * num_columns)
        return values.to(self.weights[0])


class LineConvolutions(_Layers):
    """Reads lines.

    Args:
        height: of the lines.
        subsampling: the number of columns that each output covers, a power of two.
    """

    def __init__(self, height: int, subsampling: int) -> None:
        super().__init__((1, *_LINE_CHANNELS), halvings(subsampling, len(_LINE_CHANNELS)), InstanceNorm)
        self._subsampling = subsampling
        self.size = _LINE_CHANNELS[-1] * -(-height // 2 ** len(_LINE_CHANNELS))

    def forward(
        self, rows: Tensor, lengths: Tensor, dtype: torch.dtype = torch.float32, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last convolution, see `FrontEnd`."""
        images = rows.permute(1, 2, 0)[:, None].to(self.weights[0]) / _SCALE  # (batch, 1, height, columns)
        images = masked(images, lengths)
        if noise is not None:
            images, lengths = _changed_line(images, lengths, noise)
        lengths = -(-lengths // self._subsampling)
        return self._outputs(images, lengths, dtype).flatten(1, 2).permute(2, 0, 1), lengths


class PictureConvolutions(_Layers):
    """Reads square pictures; the outputs are the cells of a grid, row by row.

    The convolutions are always in float32, because colours need it: captions of 2,837 emoji, 5 min, have BLEU 57.8, and
    33 % are exact; in bfloat16, in spite of 16 % more steps, 49.6 and 22 %.
    """

    def __init__(self) -> None:
        super().__init__((3, *_PICTURE_CHANNELS), (2,) * len(_PICTURE_CHANNELS), ChannelBias)
        self.size = _PICTURE_CHANNELS[-1]

    def forward(
        self,
        rows: Tensor,
        lengths: Tensor,
        dtype: torch.dtype = torch.float32,  # noqa: ARG002  # see above
        noise: Noise | None = None,  # noqa: ARG002  # pictures are not changed
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last convolution, see `FrontEnd`."""
        side, batch, _ = rows.shape
        images = rows.view(side, batch, side, 3).permute(1, 3, 0, 2).to(self.weights[0]) / _SCALE
        grid = self._outputs(images, torch.full_like(lengths, side // PICTURE_SUBSAMPLING), images.dtype)
        cells = grid.flatten(2).permute(2, 0, 1)
        return cells, torch.full_like(lengths, len(cells))


def _changed_line(images: Tensor, lengths: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Return randomly changed lines, and their numbers of columns, at least as many as before.

    Nothing is lost at their sides; a few rows at the upper and lower edge may be.
    """
    batch, _, height, width = images.shape
    numbers = noise.stream_uniform(batch, 5).T[..., None, None]
    slant, shift, weight = numbers[0] * _SLANT, numbers[1] * _SHIFT, numbers[2, ..., None] * _WEIGHT
    stretch, zoom = torch.exp(numbers[3] * _STRETCH), torch.exp(numbers[4] * _ZOOM)
    middle = (height - 1) / 2
    margin = slant.abs() * middle + _WAVES  # columns on each side, before stretching
    longer = ((lengths + 2 * margin.flatten()) * stretch.flatten()).ceil().long()
    lengths = torch.maximum(lengths, longer)
    size = height, int(lengths.max())
    most = (width + 2 * (_SLANT * middle + _WAVES)) * math.exp(_STRETCH)
    across, down = _WAVES * waves(noise, batch, *size, int(most) + 1)
    column = (torch.arange(size[1], device=images.device) + 0.5) / stretch - 0.5 - margin
    row = torch.arange(height, device=images.device)[:, None] - middle
    images = sampled(images, column + slant * row + across, row / zoom + middle + shift + down)
    wide, narrow = F.max_pool2d(images, 3, 1, 1), -F.max_pool2d(-images, 3, 1, 1)
    images = images + weight.clamp(min=0) * (wide - images) - weight.clamp(max=0) * (narrow - images)
    return masked(images, lengths), lengths
