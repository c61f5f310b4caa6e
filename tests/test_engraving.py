"""Notes divided into symbols with one notehead value."""

from fractions import Fraction

import pytest
from hypothesis import given

from seqgen.errors import MusicError
from seqgen.music.accidentals import Accidentals
from seqgen.music.beams import beams
from seqgen.music.clefs import clef_of
from seqgen.music.engraving import bars_of
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.music.voices import MAX_VOICES, hands_of, voices_of
from tests.scores import scores


def written(durations, bar, grid=12):
    """Return the written lengths in quarter notes, negative for rests, with the ratio of tuplets."""
    notes, onset = [], 0
    for duration in durations:
        notes += [Note(onset, duration, 60)] if duration > 0 else []
        onset += abs(duration)
    num_bars = -(-onset // bar.num_steps(grid))
    score = Score((bar,) * num_bars, (track_of(notes),), grid=grid)
    return [
        " ".join(
            ("" if piece.notes else "r")
            + str(piece.written_quarters(grid))
            + (f"({piece.tuplet.actual}:{piece.tuplet.normal})" if piece.tuplet else "")
            + ("~" if piece.notes and piece.notes[0].end > piece.end else "")
            for piece in pieces
        )
        for pieces in bars_of(score, voices_of(notes)[0])
    ]


@pytest.mark.parametrize(
    ("durations", "metre", "bars"),
    [
        ([48], (4, 4), ["4"]),
        ([15, 33], (4, 4), ["1~ 1/4 3/4~ 2"]),  # five sixteenths
        ([60, 36], (4, 4), ["4~", "1 3"]),  # over the bar line
        ([6, 12, 12, 18], (4, 4), ["1/2 1 1/2~ 1/2 3/2"]),  # the middle of the bar is seen
        ([12, 24, 12], (4, 4), ["1 2 1"]),  # a plain syncopation
        ([6, 12, 6, 12], (3, 4), ["1/2 1 1/2 1"]),
        ([6, 24, 6], (3, 4), ["1/2 3/2~ 1/2 1/2"]),
        ([6, 12, 18], (6, 8), ["1/2 1 3/2"]),
        ([6, 18, 12], (6, 8), ["1/2 1~ 1/2 1"]),
        ([60], (5, 4), ["4~ 1"]),
        ([42], (7, 8), ["3~ 1/2"]),
        ([12, -24, 12], (4, 4), ["1 r1 r1 1"]),
        ([-36, 12], (4, 4), ["r2 r1 1"]),
        ([12, -60, 24], (4, 4), ["1 r1 r2", "r2 2"]),
        ([-24, 12], (3, 4), ["r1 r1 1"]),
        ([-36], (3, 4), ["r3"]),
        ([-60], (5, 4), ["r5"]),
        ([4, 4, 4, 12], (2, 4), ["1/2(3:2) 1/2(3:2) 1/2(3:2) 1"]),
        ([8, 4, 6, 6], (2, 4), ["1(3:2) 1/2(3:2) 1/2 1/2"]),
        ([4, 4, 2, 2, 12], (2, 4), ["1/2(3:2) 1/2(3:2) 1/4(3:2) 1/4(3:2) 1"]),
        ([8, 8, 8], (2, 4), ["1(3:2) 1(3:2) 1(3:2)"]),
        ([16, 16, 16], (4, 4), ["2(3:2) 2(3:2) 2(3:2)"]),
        ([2, 2, 2, 6, 12], (2, 4), ["1/4(3:2) 1/4(3:2) 1/4(3:2) 1/2 1"]),
        ([1, 11, 12], (2, 4), ["1/8(3:2) 1/4(3:2)~ 3/4 1"]),
        ([9, 9, 18], (6, 8), ["3/4 3/4 3/2"]),  # duplets
    ],
)
def test_notes_follow_the_conventions_of_notation(durations, metre, bars):
    assert written(durations, Bar(*metre)) == bars


def test_other_grids_have_other_tuplets():
    assert written([2, 2, 2, 2, 2, 10], Bar(2, 4), grid=10) == [" ".join(["1/4(5:4)"] * 5) + " 1"]
    assert written([1] * 7 + [7], Bar(2, 4), grid=7) == [" ".join(["1/4(7:4)"] * 7) + " 1"]
    assert written([3, 4, 4], Bar(1, 4), grid=11) == ["3/8(11:8) 1/2(11:8) 1/2(11:8)"]


def test_durations_without_a_notehead_are_rejected():
    with pytest.raises(MusicError, match="no notehead is as short as one of 2048 steps per quarter note"):
        written([1, 2047], Bar(1, 4), grid=2048)


@given(score=scores(max_tracks=1))
def test_the_symbols_of_all_voices_contain_the_notes_and_fill_the_bars(score):
    pieces_of = {}
    voices = voices_of(score.tracks[0].notes)
    assert len(voices) <= MAX_VOICES
    for voice in voices:
        now = score.start
        for piece in (piece for pieces in bars_of(score, voice) for piece in pieces):
            assert piece.start == now
            assert piece.tuplet is None or piece.tuplet.start <= piece.start < piece.end <= piece.tuplet.end
            now = piece.end
            for note in piece.notes:
                pieces_of.setdefault(note, []).append((piece.start, piece.end))
        assert now == score.num_steps
    assert set(pieces_of) == set(score.notes)
    for note, times in pieces_of.items():
        starts, ends = zip(*sorted(times), strict=True)
        assert (starts, ends) == ((note.onset, *ends[:-1]), (*starts[1:], note.end))


def test_overlapping_notes_are_distributed_among_voices_from_the_highest():
    held, upper, lower = Note(0, 48, 60), Note(0, 24, 72), Note(24, 24, 74)
    first, second = voices_of([upper, held, lower])
    assert [[note.pitch for note in chord.notes] for chord in first] == [[72], [74]]
    assert [[note.pitch for note in chord.notes] for chord in second] == [[60]]
    first, second = voices_of([held, upper._replace(onset=6)])
    assert (first[0].notes, second[0].notes) == ((upper._replace(onset=6),), (held,))


def test_too_many_voices_for_a_staff_become_tied_chords():
    notes = [Note(place, 10, 60 + place) for place in range(5)]
    (voice,) = voices_of(sorted(notes))
    assert [(chord.start, chord.end) for chord in voice] == [(n, n + 1) for n in range(4)] + [(4, 10)] + [
        (n, n + 1) for n in range(10, 14)
    ]
    assert voice[4].notes == tuple(reversed(notes))


def test_a_keyboard_part_with_a_wide_range_has_two_hands():
    both = track_of([Note(0, 24, 76), Note(0, 24, 48)])
    assert [[note.pitch for note in notes] for notes in hands_of(both)] == [[76], [48]]
    assert len(hands_of(track_of(both.notes, program=40))) == 1  # a violin
    assert len(hands_of(track_of([Note(0, 24, 76), Note(24, 24, 48)]))) == 1  # one note at a time


def test_accidentals_apply_until_the_end_of_the_bar_under_both_octave_conventions():
    bar = Accidentals(2)
    assert not bar.note("F", 1, 4)  # in the signature
    assert bar.note("F", 0, 4)
    assert not bar.note("F", 0, 4)
    assert bar.note("F", 1, 5)  # another octave: strictly not needed
    assert bar.note("F", 0, 4)  # now doubtful
    assert not Accidentals(2).note("F", 1, 4)


def test_beams_join_notes_shorter_than_a_quarter_within_a_beat():
    def groups(durations, bar):
        notes, onset = [], 0
        for duration in durations:
            notes += [Note(onset, duration, 60)] if duration > 0 else []
            onset += abs(duration)
        score = Score((bar,), (track_of(notes),))
        (pieces,) = bars_of(score, voices_of(notes)[0])
        return list(beams(pieces, bar, 0, 12))

    assert groups([6, 6, 3, 3, 3, 3, 12, 12], Bar(4, 4)) == [[0, 1], [2, 3, 4, 5]]
    assert groups([6] * 6, Bar(6, 8)) == [[0, 1, 2], [3, 4, 5]]
    assert groups([6] * 7, Bar(7, 8)) == [[0, 1], [2, 3], [4, 5, 6]]
    assert groups([6, -6, 6, 6, 24], Bar(4, 4)) == [[0], [2, 3]]


def test_a_pickup_begins_late_in_its_bar():
    score = Score((Bar(3, 4), Bar(3, 4)), (track_of([Note(24, 12, 60), Note(36, 36, 62)]),), pickup=12)
    bars = bars_of(score, voices_of(score.tracks[0].notes)[0])
    assert [[(piece.start, piece.written_quarters(12)) for piece in bar] for bar in bars] == [
        [(24, Fraction(1))],
        [(36, Fraction(3))],
    ]


@pytest.mark.parametrize(
    ("pitches", "clef"),
    [
        ([], "Treble"),
        ([60, 72, 79], "Treble"),
        ([43, 57], "Bass"),
        ([59], "Bass"),  # above the staff, which is not yet worth a rare clef
        ([48, 64, 67], "Treble8vb"),
        ([84, 96], "Treble8va"),
        ([28, 33], "Bass8vb"),
    ],
)
def test_a_clef_has_few_ledger_lines_and_is_a_common_one_if_possible(pitches, clef):
    assert clef_of(Note(0, 12, pitch) for pitch in pitches) == clef
