"""Measures sounds for the tests, and makes a small SoundFont."""

import io
import struct
import wave

import numpy as np

from seqgen.music.score import Bar, Note, Score, track_of

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def samples_of(content: bytes):
    """Return the samples of a WAV file from -1 to 1, (channels, N), and its number of samples per second."""
    with wave.open(io.BytesIO(content)) as file:
        assert file.getsampwidth() == 2
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return frames.T / 32_768, file.getframerate()


def rms(samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


def cents_off(samples, rate: int, pitch: int) -> float:
    """Return by how many cents the loudest frequency is above a MIDI pitch, from -60 to 60.

    It is the centroid of the spectrum there, since several players and a vibrato divide the energy.
    """
    frequency, size = 440 * 2 ** ((pitch - 69) / 12), 2**19
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)) ** 2
    cents = 1200 * np.log2(np.maximum(np.arange(len(spectrum)), 1) * rate / size / frequency)
    is_near = np.abs(cents) < 60
    assert spectrum[is_near].sum() > 0.005 * spectrum.sum()  # the fundamental is there
    return float(np.average(cents[is_near], weights=spectrum[is_near]))


def scale(**options) -> Score:
    """Return a scale of half notes, each of which takes a second."""
    notes = [Note(24 * place, 24, pitch) for place, pitch in enumerate(SCALE)]
    return Score((Bar(),) * 4, (track_of(notes, **options),))


def soundfont(samples_per_period: int = 100) -> bytes:
    """Return a SoundFont whose only instrument, of every program, plays a sine, after the specification 2.01.

    The sample is recorded at A4 = 440 Hz.
    """
    period = np.rint(20_000 * np.sin(2 * np.pi * np.arange(samples_per_period) / samples_per_period))
    sample = np.tile(period, 20).astype("<i2").tobytes() + bytes(92)
    end = 20 * samples_per_period
    loop = (samples_per_period, end - samples_per_period)
    header = struct.pack("<20s5IBbHH", b"sine", 0, end, *loop, 440 * samples_per_period, 69, 0, 0, 1)
    presets = struct.pack("<20s3H3I", b"Sine", 0, 0, 0, 0, 0, 0) + struct.pack("<20s3H3I", b"EOP", 0, 0, 1, 0, 0, 0)
    lists = {
        b"INFO": {b"ifil": struct.pack("<2H", 2, 1), b"isng": b"EMU8000\0", b"INAM": b"Sine\0\0"},
        b"sdta": {b"smpl": sample},
        b"pdta": {
            b"phdr": presets,
            b"pbag": struct.pack("<4H", 0, 0, 1, 0),
            b"pmod": bytes(10),
            b"pgen": struct.pack("<4H", 41, 0, 0, 0),  # instrument 0
            b"inst": struct.pack("<20sH", b"Sine", 0) + struct.pack("<20sH", b"EOI", 1),
            b"ibag": struct.pack("<4H", 0, 0, 2, 0),
            b"imod": bytes(10),
            b"igen": struct.pack("<6H", 54, 1, 53, 0, 0, 0),  # sample 0, which is repeated
            b"shdr": header + struct.pack("<20s5IBbHH", b"EOS", *(0,) * 9),
        },
    }
    content = b"sfbk"
    for name, parts in lists.items():
        content += _chunk(b"LIST", name + b"".join(_chunk(*part) for part in parts.items()))
    return _chunk(b"RIFF", content)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content
