"""Band-limited resampling: each new sample is a sum of old ones, weighted by a windowed sinc (Smith & Gossett 1984)."""

import numpy as np
from numpy.typing import NDArray

_ZEROS = 24  # zero crossings of the sinc on each side
_PHASES = 4096  # positions between two samples for which weights are kept
_BLOCK = 1 << 15  # samples that are computed together


def resampled(samples: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Return a recording at another sampling rate, without frequencies that it cannot represent.

    Args:
        samples: shape (samples,).
        rate: their sampling rate in Hz.
        new_rate: the sampling rate of the result.
    """
    cutoff = min(1.0, new_rate / rate)  # of the old sampling rate
    reach = int(np.ceil(_ZEROS / cutoff))  # old samples on each side
    neighbours = np.arange(-reach, reach + 1)
    distances = np.arange(_PHASES + 1)[:, None] / _PHASES - neighbours
    window = np.cos(np.pi / 2 * (distances / (reach + 1)).clip(-1, 1)) ** 2
    weights = (cutoff * np.sinc(cutoff * distances) * window).astype(np.float32)
    padded = np.pad(samples, reach + 1)
    blocks = []
    for first in range(0, len(samples) * new_rate // rate, _BLOCK):
        places = np.arange(first, min(first + _BLOCK, len(samples) * new_rate // rate)) * (rate / new_rate)
        whole = places.astype(np.int64)
        phases = np.round((places - whole) * _PHASES).astype(np.int64)
        nearby = padded[(whole + reach + 1)[:, None] + neighbours]
        blocks.append(np.einsum("ij,ij->i", nearby, weights[phases]))
    return np.concatenate(blocks) if blocks else np.zeros(1, dtype=np.float32)
