"""Plays scores without a SoundFont, with the timbres of `timbres.py` and the drums of `percussion.py`."""

from functools import lru_cache

import numpy as np

from seqgen.music.percussion import struck
from seqgen.music.reverb import with_reverb
from seqgen.music.score import Score, Track
from seqgen.music.tempos import seconds_at
from seqgen.music.timbres import timbre_of
from seqgen.music.tones import RATE, Samples, tone

_WIDTH = 0.5  # of the stage: 1 places the first part on the left and the last part on the right


def play(score: Score, tail: float) -> Samples:
    """Return the sound of a score from the first bar or pickup, (2, N): the first parts are on the left.

    Args:
        score: the music.
        tail: seconds after the last bar, in which the sound fades.
    """
    seconds = seconds_at(score, [score.start, score.num_steps])
    samples = np.zeros((2, round((seconds[1] - seconds[0] + tail) * RATE)), np.float32)
    places = np.linspace(-_WIDTH, _WIDTH, len(score.tracks)) if len(score.tracks) > 1 else [0.0]
    for track, place in zip(score.tracks, places, strict=True):
        angle = np.pi / 4 * (1 + (0.0 if track.is_drum else place))
        sound = _played(score, track, seconds[0], samples.shape[1])
        samples += np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * sound
    return with_reverb(samples)


def _played(score: Score, track: Track, start: float, size: int) -> Samples:
    """Return the sound of a track, which begins at a time in seconds, (N,)."""
    samples = np.zeros(size, np.float32)
    onsets = seconds_at(score, [note.onset for note in track.notes]) - start
    ends = seconds_at(score, [note.end for note in track.notes]) - start
    for note, onset, end in zip(track.notes, onsets, ends, strict=True):
        if track.is_drum:
            sound = _struck(note.pitch, note.velocity)
        else:
            sound = _tone(track.program, note.pitch, note.velocity, round((end - onset) * RATE))
        first = max(round(onset * RATE), 0)
        stop = min(first + len(sound), size)
        samples[first:stop] += sound[: stop - first]
    return samples


@lru_cache(maxsize=128)
def _tone(program: int, pitch: int, velocity: int, num_samples: int) -> Samples:
    return tone(timbre_of(program), pitch, velocity, num_samples / RATE)


@lru_cache(maxsize=128)
def _struck(pitch: int, velocity: int) -> Samples:
    return struck(pitch, velocity)
