"""Families of near-duplicate pieces."""

import random
from dataclasses import replace

from seqgen.music.families import families, lines
from seqgen.music.score import Bar, Note, Score, track_of

TUNE = [60, 62, 64, 65, 67, 65, 64, 60, 67, 69, 71, 72, 74, 71, 67, 72, 64, 62, 59, 60]


def piece(pitches, duration=12, others=()):
    tracks = [track_of([Note(duration * k, duration, pitch) for k, pitch in enumerate(p)]) for p in (pitches, *others)]
    return Score((Bar(),) * (duration * len(pitches) // 48 + 1), tuple(tracks))


def grouped(*pieces):
    return families([lines(score) for score in pieces])


def walk(seed, length=30):
    steps = random.Random(seed)
    pitches = [60]
    for _ in range(length):
        pitches.append(pitches[-1] + steps.choice([-5, -3, -2, -1, 0, 1, 2, 4, 7]))
    return [min(100, max(20, pitch)) for pitch in pitches]


def test_a_transposed_piece_belongs_to_its_family():
    assert grouped(piece(TUNE), piece(walk(1)), piece(TUNE).transposed(5)) == [0, 1, 0]


def test_rhythm_and_harmony_do_not_affect_the_family():
    assert grouped(piece(TUNE), piece(TUNE, 24, [walk(2, 15)]), piece(walk(4), others=[TUNE])) == [0, 0, 0]


def test_a_variant_with_some_different_notes_belongs_to_the_family():
    assert grouped(piece(TUNE), piece([*TUNE[:16], 61, 63, 66, 68])) == [0, 0]


def test_two_pieces_connected_by_a_third_are_one_family():
    start, end = walk(5, 20), walk(6, 20)
    assert grouped(piece(start), piece(end), piece(start + end)) == [0, 0, 0]


def test_independent_random_walks_are_different_families():
    assert grouped(*(piece(walk(seed)) for seed in range(40))) == list(range(40))


def test_drones_and_drums_do_not_connect_pieces():
    drone = [48] * 30
    assert grouped(piece(walk(1), others=[drone]), piece(walk(2), others=[drone])) == [0, 1]
    drums = replace(piece(TUNE), tracks=(replace(piece(TUNE).tracks[0], is_drum=True),))
    assert lines(drums) == []
    assert grouped(drums, drums) == [0, 1]


def test_short_melodies_must_be_equal():
    assert grouped(piece([60, 62, 64, 60]), piece([61, 63, 65, 61]), piece([60, 62, 64, 62])) == [0, 0, 2]
