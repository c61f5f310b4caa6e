"""Key and part writing, compared with values worked out by hand."""

import pytest

from seqgen.music.metrics import Features
from seqgen.music.part_writing import Parallels, parallels
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.theory import key_of
from seqgen.music.tonality import ends_on_tonic, notes_in_key


def score_of(*lines, sharps=0, **kind):
    """Return parts of quarter notes; None is a rest."""
    tracks = [
        track_of([Note(12 * place, 12, pitch) for place, pitch in enumerate(line) if pitch is not None], **kind)
        for line in lines
    ]
    return Score((Bar(sharps=sharps),) * -(-len(lines[0]) // 4), tuple(tracks))


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ([67, 69], [60, 62], (1, 0, 1)),  # C5 to D5 over fifths
        ([79, 81], [60, 62], (1, 0, 1)),  # and an octave apart
        ([72, 74], [60, 62], (0, 1, 1)),
        ([60, 62], [60, 62], (0, 1, 1)),
        ([67, 69], [60, 50], (0, 0, 1)),  # fifths in contrary motion
        ([67, 67], [60, 60], (0, 0, 0)),  # nothing moves
        ([67, 69], [60, 60], (0, 0, 0)),  # one part moves
        ([67, 68], [60, 62], (0, 0, 1)),  # to a tritone
        ([67, None, 69], [60, None, 62], (0, 0, 0)),  # after a rest
    ],
)
def test_parallels_are_perfect_intervals_that_move_in_the_same_direction(upper, lower, expected):
    assert parallels([score_of(upper, lower)]) == Parallels(*expected)


def test_every_pair_of_parts_counts_and_drums_do_not():
    assert parallels([score_of([79, 81], [67, 69], [60, 62])]) == (2, 1, 1)
    assert parallels([score_of([67, 69], [60, 62], is_drum=True)]) == (0, 0, 0)


@pytest.mark.parametrize("key", ["C", "Am", "Eb", "F#m", "B"])
def test_the_scale_and_the_tonics_of_a_key(key):
    tonic, mode, sharps = key_of(key)
    scale = {"major": (0, 2, 4, 5, 7, 9, 11, 12), "minor": (0, 2, 3, 5, 7, 8, 10, 12)}[mode]
    piece = score_of([48 + tonic + step for step in scale], sharps=sharps)
    assert notes_in_key(piece) == (8, 8)
    assert ends_on_tonic(piece)
    assert not ends_on_tonic(score_of([48 + tonic, 48 + tonic + 7], sharps=sharps))
    assert notes_in_key(score_of([48 + tonic + 1, 48 + tonic + 6], sharps=sharps)) == (0, 2)


def test_the_bass_of_the_last_chord_determines_the_ending():
    assert ends_on_tonic(score_of([67, 64], [55, 60]))
    assert not ends_on_tonic(score_of([67, 60], [60, 55]))
    assert ends_on_tonic(score_of([36], is_drum=True)) is None


def test_the_features_of_several_pieces_are_taken_together():
    pieces = [score_of([67, 69], [60, 62]), score_of([72, 73], [60, 62]), score_of([60, 66])]
    features = Features.of(pieces)
    assert (features.parallel_fifths, features.parallel_octaves) == (50, 0)
    assert features.in_key_rate == pytest.approx(8 / 10)
    assert features.tonic_ending_rate == 0
