"""Chord symbols, compared with chords worked out by hand and with those of music21."""

import pytest
from music21.harmony import ChordSymbol

from seqgen.music.chord_symbols import pitches, resembles_symbol


@pytest.mark.parametrize(
    ("symbol", "intervals"),  # in semitones above C3
    [
        ("C", [0, 4, 7]), ("Cmajor", [0, 4, 7]), ("C-", [0, 3, 7]), ("Cmin", [0, 3, 7]), ("C°", [0, 3, 6]),
        ("Caug", [0, 4, 8]), ("C+7", [0, 4, 8, 10]), ("Cø", [0, 3, 6, 10]), ("Cdim7", [0, 3, 6, 9]),
        ("CΔ", [0, 4, 7, 11]), ("CMaj7", [0, 4, 7, 11]), ("Cma7", [0, 4, 7, 11]), ("Cm(maj7)", [0, 3, 7, 11]),
        ("C-7", [0, 3, 7, 10]), ("C7-5", [0, 4, 6, 10]), ("C7(b9)", [0, 4, 7, 10, 13]), ("Cmaj9", [0, 4, 7, 11, 14]),
        ("C6/9", [0, 4, 7, 9, 14]), ("Cmadd9", [0, 3, 7, 14]), ("C7no3", [0, 7, 10]), ("C5", [0, 7]),
        ("C13", [0, 4, 7, 10, 14, 21]), ("C7sus4", [0, 5, 7, 10]), ("C/E", [-8, 0, 4, 7]), ("C/Bb", [-2, 0, 4, 7]),
        ("C6/9/E", [-8, 0, 4, 7, 9, 14]), ("B♭", [10, 14, 17]), ("F##", [7, 11, 14]), ("Cb", [11, 15, 18]),
        ("N.C.", []), ("no chord", []),
    ],
)  # fmt: skip
def test_a_symbol_has_pitches_from_c3_up(symbol, intervals):
    assert pitches(symbol) == tuple(48 + interval for interval in intervals)


@pytest.mark.parametrize("kind", ["", "m", "7", "m7", "maj7", "m6", "dim", "dim7", "aug", "m7b5", "9", "sus4", "7b9"])
@pytest.mark.parametrize("root", ["C", "F#", "B"])
def test_a_symbol_has_the_pitch_classes_of_music21(root, kind):
    assert {pitch % 12 for pitch in pitches(root + kind)} == set(ChordSymbol(root + kind).pitchClasses)


@pytest.mark.parametrize("text", ["Coda", "Slow", "D.C.", "Fine", "Collected by E", "4", "", "Am and D", "Distinctly"])
def test_a_remark_is_no_symbol(text):
    assert pitches(text) is None
    assert not resembles_symbol(text)


@pytest.mark.parametrize("text", ["C7alt", "Am7b17", "G7/H", "D-flat"])
def test_an_unknown_symbol_has_no_pitches(text):
    assert pitches(text) is None
    assert resembles_symbol(text)
