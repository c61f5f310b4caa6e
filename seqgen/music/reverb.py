"""Adds the reverberation of a small hall to a recording."""

import numpy as np

from seqgen.music.tones import RATE, Samples

_DECAY = 1.3  # seconds in which it falls by 60 dB
_DELAY = 0.02  # seconds until it begins
_SHARE = 0.3  # of the amplitude of the sound
_SIZE = 2**17  # of a Fourier transform


def with_reverb(samples: Samples) -> Samples:
    """Return a recording with reverberation, which is cut at its end.

    The recording is convolved with a decaying noise, another one per channel, by overlap-add.

    Args:
        samples: (2, N).
    """
    response = np.fft.rfft(_response(), _SIZE)
    hop = _SIZE - int(_DECAY * RATE)
    wet = samples.copy()
    for start in range(0, samples.shape[1], hop):
        block = samples[:, start : start + hop].mean(axis=0)
        sound = np.fft.irfft(np.fft.rfft(block, _SIZE) * response)
        size = min(_SIZE, samples.shape[1] - start)
        wet[:, start : start + size] += _SHARE * sound[:, :size]
    return wet


def _response() -> Samples:
    """Return the decaying noise of both channels, of energy 1, (2, N)."""
    size = int(_DECAY * RATE)
    noise = np.random.default_rng(0).standard_normal((2, size)) * 1000 ** (-np.arange(size) / size)
    noise = np.apply_along_axis(np.convolve, 1, noise, [0.25, 0.5, 0.25], "same")  # walls absorb high frequencies
    noise[:, : int(_DELAY * RATE)] = 0
    noise /= np.sqrt(np.sum(noise**2, axis=1, keepdims=True))
    return noise.astype(np.float32)
