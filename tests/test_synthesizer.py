"""The built-in synthesizer: pitches, loudness, times and places of the sounds in WAV files."""

import io
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings

from seqgen.errors import MusicError
from seqgen.music import soundfont
from seqgen.music.audio import TAIL
from seqgen.music.percussion import struck
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of
from seqgen.music.tempos import seconds_at
from seqgen.music.timbres import timbre_of
from seqgen.music.tones import RATE, tone
from seqgen.music.write import rendered
from tests.scores import melody, scores
from tests.sounds import SCALE, cents_off, rms, samples_of, scale


@pytest.fixture(autouse=True)
def without_soundfonts(monkeypatch):
    monkeypatch.setattr(soundfont, "FOLDERS", ())


def played(score):
    samples, rate = samples_of(rendered(score, ".wav"))
    assert rate == RATE
    return samples


def loudest_after(samples, seconds):
    """Return the level in the 0.2 s after a time."""
    return rms(samples[..., int(seconds * RATE) : int((seconds + 0.2) * RATE)])


@pytest.mark.parametrize("program", range(0, 128, 8))
def test_every_family_plays_a_scale_in_tune(program):
    samples = played(scale(program=program))
    assert samples.shape == (2, (8 + TAIL) * RATE)
    for second, pitch in enumerate(SCALE):
        note = samples[:, int((second + 0.1) * RATE) : int((second + 0.9) * RATE)].mean(axis=0)
        assert abs(cents_off(note, RATE, pitch)) < 5, pitch  # with reverberation


@pytest.mark.parametrize("pitch", [24, 45, 69, 93, 108])
def test_every_program_is_in_tune_in_every_octave(pitch):
    for timbre in {timbre_of(program) for program in range(128)}:
        assert abs(cents_off(tone(timbre, pitch, 90, 2.0), RATE, pitch)) < 3, timbre


def test_the_lowest_and_highest_pitches_sound():
    for pitch in (0, 127):
        for program in range(128):
            assert rms(tone(timbre_of(program), pitch, 127, 0.5)) > 0.01


def test_the_peak_is_one_decibel_below_full_scale_and_nothing_is_clipped():
    for velocity in (1, 127):
        samples = played(melody([(0, 48, pitch, velocity) for pitch in range(48, 72)]))
        assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
        assert np.sum(np.abs(samples) > 0.89) < 5


@pytest.mark.parametrize("is_drum", [False, True])
def test_louder_notes_have_a_higher_velocity(is_drum):
    velocities = [20, 50, 80, 127]
    notes = [Note(48 * place, 12, 38, velocity) for place, velocity in enumerate(velocities)]
    samples = played(Score((Bar(),) * 4, (track_of(notes, is_drum=is_drum),)))
    levels = [loudest_after(samples, 2 * place) for place in range(4)]
    expected = [(velocity / 127) ** 2 for velocity in velocities]
    assert np.divide(levels, levels[-1]) == pytest.approx(expected, rel=0.25)


@pytest.mark.parametrize("program", [0, 24, 48, 56])
def test_louder_notes_are_brighter(program):
    soft, loud = (np.abs(np.fft.rfft(tone(timbre_of(program), 60, velocity, 1.0))) for velocity in (30, 120))
    centroids = [np.average(np.arange(len(spectrum)), weights=spectrum) for spectrum in (soft, loud)]
    assert centroids[1] > 1.2 * centroids[0]


