"""Features of music, compared with values worked out by hand and with step-by-step definitions."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.music.comparison import Histograms, compare
from seqgen.music.melody import Melody, melodies, top_line
from seqgen.music.metrics import (
    Features,
    groove_consistency,
    longest_repetition,
    num_empty_bars,
    polyphony,
    repeated_bars,
)
from seqgen.music.score import Bar, Note, Score, Track, track_of

QUARTER = 12
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def score_of(*tracks, num_bars=2, grid=12, pickup=0):
    return Score((Bar(),) * num_bars, tracks, grid=grid, pickup=pickup)


def line(*pitches, duration=QUARTER, start=0, **kind):
    """Return a track of consecutive notes; None is a rest."""
    return track_of(
        [Note(start + place * duration, duration, pitch) for place, pitch in enumerate(pitches) if pitch is not None],
        **kind,
    )


DRUMS = line(*(36, 42) * 4, is_drum=True)


@st.composite
def tracks(draw, length):
    onsets = st.integers(0, length // 3 - 1).map(lambda onset: 3 * onset)
    found = draw(st.lists(st.tuples(onsets, st.integers(1, 20), st.integers(60, 63)), max_size=20))
    notes = [Note(onset, min(duration, length - onset), pitch) for onset, duration, pitch in found]
    return track_of(notes, is_drum=draw(st.booleans()))


@st.composite
def scores(draw):
    bars = tuple(draw(st.lists(st.builds(Bar, st.integers(1, 3), st.just(4)), min_size=1, max_size=5)))
    length = Score(bars, ()).num_steps
    pickup = draw(st.just(0) | st.integers(0, bars[0].num_steps(12) - 1))
    return Score(bars, tuple(draw(st.lists(tracks(length), max_size=3))), pickup=pickup)


def roll(score, *, with_drums):
    """Return the number of notes that sound at each step."""
    sounding = np.zeros(score.num_steps, dtype=int)
    for track in score.tracks:
        for note in track.notes if with_drums or not track.is_drum else ():
            sounding[note.onset : note.end] += 1
    return sounding


@given(score=scores())
def test_polyphony_is_counted_step_by_step(score):
    sounding = roll(score, with_drums=False)
    expected = sounding[sounding > 0].mean() if sounding.any() else None
    assert polyphony(score) == (expected and pytest.approx(expected))


@given(score=scores())
def test_empty_bars_are_counted_step_by_step(score):
    sounding = roll(score, with_drums=True)
    bars = np.split(sounding, score.bar_starts[1:-1])
    assert num_empty_bars(score) == sum(not bar.any() for bar in bars)


@given(score=scores())
def test_groove_consistency_compares_adjacent_bars_of_equal_length(score):
    onsets = np.zeros(score.num_steps, dtype=bool)
    onsets[[note.onset for note in score.notes]] = True
    bars = np.split(onsets, score.bar_starts[1:-1])[1 if score.pickup else 0 :]
    alike = [(one == other).mean() for one, other in pairwise(bars) if len(one) == len(other)]
    assert groove_consistency(score) == (pytest.approx(np.mean(alike)) if alike else None)


def test_groove_consistency_by_hand():
    # The bars have onsets on 1 2 3 4 and on 1 3, the two of 48 steps that differ.
    track = track_of([*line(60, 60, 60, 60).notes, *line(60, 60, duration=24, start=48).notes])
    assert groove_consistency(score_of(track)) == pytest.approx(1 - 2 / 48)
    fine = track_of([Note(2 * onset, 2 * duration, pitch) for onset, duration, pitch, _ in track.notes])
    assert groove_consistency(score_of(fine, grid=24)) == pytest.approx(1 - 2 / 48)
    assert groove_consistency(score_of(line(60, start=36), line(*SCALE[:4], start=48), num_bars=2, pickup=12)) is None


@given(score=scores())
def test_the_longest_repetition_is_found_note_by_note(score):
    longest = 0
    for track in score.tracks:
        for note in track.notes if not track.is_drum else ():
            length = 1
            while (following := note._replace(onset=note.end)) in track.notes:
                note, length = following, length + 1
            longest = max(longest, length)
    assert longest_repetition(score) == longest


def test_a_repetition_ends_with_a_rest_another_pitch_or_another_duration():
    assert longest_repetition(score_of(line(60, 60, 60, 62, 60))) == 3
    assert longest_repetition(score_of(line(60, None, 60, 60))) == 2
    assert longest_repetition(score_of(track_of([Note(0, 12, 60), Note(12, 6, 60), Note(18, 6, 60)]))) == 2
    assert longest_repetition(score_of(line(60, 60), line(60, 60, start=24))) == 2
    assert longest_repetition(score_of(DRUMS, line(60, 60), line(67, 67, 67, 67))) == 4
    assert longest_repetition(score_of(line(*[36] * 4, is_drum=True))) == 0


@given(score=scores())
def test_a_repeated_bar_equals_an_earlier_one(score):
    seen, repeated, total = [], 0, 0
    for start, stop in pairwise(score.bar_starts):
        bar = [[(n.onset - start, *n[1:]) for n in t.notes if start <= n.onset < stop] for t in score.tracks]
        if any(bar):
            repeated += (stop - start, bar) in seen
            total += 1
            seen.append((stop - start, bar))
    assert repeated_bars(score) == (repeated, total)


def test_repeated_bars_by_hand():
    one = (60, 64, 67, 64)
    assert repeated_bars(score_of(line(*one, *one, *SCALE[:4], *one), num_bars=5)) == (2, 4)
    assert repeated_bars(score_of(line(*one, *one), line(*SCALE))) == (0, 2)
    assert repeated_bars(score_of(line(*one), line(*one, start=48))) == (0, 2)
    assert repeated_bars(score_of(track_of([Note(0, 12, 60), Note(48, 24, 60)]))) == (0, 2)
    assert repeated_bars(Score((Bar(3, 4), Bar(4, 4)), (track_of([Note(0, 12, 60), Note(36, 12, 60)]),))) == (0, 2)


def test_features_by_hand():
    first = score_of(line(*SCALE), DRUMS)  # C major: eight notes of seven classes
    second = score_of(line(60, 61, 67, 60), line(48, None, 48, 48), num_bars=3)
    features = Features.of([first, second])
    # The first piece has C twice and six others once, the second C five times, C sharp and G once.
    entropies = 6 / 8 * 3 + 2 / 8 * 2, 5 / 7 * math.log2(7 / 5) + 2 / 7 * math.log2(7)
    assert features == Features(
        num_pieces=2,
        num_notes=16 + 7,
        lowest_pitch=48,
        highest_pitch=72,
        num_pitch_classes=(7 + 3) / 2,
        pitch_class_entropy=pytest.approx(sum(entropies) / 2),
        scale_consistency=pytest.approx((1 + 1) / 2),  # C, C sharp and G are in A flat major
        in_key_rate=14 / 15,
        tonic_ending_rate=1.0,
        parallel_fifths=None,
        parallel_octaves=None,
        groove_consistency=pytest.approx((1 + (1 - 4 / 48 / 2)) / 2),
        polyphony=pytest.approx((1 + 7 / 4) / 2),
        empty_bar_rate=2 / 5,
        notes_per_quarter=(16 + 7) / (8 + 12),
        longest_repetition=2,
        repeated_bar_rate=0.0,
    )


@pytest.mark.parametrize("semitones", range(12))
def test_scale_consistency_is_that_of_the_best_scale(semitones):
    assert Features.of([score_of(line(*(pitch + semitones for pitch in SCALE)))]).scale_consistency == 1
    natural_minor = (57, 59, 60, 62, 64, 65, 67, 69)
    assert Features.of([score_of(line(*natural_minor))]).scale_consistency == 1
    assert Features.of([score_of(line(*range(60, 72)), num_bars=3)]).scale_consistency == pytest.approx(7 / 12)


def test_a_value_of_zero_counts_in_a_mean():
    assert Features.of([score_of(line(60)), score_of(line(60, 62))]).pitch_class_entropy == 1 / 2


def test_features_are_none_if_there_is_nothing_to_measure():
    nothing = {"num_pieces": 0, "num_notes": 0, "longest_repetition": 0}
    assert Features.of([]).to_json() == dict.fromkeys(Features.of([]).to_json()) | nothing
    drums = Features.of([score_of(DRUMS)])
    assert (drums.lowest_pitch, drums.scale_consistency, drums.polyphony) == (None, None, None)
    assert (drums.num_notes, drums.groove_consistency, drums.empty_bar_rate) == (8, 1, 0)
    silence = Features.of([score_of(Track(()))])
    assert (silence.empty_bar_rate, silence.repeated_bar_rate) == (1, None)


def test_the_top_notes_of_chords_are_the_melody():
    chords = track_of([Note(0, 12, 60), Note(0, 24, 64), Note(12, 12, 59), Note(24, 6, 65), Note(24, 6, 62)])
    assert [note.pitch for note in top_line(chords)] == [64, 59, 65]
    assert melodies(score_of(chords, DRUMS, line(60))) == [
        Melody(((-5, 1.0), (6, 0.5)), (1, 1)),
        Melody((), ()),
    ]


def test_melodies_are_the_same_in_another_key_and_on_another_grid():
    score = score_of(line(*SCALE))
    fine = score_of(line(*SCALE, duration=24), grid=24)
    assert melodies(score.transposed(-7)) == melodies(fine) == melodies(score)


def test_a_move_belongs_to_the_bar_in_which_the_note_before_it_begins():
    assert melodies(score_of(line(*SCALE)))[0].bars == (1, 1, 1, 1, 2, 2, 2)
    assert melodies(score_of(line(60, 62, 64, 65, start=24), pickup=24))[0].bars == (0, 0, 1)


def test_histograms_by_hand():
    chord = track_of([Note(0, 12, 60), Note(0, 12, 64), Note(12, 18, 62), Note(72, 6, 62)])
    histograms = Histograms.of([score_of(chord, line(36, 36, duration=6, start=60, is_drum=True))])
    assert histograms.pitch_class == {0: 0.25, 2: 0.5, 4: 0.25}
    assert histograms.interval == {-2: 0.5, 0: 0.5}
    assert histograms.duration == {0.5: 0.25, 1.0: 0.5, 1.5: 0.25}
    assert histograms.onset == pytest.approx({0.0: 2 / 6, 1.0: 2 / 6, 1.5: 1 / 6, 2.0: 1 / 6})


@given(one=scores(), other=scores())
def test_the_overlap_is_the_common_area(one, other):
    ours, theirs = Histograms.of([one]), Histograms.of([other])
    found, back = ours.overlaps(theirs), theirs.overlaps(ours)
    for name in ("pitch_class", "interval", "duration", "onset"):
        p, q, area = (vars(histograms)[name] for histograms in (ours, theirs, found))
        if not p or not q:
            assert area is None
            continue
        distance = sum(abs(p.get(value, 0) - q.get(value, 0)) for value in {*p, *q})
        assert area == pytest.approx(1 - distance / 2)
        assert vars(back)[name] == pytest.approx(area)


def test_samples_are_compared_with_held_out_music_and_held_out_with_training_music():
    train, held_out = [score_of(line(*SCALE))], [score_of(line(*SCALE[:4]))]
    samples = [score_of(line(60, 60, 61, 61, duration=6), DRUMS)]
    comparison = compare(samples, held_out, train)
    assert comparison.samples == Features.of(samples)
    assert comparison.held_out == Features.of(held_out)
    assert comparison.overlaps.pitch_class == 0.25
    assert comparison.overlaps.duration == 0
    assert comparison.reference.pitch_class == pytest.approx(0.25 + 3 / 8)
    assert comparison.reference.duration == 1
    content = json.loads(json.dumps(comparison.to_json()))
    assert content["overlaps"]["pitch_class"] == 0.25
    assert content["samples"]["num_notes"] == 12
    assert compare([], held_out, train).overlaps.interval is None
