"""Computes the sound of a note: a sum of damped sinusoids with an envelope."""

from math import ceil, isqrt

import numpy as np
import numpy.typing as npt

from seqgen.music.timbres import Timbre

RATE = 44_100  # samples per second
Samples = npt.NDArray[np.float32]

_MIDDLE_C = 60
_HIGHEST = 0.45 * RATE  # Hz; higher partials are omitted
_DIMMING = 1.2  # the softest note has partial k k to this power times softer than the loudest note
_OTHERS = 0.35  # amplitude of each detuned copy; with much more, a tone would beat
_VIBRATO_RATE = 5.5  # Hz
_VIBRATO_DELAY = 0.6  # seconds until it has its full depth
_FORMANT_WIDTH = 0.35  # of the centre
_BETWEEN_FORMANTS = 0.3  # gain


def frequency_of(pitch: float) -> float:
    """Return the frequency of a MIDI pitch in Hz, in equal temperament with A4 = 440 Hz."""
    return float(440 * 2 ** ((pitch - 69) / 12))


def loudness_of(velocity: int) -> float:
    """Return the amplitude of a velocity: its square, as General MIDI recommends."""
    return (velocity / 127) ** 2


def tone(timbre: Timbre, pitch: int, velocity: int, seconds: float) -> Samples:
    """Return the samples of a note, which fades after its end.

    Args:
        timbre: the timbre.
        pitch: MIDI number.
        velocity: 1 to 127; a louder note is brighter.
        seconds: from its beginning to its end.
    """
    fundamental = frequency_of(pitch)
    ratios = np.array([ratio for ratio in timbre.ratios if ratio == 1 or ratio * fundamental < _HIGHEST])
    frequencies = ratios * fundamental
    amplitudes = np.array(timbre.amplitudes[: len(ratios)]) * _formants(timbre, frequencies)
    amplitudes *= ratios ** (-_DIMMING * (1 - velocity / 127))
    amplitudes *= timbre.level * loudness_of(velocity) / np.sqrt(np.sum(amplitudes**2))
    decay = timbre.decay * (fundamental / frequency_of(_MIDDLE_C)) ** -0.5
    size = ceil(min(seconds + timbre.release, decay) * RATE)
    decays = decay * ratios**-timbre.damping
    samples = damped_sinusoids(frequencies, amplitudes, decays, size)
    for number, sign in enumerate((-1, 1) if timbre.detuning else ()):
        phases = np.random.default_rng(number).uniform(0, 2 * np.pi, len(ratios))
        others = _OTHERS * amplitudes * np.exp(1j * phases)
        samples += damped_sinusoids(frequencies * 2 ** (sign * timbre.detuning / 1200), others, decays, size)
    if timbre.vibrato:
        samples = _with_vibrato(samples, timbre.vibrato)
    samples *= _envelope(timbre, seconds, size)
    return samples


def damped_sinusoids(
    frequencies: npt.ArrayLike, amplitudes: npt.ArrayLike, decays: npt.ArrayLike, size: int
) -> Samples:
    """Return the sum of sinusoids that decay exponentially.

    With z_k the factor by which sinusoid k changes per sample, sample i * m + j is the imaginary part of the sum of
    a_k z_k^(i m) z_k^j, a product of two small matrices.

    Args:
        frequencies: in Hz, (K,).
        amplitudes: (K,); the phase of a complex number is that at the beginning, of a sine.
        decays: seconds in which each falls by 60 dB, (K,).
        size: number of samples.
    """
    damping = np.log(1000) / np.asarray(decays)
    rates = (2j * np.pi * np.asarray(frequencies) - damping) / RATE
    width = isqrt(size) + 1
    starts = np.asarray(amplitudes) * np.exp(np.outer(width * np.arange(-(-size // width)), rates))
    steps = np.exp(np.outer(rates, np.arange(width)))
    left = np.concatenate([starts.real, starts.imag], axis=1).astype(np.float32)
    right = np.concatenate([steps.imag, steps.real]).astype(np.float32)
    samples: Samples = (left @ right).ravel()[:size]
    return samples


def _formants(timbre: Timbre, frequencies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the gains of the formants at these frequencies; 1 without formants."""
    if not timbre.formants:
        return np.ones_like(frequencies)
    gains = np.full_like(frequencies, _BETWEEN_FORMANTS)
    for centre, gain in timbre.formants:
        gains += gain * np.exp(-(((frequencies - centre) / (_FORMANT_WIDTH * centre)) ** 2))
    return gains


def _with_vibrato(samples: Samples, cents: float) -> Samples:
    """Return the samples with a frequency that changes periodically by up to this number of cents."""
    times = np.arange(len(samples)) / RATE
    depth = (2 ** (cents / 1200) - 1) / (2 * np.pi * _VIBRATO_RATE) * np.minimum(times / _VIBRATO_DELAY, 1)
    moved = times + depth * np.sin(2 * np.pi * _VIBRATO_RATE * times)
    return np.interp(moved * RATE, np.arange(len(samples)), samples).astype(np.float32)


def _envelope(timbre: Timbre, seconds: float, size: int) -> Samples:
    """Return the factors of the samples: a smooth attack, and a smooth release after the end of the note."""
    times = np.arange(size, dtype=np.float32) / RATE
    attack = min(timbre.attack, seconds / 2)
    rising = np.minimum(times / max(attack, 1 / RATE), 1)
    falling = np.clip(1 - (times - np.float32(seconds)) / timbre.release, 0, 1)
    last = np.minimum((size - np.arange(size, dtype=np.float32)) / (0.01 * RATE), 1)  # of a decay that is cut
    envelope: Samples = np.sin(np.float32(np.pi / 2) * rising) ** 2 * falling**2 * last
    return envelope