def test_all_drums_sound_at_once_and_fade():
    for pitch in range(128):
        sound = struck(pitch, 100)
        assert rms(sound[: RATE // 50]) > 0.02, pitch
        assert rms(sound[-100:]) < 0.01 * np.abs(sound).max(), pitch
        assert np.array_equal(sound, struck(pitch, 100))


def test_a_bass_drum_is_lower_than_a_snare_and_a_snare_is_lower_than_a_cymbal():
    def centroid(pitch):
        spectrum = np.abs(np.fft.rfft(struck(pitch, 100)))
        return np.average(np.linspace(0, RATE / 2, len(spectrum)), weights=spectrum**2)

    assert centroid(36) < 300 < centroid(38) < 5_000 < centroid(42)
    assert len(struck(46, 100)) > 4 * len(struck(42, 100))  # an open hi-hat rings longer than a closed one


def test_the_first_part_is_on_the_left_and_the_last_one_on_the_right():
    upper, lower = track_of([Note(0, 48, 72)]), track_of([Note(96, 48, 48)])
    left, right = played(Score((Bar(),) * 3, (upper, lower)))
    first, last = slice(0, 2 * RATE), slice(4 * RATE, 6 * RATE)
    assert rms(left[first]) > 1.5 * rms(right[first])
    assert rms(right[last]) > 1.5 * rms(left[last])


def test_a_single_part_is_in_the_middle_of_a_room():
    left, right = played(scale())
    assert rms(left) == pytest.approx(rms(right), rel=0.2)
    assert not np.array_equal(left, right)  # reverberation


def test_steps_are_converted_to_seconds_by_all_tempos_before_them():
    tempos = (Tempo(0, 60.0), Tempo(24, 120.0), Tempo(36, 30.0))
    score = melody(tempos=tempos)
    assert seconds_at(score, [0, 12, 24, 30, 36, 48]) == pytest.approx([0, 1, 2, 2.25, 2.5, 4.5])
    assert not seconds_at(score, []).size


def test_notes_begin_when_the_tempos_say():
    tempos = (Tempo(0, 60.0), Tempo(12, 240.0), Tempo(24, 40.0))
    onsets = [0, 12, 24, 36]  # at 0, 1, 1.25 and 2.75 seconds
    notes = [Note(onset, 3, 76, 100) for onset in onsets]
    samples = played(Score((Bar(),), (track_of(notes, is_drum=True),), tempos=tempos))
    assert samples.shape[1] == round((4.25 + TAIL) * RATE)
    level = np.abs(samples).max(axis=0)
    for seconds in (1, 1.25, 2.75):
        place = round(seconds * RATE)
        assert level[place - 400 : place].max() < 0.1 < 0.3 < level[place : place + 400].max(), seconds


def test_a_piece_begins_with_its_pickup():
    score = melody([(36, 12, 60), (48, 48, 67)], pickup=12)
    samples = played(score)
    assert samples.shape[1] == round((2.5 + TAIL) * RATE)
    assert abs(cents_off(samples[0, : RATE // 2], RATE, 60)) < 5


def test_a_note_ends_with_its_release():
    samples = played(melody([(0, 24, 60)], num_bars=4))
    assert loudest_after(samples, 0.5) > 20 * loudest_after(samples, 2)
    assert rms(samples[:, -RATE // 10 :]) < 1e-3


@given(score=scores())
@settings(max_examples=10)
def test_every_score_is_written_and_soundfile_reads_it(score):
    samples, rate = soundfile.read(io.BytesIO(rendered(score, ".WAV")))
    seconds = np.ptp(seconds_at(score, [score.start, score.num_steps]))
    assert (rate, samples.shape) == (RATE, (round((seconds + TAIL) * RATE), 2))
    assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)


def test_a_score_without_notes_is_silent():
    samples = played(Score((Bar(),), (Track(()),)))
    assert samples.shape == (2, 4 * RATE)
    assert not samples.any()


def test_the_same_score_is_the_same_file():
    assert rendered(scale(program=48), ".wav") == rendered(scale(program=48), ".wav")


def test_music_that_is_too_long_is_rejected():
    with pytest.raises(MusicError, match="music of 40 minutes cannot be written as audio; the limit is 30"):
        rendered(melody([(0, 48, 60)], num_bars=10, tempos=(Tempo(0, 1.0),)), ".wav")


def test_half_a_minute_in_four_parts_takes_less_than_three_seconds():
    parts = [[Note(12 * k, 12, 72 - 7 * part + k % 8) for k in range(60)] for part in range(4)]
    score = Score((Bar(),) * 15, tuple(track_of(notes, program=48 + part) for part, notes in enumerate(parts)))
    begin = time.process_time()
    rendered(score, ".wav")
    assert time.process_time() - begin < 3
