"""The drums of the built-in synthesizer: decaying sinusoids and filtered noise."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from seqgen.music.tones import RATE, Samples, damped_sinusoids, loudness_of


@dataclass(frozen=True)
class Stroke:
    """The sound of a drum.

    Attributes:
        frequencies: of its sinusoids, in Hz.
        decay: seconds in which they fall by 60 dB.
        drop: how many times higher the frequencies are at the very beginning.
        noise: amplitude of the noise, with sinusoids of amplitude 1.
        band: lowest and highest frequency of the noise, in Hz.
        noise_decay: seconds in which the noise falls by 60 dB.
        level: loudness relative to other drums.
    """

    frequencies: tuple[float, ...] = ()
    decay: float = 0.2
    drop: float = 1.0
    noise: float = 0.0
    band: tuple[float, float] = (200.0, 12_000.0)
    noise_decay: float = 0.2
    level: float = 1.0


_DROP_TIME = 0.03  # seconds


def stroke_of(pitch: int) -> Stroke:
    """Return the sound of the drum of a General MIDI pitch; drums beyond General MIDI are like a wood block."""
    return _STROKES.get(pitch, _STROKES[77])


def struck(pitch: int, velocity: int) -> Samples:
    """Return the samples of a drum of General MIDI, struck once; equal in every call."""
    stroke = stroke_of(pitch)
    size = ceil(RATE * max(stroke.decay if stroke.frequencies else 0, stroke.noise_decay if stroke.noise else 0))
    times = np.arange(size) / RATE
    samples = np.zeros(size, np.float32)
    if stroke.frequencies:
        count = len(stroke.frequencies)
        samples += damped_sinusoids(stroke.frequencies, [count**-0.5] * count, [stroke.decay] * count, size)
        if stroke.drop > 1:
            moved = times + (stroke.drop - 1) * _DROP_TIME * (1 - np.exp(-times / _DROP_TIME))
            samples = np.interp(moved * RATE, np.arange(size), samples).astype(np.float32)
    if stroke.noise:
        fading = 1000 ** (-times / stroke.noise_decay)
        samples += stroke.noise * _noise(pitch, stroke.band, size) * fading.astype(np.float32)
    fade = np.linspace(1, 0, size, dtype=np.float32)  # without which the end would click
    return samples * fade * np.float32(stroke.level * loudness_of(velocity))


def _noise(pitch: int, band: tuple[float, float], size: int) -> Samples:
    """Return noise of amplitude 1 between two frequencies."""
    spectrum = np.fft.rfft(np.random.default_rng(pitch).standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    spectrum *= 1 / (1 + (band[0] / np.maximum(frequencies, 1)) ** 4) / (1 + (frequencies / band[1]) ** 4)
    noise: Samples = np.fft.irfft(spectrum, size).astype(np.float32)
    noise /= np.sqrt(np.mean(noise**2))
    return noise


def _tom(frequency: float) -> Stroke:
    return Stroke((frequency, 1.59 * frequency), 0.45, 1.5, noise=0.15, band=(100.0, 3_000.0), noise_decay=0.1)


def _hand_drum(frequency: float) -> Stroke:
    return Stroke(
        (frequency, 1.9 * frequency), 0.25, 1.1, noise=0.1, band=(500.0, 4_000.0), noise_decay=0.04, level=0.8
    )


def _cymbal(noise_decay: float, lowest: float, level: float = 0.35) -> Stroke:
    ratios = (1.0, 1.34, 1.87, 2.41, 3.03)
    frequencies = tuple(lowest * ratio for ratio in ratios)
    return Stroke(frequencies, noise_decay, noise=2.0, band=(lowest, 16_000.0), noise_decay=noise_decay, level=level)


def _shaken(noise_decay: float, lowest: float) -> Stroke:
    return Stroke(noise=1.0, band=(lowest, 15_000.0), noise_decay=noise_decay, level=0.4)


def _struck_wood(frequency: float) -> Stroke:
    return Stroke((frequency, 2.6 * frequency), 0.1, level=0.7)


def _struck_metal(frequency: float, decay: float) -> Stroke:
    return Stroke((frequency, 1.48 * frequency, 2.9 * frequency), decay, level=0.5)


_KICK = Stroke((52.0,), 0.4, 4.0, noise=0.1, band=(500.0, 4_000.0), noise_decay=0.03, level=1.5)
_SNARE = Stroke((185.0, 330.0), 0.18, 1.3, noise=1.0, band=(700.0, 9_000.0), noise_decay=0.3, level=0.8)
_CLAP = Stroke(noise=1.0, band=(800.0, 4_000.0), noise_decay=0.2, level=0.7)
_STROKES = {
    35: _KICK,
    36: _KICK,
    37: _struck_wood(800.0),  # side stick
    38: _SNARE,
    39: _CLAP,
    40: _SNARE,
    **{pitch: _tom(70.0 * 1.19**place) for place, pitch in enumerate((41, 43, 45, 47, 48, 50))},
    42: _cymbal(0.09, 6_000.0),  # closed hi-hat
    44: _cymbal(0.07, 5_000.0),  # pedal hi-hat
    46: _cymbal(0.7, 6_000.0),  # open hi-hat
    49: _cymbal(2.5, 2_500.0),  # crash
    51: _cymbal(1.8, 4_000.0, level=0.25),  # ride
    52: _cymbal(1.8, 2_000.0),  # China
    53: _struck_metal(3_000.0, 1.5),  # ride bell
    54: _shaken(0.3, 7_000.0),  # tambourine
    55: _cymbal(1.2, 3_500.0),  # splash
    56: _struck_metal(560.0, 0.3),  # cowbell
    57: _cymbal(2.2, 2_200.0),  # crash 2
    58: _shaken(0.8, 2_500.0),  # vibraslap
    59: _cymbal(1.6, 4_500.0, level=0.25),  # ride 2
    60: _hand_drum(420.0),  # bongos
    61: _hand_drum(310.0),
    62: _hand_drum(330.0),  # congas
    63: _hand_drum(240.0),
    64: _hand_drum(180.0),
    65: _tom(330.0),  # timbales
    66: _tom(220.0),
    67: _struck_metal(920.0, 0.5),  # agogo
    68: _struck_metal(690.0, 0.5),
    69: _shaken(0.12, 6_000.0),  # cabasa
    70: _shaken(0.08, 7_000.0),  # maracas
    71: Stroke((2_300.0,), 0.2, level=0.4),  # whistles
    72: Stroke((2_300.0,), 0.6, level=0.4),
    73: _shaken(0.12, 2_500.0),  # guiro
    74: _shaken(0.4, 2_500.0),
    75: _struck_wood(2_400.0),  # claves
    76: _struck_wood(1_100.0),  # wood blocks
    77: _struck_wood(800.0),
    78: _hand_drum(500.0),  # cuica
    79: _hand_drum(350.0),
    80: _struck_metal(4_200.0, 0.15),  # triangle
    81: _struck_metal(4_200.0, 2.0),
}
