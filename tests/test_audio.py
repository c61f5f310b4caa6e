"""Recordings as log-mel frames: an independent computation, tones, formats, and files that are not recordings."""

import io
import json
import math
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from seqgen.config import CorpusConfig
from seqgen.encoders import coding_from_json
from seqgen.encoders._resampling import resampled
from seqgen.encoders.audio import AudioCoding
from seqgen.errors import SignalError

RATE = 8000
CODING = AudioCoding(RATE, 40)


def tone(frequency, seconds=0.5, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def recording(samples, rate=RATE, **options):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **{"format": "WAV", "subtype": "FLOAT"} | options)
    return file.getvalue()


def mel(hertz):
    return 2595 * math.log10(1 + hertz / 700)


def test_frames_equal_those_of_an_independent_computation():
    samples = np.random.default_rng(1).standard_normal(1000).astype(np.float32)
    window, size = 200, 256
    levels = []
    for begin in range(0, 1000 - window + 1, 80):
        frame = [
            samples[begin + i] * (0.5 - 0.5 * math.cos(2 * math.pi * i / window)) for i in range(window)
        ]  # a periodic Hann window
        power = [
            abs(sum(x * complex(math.cos(a := -2 * math.pi * k * i / size), math.sin(a)) for i, x in enumerate(frame)))
            ** 2
            for k in range(size // 2 + 1)
        ]
        row = []
        for number in range(40):
            low, center, high = (700 * (10 ** ((number + shift) * mel(RATE / 2) / 41 / 2595) - 1) for shift in range(3))
            total = 0.0
            for k, value in enumerate(power):
                hertz = k * RATE / size
                if low < hertz <= center:
                    total += value * (hertz - low) / (center - low)
                elif center < hertz < high:
                    total += value * (high - hertz) / (high - center)
            row.append(10 * math.log10(total))
        levels.append(row)
    loudest = max(map(max, levels))
    expected = [[round(255 * min(1, max(0, 1 + (level - loudest) / 80))) for level in row] for row in levels]
    found = CODING.rows(recording(samples)).astype(int)
    assert found.shape == (11, 40)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_is_loudest_in_the_filter_of_its_frequency(frequency):
    rows = CODING.rows(recording(tone(frequency)))
    assert len(rows) == 48  # 0.5 s, less the 25 ms of the last window
    nearest = round(mel(frequency) * 41 / mel(RATE / 2)) - 1
    assert set(rows.argmax(1)) <= {nearest - 1, nearest, nearest + 1}


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
def test_recordings_of_any_rate_give_about_the_same_frames(rate):
    expected = CODING.rows(recording(tone(1000))).astype(int)
    found = CODING.rows(recording(tone(1000, rate=rate), rate)).astype(int)
    assert abs(len(found) - len(expected)) <= 1
    loud = expected[5:40] > 150
    assert np.abs(found[5:40] - expected[5:40])[loud].max() <= 12


@pytest.mark.parametrize(
    "options",
    [
        {"subtype": "PCM_16"},
        {"subtype": "PCM_24"},
        {"subtype": "DOUBLE"},
        {"format": "FLAC", "subtype": "PCM_16"},
        {"format": "AIFF", "subtype": "PCM_16"},
    ],
)
def test_formats_give_the_same_frames(options):
    expected = CODING.rows(recording(tone(1000))).astype(int)
    found = CODING.rows(recording(tone(1000), **options)).astype(int)
    loud = expected > 100
    assert np.abs(found - expected)[loud].max() <= 1


@pytest.mark.parametrize("options", [{"format": "OGG", "subtype": "VORBIS"}, {"format": "MP3", "subtype": None}])
def test_compressed_recordings_are_read_whatever_their_name(options):
    rows = CODING.rows(recording(tone(1000, 1.0), **options))
    assert 90 < len(rows) < 120
    nearest = round(mel(1000) * 41 / mel(RATE / 2)) - 1
    assert abs(int(np.median(rows[20:80].argmax(1))) - nearest) <= 1


@pytest.mark.parametrize(
    ("rate", "new_rate"), [(44100, 16000), (8000, 16000), (48000, 8000), (11025, 16000), (16001, 9973)]
)
def test_resampling_keeps_frequencies_below_half_the_rate_and_removes_others(rate, new_rate):
    seconds, kept = 0.3, 0.3 * min(rate, new_rate)
    times = np.arange(round(seconds * rate)) / rate
    found = resampled(np.sin(2 * np.pi * kept * times).astype(np.float32), rate, new_rate)
    assert len(found) == len(times) * new_rate // rate
    inner = slice(len(found) // 5, -len(found) // 5)
    expected = np.sin(2 * np.pi * kept * np.arange(len(found)) / new_rate)
    assert np.abs(found - expected)[inner].max() < 2e-3
    if new_rate < rate / 1.5:
        too_high = resampled(np.sin(2 * np.pi * 0.6 * new_rate * times).astype(np.float32), rate, new_rate)
        assert np.abs(too_high)[inner].max() < 2e-3


def test_channels_are_averaged():
    both = np.stack([tone(500), tone(2000)], 1)
    assert np.array_equal(CODING.rows(recording(both)), CODING.rows(recording(both.mean(1))))


def test_a_recording_shorter_than_a_window_has_one_frame():
    assert CODING.rows(recording(tone(1000, 0.005))).shape == (1, 40)


def test_the_rate_is_the_most_frequent_one_up_to_16_khz():
    files = [[recording(tone(500, 0.1, rate), rate)] for rate in (8000, 8000, 44100)]
    fitted = AudioCoding.fit(files, CorpusConfig())
    assert (fitted.rate, fitted.num_filters) == (8000, 40)
    assert AudioCoding.fit(files[2:], CorpusConfig()).rate == 16000
    again = coding_from_json(json.loads(json.dumps(fitted.to_json())))
    assert np.array_equal(again.rows(files[2][0]), fitted.rows(files[2][0]))


def test_every_filter_covers_a_frequency():
    for rate in (4000, 8000, 16000):
        coding = AudioCoding.fit([[recording(tone(500, 0.1, rate), rate)]], CorpusConfig())
        assert coding._filters.max(1).min() > 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is not a recording"),
        (b"RIFF", "is not a recording"),
        (b"some text, which is not a recording", "is not a recording"),
        (recording(np.zeros(0)), "has no samples"),
        (recording(np.zeros(800)), "is silent"),
        (recording(np.full(800, np.nan)), "has a sample that is not finite"),
        (recording(tone(100, 1.0, 500), 500), "has a sampling rate of 500 Hz: it must be from 1,000 to 1,000,000"),
        (recording(np.zeros(1000 * 1201, dtype=np.int16), 1000, subtype="PCM_U8"), "is longer than 20 minutes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # the bytes have a date
)
def test_what_is_not_a_recording_gets_a_reason(data, message):
    with pytest.raises(SignalError) as raised:
        CODING.rows(data)
    assert str(raised.value).startswith(message)


def test_a_truncated_recording_is_read_or_refused():
    whole = recording(tone(1000, 1.0), subtype="PCM_16")
    for length in range(0, len(whole), 997):
        with suppress(SignalError):
            assert len(CODING.rows(whole[:length])) <= 98
