"""Names of pitches, keys and durations."""

from fractions import Fraction

import pytest

from seqgen.errors import UsageError
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.theory import (
    Key,
    TypedChord,
    best_key,
    key_name,
    key_of,
    name_of,
    notes_of,
    pitch_of,
    signed,
    spelled,
)
from tests.scores import melody

C_MAJOR_SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


@pytest.mark.parametrize(
    ("name", "pitch"),
    [
        *[("C4", 60), ("c4", 60), ("F#3", 54), ("Bb5", 82), ("bb5", 82), ("B♭5", 82), ("Cb4", 59), ("B#3", 60)],
        *[("F##4", 67), ("Ebb4", 62), ("C-1", 0), ("G9", 127), ("A4", 69)],
    ],
)
def test_pitch_names_are_parsed(name, pitch):
    assert pitch_of(name) == pitch


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("H4", "H is B in English, and the German B is Bb; write B4"),
        ("Es4", "Es is Eb in English; write Eb4"),
        ("es", "write Eb4"),
        ("Fis3", "write F#3"),
        ("As5", "write Ab5"),
        ("Bes4", "write Bb4"),
        ("E-4", "for a flat, write Eb4"),
        ("C", "C has no octave; write C4"),
        ("60", "60 is a number; write C4"),
        ("200", "200 is a number"),
        ("G#9", "out of range; notes go from C-1 to G9"),
        ("C-2", "too low"),
        ("Cb-1", "out of range"),
        ("do4", "got 'Do4'"),
        ("", "got ''"),
        ("C٤", "got 'C٤'"),
    ],
)
def test_invalid_pitch_names_are_explained(name, remedy):
    with pytest.raises(UsageError) as error:
        pitch_of(name)
    assert remedy in str(error.value)


def test_every_spelling_is_parsed_back():
    assert all(pitch_of(name_of(pitch, sharps)) == pitch for pitch in range(11, 126) for sharps in range(-7, 8))


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_notes_of_the_key_are_spelled_by_its_signature(sharps):
    for pitch in C_MAJOR_SCALE:
        letter, alteration, _ = spelled(pitch + 7 * sharps % 12, sharps)
        assert alteration == signed(letter, sharps)


def test_notes_outside_the_key_are_spelled_by_convention():
    names = " ".join(name_of(pitch) for pitch in range(60, 72))
    assert names == "C4 C#4 D4 Eb4 E4 F4 F#4 G4 G#4 A4 Bb4 B4"
    assert (name_of(61, 4), name_of(61, -3)) == ("C#4", "Db4")
    assert spelled(67, 7) == ("F", 2, 4)  # C# major: F##
    assert spelled(59, -7) == ("C", -1, 4)


def test_typed_notes_chords_and_rests_are_parsed():
    assert notes_of("C4 E4:2 G4:0.5, R:1 C4+E4+G4:1/3") == [
        TypedChord((60,), Fraction(1)),
        TypedChord((64,), Fraction(2)),
        TypedChord((67,), Fraction(1, 2)),
        TypedChord((), Fraction(1)),
        TypedChord((67, 64, 60), Fraction(1, 3)),
    ]
    assert notes_of(" ") == []


@pytest.mark.parametrize(
    "duration", ["nan", "inf", "0", "0.0", "-1", "1e9", "1e999999999", "1001", "", "1/0", "0/3", "2:3"]
)
def test_invalid_durations_are_rejected(duration):
    with pytest.raises(UsageError, match="as 2, 0.5 or 1/3, above 0 and at most 1000, got"):
        notes_of(f"C4:{duration}")


def test_a_rest_within_a_chord_is_rejected():
    with pytest.raises(UsageError, match="got 'R'"):
        notes_of("C4+R")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *[("D", Key(2, "major", 2)), ("f#m", Key(6, "minor", 3)), ("Bb major", Key(10, "major", -2))],
        *[("a minor", Key(9, "minor", 0)), ("Am", Key(9, "minor", 0)), ("c#-moll", Key(1, "minor", 4))],
        *[("Cb", Key(11, "major", -7)), ("A♭ minor", Key(8, "minor", -7))],
    ],
)
def test_key_names_are_parsed(name, key):
    assert key_of(name) == key


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a", "write A major or A minor"),
        ("G# major", "write Ab major"),
        ("Fb minor", "write E minor"),
        ("Hm", "write Bm"),
        ("Es-dur", "write Eb-dur"),
        ("D dorian", "a name such as D, Bb, F#m, A minor or Bb major, got 'D dorian'"),
        ("", "got ''"),
    ],
)
def test_invalid_key_names_are_explained(name, remedy):
    with pytest.raises(UsageError) as error:
        key_of(name)
    assert remedy in str(error.value)


def test_a_key_signature_has_the_names_of_two_keys():
    assert [key_name(sharps) for sharps in (-7, 0, 2)] == [
        "Cb major / Ab minor",
        "C major / A minor",
        "D major / B minor",
    ]
    assert all(
        key_of(key_name(sharps, mode)).sharps == sharps for sharps in range(-7, 8) for mode in ("major", "minor")
    )


def test_the_best_key_of_a_scale_is_its_key():
    scale = melody([(12 * place, 12, pitch) for place, pitch in enumerate(C_MAJOR_SCALE)])
    signatures = [0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5]
    for semitones, sharps in enumerate(signatures):
        assert best_key(scale.transposed(semitones)) == (semitones, "major", sharps)


@pytest.mark.parametrize("sharps", [-7, -3, 0, 4, 6])
def test_the_mode_of_a_signature_is_that_whose_triad_sounds(sharps):
    """C and A are the tonics without a signature; seven flats have the same tonics as five sharps."""
    tonics = {"major": (7 * sharps) % 12, "minor": (7 * sharps + 9) % 12}
    for mode, third in (("major", 4), ("minor", 3)):
        triad = melody([(12 * place, 12, 60 + tonics[mode] + step) for place, step in enumerate((0, third, 7))])
        assert best_key(triad, sharps)[:2] == (tonics[mode], mode)


def test_drums_do_not_affect_the_key():
    notes = [Note(12 * place, 12, pitch + 1) for place, pitch in enumerate(C_MAJOR_SCALE)]
    assert best_key(Score((Bar(),) * 2, (track_of(notes, is_drum=True),))).sharps == 0
