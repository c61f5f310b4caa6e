"""Scores played with a SoundFont, which the tests make; and the SoundFonts that are found."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

from seqgen.errors import UsageError
from seqgen.music import soundfont
from seqgen.music.audio import TAIL, instrument
from seqgen.music.score import Bar, Note, Score, Tempo, track_of
from seqgen.music.write import rendered
from tests.scores import melody
from tests.sounds import SCALE, cents_off, rms, samples_of, scale
from tests.sounds import soundfont as sine

needs_midirenderer = pytest.mark.skipif(not find_spec("midirenderer"), reason="midirenderer is not installed")


@pytest.fixture
def font(tmp_path):
    path = tmp_path / "sine.sf2"
    path.write_bytes(sine())
    return path


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Two empty folders in which SoundFonts are installed."""
    found = (tmp_path / "own", tmp_path / "system")
    monkeypatch.setattr(soundfont, "FOLDERS", (*found, tmp_path / "missing"))
    for folder in found:
        folder.mkdir()
    return found


@needs_midirenderer
def test_a_scale_is_in_tune(font):
    samples, rate = samples_of(rendered(scale(program=40), ".wav", soundfont=font))
    assert samples.shape == (2, (8 + TAIL) * rate)
    for second, pitch in enumerate(SCALE):
        note = samples[:, int((second + 0.1) * rate) : int((second + 0.9) * rate)].mean(axis=0)
        assert abs(cents_off(note, rate, pitch)) < 3, pitch


@needs_midirenderer
def test_the_pitch_is_that_of_the_sample(tmp_path):
    path = tmp_path / "other.sf2"
    path.write_bytes(sine(samples_per_period=64).replace(b"\x45\0\0\0\x01", b"\x46\0\0\0\x01"))  # recorded as A sharp
    samples, rate = samples_of(rendered(scale(), ".wav", soundfont=path))
    assert abs(cents_off(samples[0, : int(0.9 * rate)], rate, SCALE[0] - 1)) < 3


@needs_midirenderer
def test_tempo_changes_pickup_and_release_are_heard(font):
    tempos = (Tempo(0, 120.0), Tempo(48, 60.0))
    score = melody([(36, 12, 60), (48, 12, 67), (84, 12, 72)], pickup=12, tempos=tempos)
    samples, rate = samples_of(rendered(score, ".wav", soundfont=font))
    assert samples.shape[1] == round((0.5 + 4 + TAIL) * rate)
    for begin, end, pitch in ((0, 0.5, 60), (0.5, 1.5, 67), (3.5, 4.5, 72)):
        note = samples[0, int((begin + 0.05) * rate) : int((end - 0.05) * rate)]
        assert abs(cents_off(note, rate, pitch)) < 3
    assert rms(samples[:, int(2.5 * rate) : int(3.4 * rate)]) < 0.1 * rms(samples[:, int(3.6 * rate) : int(4.4 * rate)])
    assert rms(samples[:, int(4.5 * rate) : int(4.6 * rate)]) > 0  # the release is not cut
    assert rms(samples[:, -rate // 10 :]) < 1e-3


@needs_midirenderer
def test_the_peak_is_one_decibel_below_full_scale_and_louder_notes_have_a_higher_velocity(font):
    notes = [Note(48 * place, 24, 69, velocity) for place, velocity in enumerate((30, 60, 120))]
    samples, rate = samples_of(rendered(Score((Bar(),) * 3, (track_of(notes),)), ".wav", soundfont=font))
    assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    levels = [rms(samples[:, 2 * place * rate : (2 * place + 1) * rate]) for place in range(3)]
    assert levels[0] < 0.5 * levels[1] < 0.25 * levels[2]


@needs_midirenderer
@pytest.mark.parametrize("length", [12, 40, 300, 4_000])
def test_a_damaged_soundfont_is_rejected(font, length):
    font.write_bytes(font.read_bytes()[:length])
    with pytest.raises(UsageError, match=r"the SoundFont .*sine.sf2 cannot be used \(.+\): give another with"):
        rendered(scale(), ".wav", soundfont=font)


@needs_midirenderer
def test_a_soundfont_with_which_midirenderer_panics_aborts_or_never_ends_is_rejected(font, monkeypatch):
    score = melody([(0, 3, 60)], num_bars=1, tempos=(Tempo(0, 1000.0),))
    start = font.read_bytes().index(b"\x45\0\0\0\x01") - 20  # of the numbers of the sample
    damaged = bytearray(font.read_bytes())
    damaged[start : start + 8] = b"\0\0\0\x0b\0\0\0\x0c"
    font.write_bytes(damaged)
    with pytest.raises(UsageError, match=r"cannot be used \(.*out of bounds"):
        rendered(score, ".wav", soundfont=font)
    monkeypatch.setattr(soundfont, "_PROGRAM", "import os; os.abort()")
    with pytest.raises(UsageError, match=r"cannot be used \(midirenderer aborts\)"):
        rendered(score, ".wav", soundfont=font)
    monkeypatch.setattr(soundfont, "_PROGRAM", "while True: pass")
    monkeypatch.setattr(soundfont, "_PATIENCE", 1.0)
    with pytest.raises(UsageError, match=r"cannot be used \(it takes longer than 1 s\)"):
        rendered(score, ".wav", soundfont=font)


def test_a_file_that_is_no_soundfont_is_rejected(tmp_path, font):
    with pytest.raises(UsageError, match=r"--soundfont .*missing.sf2 cannot be read: No such file"):
        rendered(scale(), ".wav", soundfont=tmp_path / "missing.sf2")
    with pytest.raises(UsageError, match="cannot be read: "):
        rendered(scale(), ".wav", soundfont=tmp_path)
    for content in (b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"text" * 9):
        font.write_bytes(content)
        with pytest.raises(UsageError, match=r"--soundfont must be a SoundFont \(.sf2\), which .*sine.sf2 is not"):
            rendered(scale(), ".wav", soundfont=font)


def test_without_midirenderer_a_soundfont_is_rejected_and_none_is_found(font, folders, monkeypatch):
    (folders[0] / "default.sf2").write_bytes(sine())
    monkeypatch.setattr(soundfont, "find_spec", lambda name: None)
    assert soundfont.find(None) is None
    with pytest.raises(UsageError, match="--soundfont needs the package midirenderer: pip install midirenderer"):
        soundfont.find(font)


def test_the_user_s_own_soundfont_and_the_default_one_come_first(folders, monkeypatch):
    monkeypatch.setattr(soundfont, "find_spec", lambda name: True)
    assert soundfont.find(None) is None
    assert "built-in synthesizer" in instrument(None)
    own, system = folders
    for name in ("FluidR3_GM.sf2", "default-GM.sf2", "AnotherGM.sf2"):
        (system / name).write_bytes(sine())
    assert soundfont.find(None) == system / "default-GM.sf2"
    (own / "Piano.sf2").write_bytes(sine())  # would play all parts of a piece
    (own / "broken GM.sf2").write_bytes(b"RIFF")
    assert soundfont.find(None) == system / "default-GM.sf2"
    (own / "GeneralUser.sf2").write_bytes(sine())
    assert soundfont.find(None) == own / "GeneralUser.sf2"
    assert instrument(None).endswith(f"SoundFont {own / 'GeneralUser.sf2'}")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read")
def test_an_unreadable_installed_soundfont_is_passed_over(folders, monkeypatch):
    monkeypatch.setattr(soundfont, "find_spec", lambda name: True)
    path = folders[0] / "default.sf2"
    path.write_bytes(sine())
    path.chmod(0)
    assert soundfont.find(None) is None
