"""The timbres of the built-in synthesizer, one or more per family of General MIDI instruments."""

from dataclasses import dataclass
from math import inf, pi, sin

_HARMONICS = tuple(float(number) for number in range(1, 17))


@dataclass(frozen=True)
class Timbre:
    """A sum of sinusoids with an envelope.

    Attributes:
        amplitudes: of the partials, before `formants` and velocity change them.
        ratios: frequencies of the partials, as multiples of the fundamental, the first.
        level: loudness relative to other timbres.
        attack: seconds in which a note swells to its full amplitude.
        decay: seconds in which the fundamental of middle C falls by 60 dB; infinite for a sustained sound.
        damping: partial k decays k to this power times as fast as the fundamental.
        release: seconds in which a note fades after its end.
        detuning: cents by which two softer copies are above and below the pitch, like several players.
        vibrato: its depth in cents.
        formants: pairs of centre and relative gain of resonances, in Hz.
    """

    amplitudes: tuple[float, ...]
    ratios: tuple[float, ...] = _HARMONICS
    level: float = 1.0
    attack: float = 0.004
    decay: float = inf
    damping: float = 0.6
    release: float = 0.12
    detuning: float = 0.0
    vibrato: float = 0.0
    formants: tuple[tuple[float, float], ...] = ()


def timbre_of(program: int) -> Timbre:
    """Return the timbre of a General MIDI program, from 0."""
    return _TIMBRES[max(first for first in _TIMBRES if first <= program)]


def _falling(exponent: float, even: float = 1.0) -> tuple[float, ...]:
    """Return amplitudes that fall with a power of the partial; a closed pipe has weak even partials."""
    return tuple((1.0 if k % 2 else even) * k**-exponent for k in _HARMONICS)


def _plucked(position: float) -> tuple[float, ...]:
    """Return the amplitudes of a string that is plucked at this fraction of its length."""
    return tuple(abs(sin(pi * k * position)) / k for k in _HARMONICS)


def _stretched(stiffness: float) -> tuple[float, ...]:
    """Return the ratios of the partials of a stiff string."""
    first = (1 + stiffness) ** 0.5
    return tuple(k * (1 + stiffness * k * k) ** 0.5 / first for k in _HARMONICS)


_PIANO = Timbre(_falling(1.3), _stretched(3e-4), level=1.3, decay=5.0)
_HARP = Timbre(_plucked(0.3), level=1.2, decay=3.5, release=0.5)
_GUITAR = Timbre(_plucked(0.18), level=1.1, decay=3.0)
_STRINGS = Timbre(_falling(1.2), level=0.55, attack=0.07, release=0.18, detuning=3.0, vibrato=6.0)
_REED = Timbre(_falling(0.9), level=0.5, attack=0.03, vibrato=4.0, formants=((1100.0, 2.5), (2800.0, 1.0)))
_PAD = Timbre(_falling(1.5), level=0.5, attack=0.25, release=0.6, detuning=5.0)
_TIMBRES = {  # by the first program of those that have it
    0: _PIANO,
    4: Timbre((1.0, 0.25, 0.08, 0.12), (1.0, 2.0, 3.0, 7.0), level=1.1, decay=4.0, damping=0.8),  # electric piano
    6: Timbre(_plucked(0.11), level=0.8, decay=3.0, damping=0.3, release=0.06),  # harpsichord
    8: Timbre((1.0, 0.35, 0.12), (1.0, 2.76, 5.4), level=0.9, decay=3.0, damping=0.8, release=1.0),  # bells
    11: Timbre((1.0, 0.25, 0.08), (1.0, 4.0, 10.0), level=0.9, decay=3.5, damping=0.9, release=0.6),  # vibraphone
    12: Timbre((1.0, 0.3, 0.1), (1.0, 4.0, 9.2), level=1.1, decay=0.9, damping=0.7, release=0.4),  # marimba
    14: Timbre((1.0, 0.6, 0.5, 0.3), (1.0, 2.0, 2.4, 3.0), level=0.8, decay=5.0, damping=0.5, release=1.5),  # bells
    15: Timbre(_plucked(0.15), level=1.0, decay=1.8),  # dulcimer
    16: Timbre((1.0, 0.7, 0.35, 0.4, 0.15, 0.2), (1.0, 2.0, 3.0, 4.0, 6.0, 8.0), level=0.5, attack=0.015, detuning=1.0),
    24: _GUITAR,
    32: Timbre(_plucked(0.25), level=1.4, decay=2.5, damping=0.9),  # bass
    40: _STRINGS,
    45: Timbre(_plucked(0.25), level=1.2, decay=0.8, damping=0.8),  # pizzicato
    46: _HARP,
    47: Timbre((1.0, 0.6, 0.4, 0.2), (1.0, 1.5, 1.98, 2.44), level=1.3, decay=1.6, release=0.8),  # timpani
    48: Timbre(_falling(1.2), level=0.5, attack=0.12, release=0.3, detuning=6.0),  # string ensemble
    52: Timbre(
        _falling(1.0),
        level=0.5,
        attack=0.09,
        release=0.25,
        detuning=5.0,
        vibrato=5.0,
        formants=((650.0, 2.5), (1080.0, 1.5), (2700.0, 0.6)),  # of the vowel "ah"
    ),
    56: Timbre(_falling(0.8), level=0.5, attack=0.04, release=0.1, formants=((1200.0, 1.5),)),  # brass
    64: _REED,
    71: Timbre(_falling(1.1, even=0.1), level=0.6, attack=0.03, vibrato=2.0),  # clarinet
    72: Timbre(_falling(2.2), level=0.7, attack=0.05, vibrato=5.0),  # flutes
    80: Timbre(_falling(1.1, even=0.3), level=0.45, attack=0.01, detuning=3.0),  # lead
    88: _PAD,
    104: Timbre(_plucked(0.1), level=1.0, decay=2.2, damping=0.4),  # sitar, banjo, koto
    109: _REED,  # bagpipe
    110: _STRINGS,  # fiddle
    111: _REED,  # shanai
    112: Timbre((1.0, 0.4, 0.2), (1.0, 1.6, 2.3), level=1.2, decay=0.7, release=0.4),  # steel drums, toms
    120: _PAD,  # sound effects
}
