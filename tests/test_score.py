"""Scores: invariants, slices, transposition and JSON."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.errors import MusicError
from seqgen.music import notices, score_json
from seqgen.music.keys import transposed_key
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of
from seqgen.music.tempos import tempo_map
from tests.scores import scores

COMMON = Bar(4, 4)


def score(*notes, num_bars=2, **options):
    return Score((COMMON,) * num_bars, (Track(tuple(Note(*note) for note in notes)),), **options)


@given(scores())
def test_a_score_survives_json(made):
    text = score_json.to_json(made)
    assert "\n" not in text
    assert score_json.from_json(text) == made
    assert score_json.to_json(score_json.from_json(json.dumps(json.loads(text)))) == text


def test_length_and_beginning_of_a_score():
    made = score((36, 12, 60), (48, 48, 62), pickup=12)
    assert (len(made), made.bar_starts, made.num_steps, made.start) == (2, (0, 48, 96), 96, 36)
    assert (made.quarters, made.num_notes, list(made.notes)) == (5.0, 2, [Note(36, 12, 60), Note(48, 48, 62)])
    assert score((0, 12, 60)).start == 0


def test_a_slice_is_a_score():
    made = score((0, 24, 60), (24, 48, 62), (72, 24, 64), num_bars=2, tempos=(Tempo(0, 60.0), Tempo(72, 90.0)))
    assert made[1:] == score((24, 24, 64), num_bars=1, tempos=(Tempo(0, 60.0), Tempo(24, 90.0)))
    assert made[:1] == score((0, 24, 60), (24, 24, 62), num_bars=1, tempos=(Tempo(0, 60.0),), is_excerpt=True)
    assert made[:] == made
    assert made[:1][:1].is_excerpt
    assert len(made[1:1]) == 0


def test_only_a_slice_from_the_beginning_keeps_the_pickup():
    made = score((36, 12, 60), (48, 12, 62), pickup=12)
    assert (made[:1].pickup, made[1:].pickup) == (12, 0)


@given(scores(), st.data())
def test_slices_contain_every_note_that_begins_in_them(made, data):
    cut = data.draw(st.integers(0, len(made)))
    first, second = made[:cut], made[cut:]
    assert first.num_notes + second.num_notes == made.num_notes
    assert first.bars + second.bars == made.bars
    assert [note.onset + made.bar_starts[cut] for note in second.tracks[0].notes] == [
        note.onset for note in made.tracks[0].notes if note.onset >= made.bar_starts[cut]
    ]


def test_transposition_changes_notes_and_keys_but_not_drums():
    notes = (Note(0, 12, 60), Note(12, 12, 38))
    made = Score((Bar(4, 4, 2),), (Track(notes), Track(notes, is_drum=True)))
    moved = made.transposed(3)
    assert [note.pitch for note in moved.tracks[0].notes] == [63, 41]
    assert moved.tracks[1] == made.tracks[1]
    assert moved.bars == (Bar(4, 4, -1),)  # D becomes F
    assert moved.transposed(-3) == made


def test_transposition_beyond_the_pitches_of_midi_is_rejected():
    with pytest.raises(MusicError, match="has a value that a note cannot have"):
        score((0, 12, 120)).transposed(8)


@pytest.mark.parametrize(
    ("sharps", "semitones", "moved"),
    [
        (0, 0, 0),
        (7, 12, 7),
        (0, 7, 1),
        (0, 2, 2),
        (0, 5, -1),
        (0, 1, -5),
        (0, 6, 6),
        (1, -7, 0),
        (-3, -2, -5),
        (5, 2, -5),
    ],
)
def test_keys_are_transposed_around_the_circle_of_fifths(sharps, semitones, moved):
    assert transposed_key(sharps, semitones) == moved


def test_a_track_is_ordered_by_onset_and_descending_pitch():
    track = track_of([Note(12, 12, 60), Note(0, 12, 60), Note(0, 12, 64)], "Alto", 3)
    assert track == Track((Note(0, 12, 64), Note(0, 12, 60), Note(12, 12, 60)), "Alto", 3)


def test_a_note_ends_when_the_next_of_its_pitch_begins():
    assert track_of([Note(0, 24, 60), Note(12, 24, 60)]).notes == (Note(0, 12, 60), Note(12, 24, 60))


def test_the_longer_of_two_simultaneous_notes_of_equal_pitch_is_kept():
    assert track_of([Note(0, 24, 60, 1), Note(0, 12, 60, 2)]).notes == (Note(0, 24, 60, 1),)


any_note = st.builds(Note, st.integers(0, 90), st.integers(1, 60), st.integers(58, 62), st.integers(1, 127))


@given(st.lists(any_note, max_size=30))
def test_track_of_makes_valid_tracks(notes):
    track = track_of(notes)
    Score((COMMON,) * 4, (track,))  # checks itself
    assert {(note.onset, note.pitch) for note in track.notes} == {(note.onset, note.pitch) for note in notes}


@pytest.mark.parametrize(
    "notes",
    [
        [(0, 12, 128)],
        [(0, 12, -1)],
        [(0, 0, 60)],
        [(-1, 12, 60)],
        [(0, 12, 60, 0)],
        [(0, 12, 60, 128)],
        [(90, 12, 60)],  # beyond the last bar
        [(12, 12, 60), (0, 12, 60)],  # out of order
        [(0, 12, 60), (0, 12, 64)],
        [(0, 13, 60), (12, 12, 60)],  # overlapping
    ],
)
def test_invalid_notes_are_rejected(notes):
    with pytest.raises(MusicError) as caught:
        score(*notes)
    assert caught.value.kind == "broken score"


@pytest.mark.parametrize("pickup", [-1, 48])
def test_a_pickup_longer_than_the_first_bar_is_rejected(pickup):
    with pytest.raises(MusicError, match="does not fit the first bar"):
        score((0, 12, 60), pickup=pickup)


def test_a_metre_off_the_grid_is_rejected():
    with pytest.raises(MusicError, match="a bar of 3/32 does not fit 12 steps per quarter note"):
        Bar(3, 32).num_steps(12)
    assert Bar(3, 32).num_steps(24) == 9


def test_a_tempo_map_is_ordered_without_repetitions_and_the_last_change_of_a_step_counts():
    counts = Counter()
    changes = [(48, 60.0), (24, 90.0), (24, 80.0), (72, 60.0), (96, 0.0), (120, 1000.5)]
    assert tempo_map(changes, counts) == (Tempo(0, 120.0), Tempo(24, 80.0), Tempo(48, 60.0))
    assert counts == {notices.TEMPO: 2}
