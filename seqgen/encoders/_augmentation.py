"""Augmentation: random changes of what is read in training, so that a model does not depend on them.

Lines are images, shape (batch, channels, rows, columns), which are zero after the end of each.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from seqgen.noise import Noise

_SPACING = 24  # columns between the points at which the displacement of `waves` is drawn


def sampled(images: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Return images at other places, between pixels by bilinear interpolation; outside of them are zeros.

    Args:
        images: shape (batch, channels, height, width).
        columns: the column of each place, from 0 to width - 1 within the images; shape (batch, height', width').
        rows: its row, of the same shape.
    """
    height, width = images.shape[2:]
    grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def waves(noise: Noise, num_images: int, height: int, width: int, drawn_width: int) -> Tensor:
    """Return smooth displacements in both directions, from -1 to 1, shape (2, num_images, height, width).

    Args:
        noise: draws them at points of a coarse grid, between which they are interpolated.
        num_images: the number of images.
        height: of the images.
        width: of the images, at most `drawn_width`.
        drawn_width: how far they are drawn, which must be the same for all parts of a batch.
    """
    across, down = 2 + drawn_width // _SPACING, 2 + height // _SPACING
    points = noise.stream_uniform(num_images, 2 * down * across).view(num_images, 2, down, across)
    size = _SPACING * (down - 1) + 1, _SPACING * (across - 1) + 1
    smooth = F.interpolate(points, size, mode="bilinear", align_corners=True)
    return smooth[..., :height, :width].transpose(0, 1)
