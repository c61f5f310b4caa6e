"""Scores -> recordings in WAV format, played with a SoundFont or by the built-in synthesizer."""

import io
import wave
from pathlib import Path

import numpy as np

from seqgen.errors import MusicError
from seqgen.music import soundfont, synthesizer
from seqgen.music.score import Score
from seqgen.music.tempos import seconds_at
from seqgen.music.tones import RATE, Samples

TAIL = 2.0  # seconds after the last bar, in which the sound fades
_MAX_MINUTES = 30
_PEAK = 10 ** (-1 / 20)  # 1 dB below full scale
_FULL_SCALE = 32_767


def rendered(score: Score, font: Path | None = None) -> bytes:
    """Return a stereo file of 16 bits per sample, whose loudest sample is 1 dB below full scale.

    Args:
        score: the music, which begins with the pickup.
        font: a SoundFont; None for an installed one, or for the built-in synthesizer if no SoundFont is installed.

    Raises:
        UsageError: the SoundFont cannot be used.
        MusicError: the music is too long, or has a tempo that MIDI cannot represent.
    """
    start, end = seconds_at(score, [score.start, score.num_steps])
    if end - start > 60 * _MAX_MINUTES:
        raise MusicError(
            "endless music",
            f"music of {(end - start) / 60:,.0f} minutes cannot be written as audio; the limit is {_MAX_MINUTES}",
        )
    used = soundfont.find(font)
    samples, rate = (synthesizer.play(score, TAIL), RATE) if used is None else soundfont.play(score, used, TAIL)
    return _wave(samples, rate)


def instrument(font: Path | None) -> str:
    """Return what plays: the name of the SoundFont, or the built-in synthesizer."""
    used = soundfont.find(font)
    if used is None:
        return "the built-in synthesizer; --soundfont FILE.sf2 plays recorded instruments"
    return f"midirenderer with the SoundFont {used.resolve()}"


def _wave(samples: Samples, rate: int) -> bytes:
    """Return the samples, (2, N), as a file."""
    peak = max(samples.max(initial=0), -samples.min(initial=0))
    scaled = np.rint(samples.T * np.float32(_FULL_SCALE * _PEAK / (peak or 1))).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(scaled.tobytes())
    return content.getvalue()
