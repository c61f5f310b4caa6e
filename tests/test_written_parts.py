"""Written parts, compared with scores worked out by hand."""

from collections import Counter

import pytest

from seqgen.errors import MusicError
from seqgen.music import notices
from seqgen.music.measures import Measure, WrittenNote, WrittenPart, merged
from seqgen.music.repeats import Signs
from seqgen.music.score import Bar, Note, Tempo, Track
from seqgen.music.tempos import tempo_map
from seqgen.music.written_parts import score_from_parts

GRID = 12


def measure(*notes, quarters=4.0, **options):
    return Measure(Bar(), quarters, [WrittenNote(*note) for note in notes], **options)


def made(*parts):
    counts = Counter()
    score = score_from_parts([WrittenPart(measures) for measures in parts], GRID, counts)
    return score, dict(+counts)


def spans(score, place=0):
    return [note[:3] for note in score.tracks[place].notes]


def test_parts_stay_aligned_when_a_measure_of_one_is_short():
    full = [measure((0, 4, 72)), measure((0, 4, 74)), measure((0, 4, 76))]
    short = [measure((0, 3, 60), quarters=3.0), measure((0, 4, 62)), measure((0, 4, 64))]
    score, _ = made(short, full)
    assert spans(score, 0) == [(0, 36, 60), (48, 48, 62), (96, 48, 64)]
    assert spans(score, 1) == [(0, 48, 72), (48, 48, 74), (96, 48, 76)]


def test_a_whole_rest_beside_a_pickup_does_not_lengthen_it():
    score, _ = made([measure(), measure((0, 4, 72))], [measure((0, 1, 60), quarters=1.0), measure((0, 4, 62))])
    assert score.pickup == 12
    assert spans(score, 1) == [(36, 12, 60), (48, 48, 62)]


def test_a_part_may_end_early_or_be_silent():
    score, _ = made([measure()], [measure((0, 4, 72)), measure((0, 4, 74))], [measure((0, 1, 60))])
    assert [spans(score, place) for place in range(2)] == [[(0, 48, 72), (48, 48, 74)], [(0, 12, 60)]]


def test_a_tie_joins_adjacent_notes_of_equal_pitch_only():
    score, _ = made([measure((0, 1, 60, True), (2, 1, 60), (3, 1, 62, True)), measure((0, 1, 60), (0, 1, 62))])
    assert spans(score) == [(0, 12, 60), (24, 12, 60), (36, 24, 62), (48, 12, 60)]


def test_ties_are_joined_when_voices_are_listed_one_after_the_other():
    score, _ = made([measure((2, 2, 72, True), (0, 1, 72), (1, 1, 60)), measure((0, 2, 72))])
    assert spans(score) == [(0, 12, 72), (12, 12, 60), (24, 48, 72)]


def test_a_unison_that_is_tied_in_both_voices_or_staves_is_one_note():
    score, _ = made([measure((0, 4, 60, True), (0, 4, 60, True)), measure((0, 2, 60), (0, 4, 60))])
    assert spans(score) == [(0, 96, 60)]


def test_a_tie_reaches_past_a_note_of_equal_pitch_in_another_voice():
    score, _ = made([measure((0, 2, 60, True), (0, 3, 60), (2, 1, 60))])
    assert spans(score) == [(0, 36, 60)]


def test_a_note_that_is_struck_beside_a_tied_one_of_equal_pitch_is_heard():
    score, _ = made([measure((0, 4, 60, True)), measure((0, 2, 60), (0, 4, 60))])
    assert spans(score) == [(0, 48, 60), (48, 48, 60)]


def test_repeats_are_those_of_the_first_part_that_has_any():
    repeat = Signs(passes=2)
    score, _ = made([measure((0, 4, 72))], [measure((0, 4, 60), signs=repeat)])
    assert spans(score, 0) == [(0, 48, 72), (48, 48, 72)]


def test_the_key_is_that_of_the_first_pitched_part():
    drums = WrittenPart([Measure(Bar(), 4.0, [WrittenNote(0, 4, 38)])], is_drum=True)
    piano = WrittenPart([Measure(Bar(sharps=-3), 4.0, [WrittenNote(0, 4, 60)])])
    score = score_from_parts([drums, piano], GRID, Counter())
    assert score.bars == (Bar(sharps=-3),)
    assert [track.is_drum for track in score.tracks] == [True, False]


def test_staves_are_merged_into_one_part():
    upper = [measure((0, 4, 72)), measure((0, 2, 74), quarters=2.0)]
    lower = [measure((0, 4, 48), tempos=[(0, 60.0)], signs=Signs(passes=2))]
    assert merged([upper, lower]) == [
        measure((0, 4, 72), (0, 4, 48), tempos=[(0, 60.0)], signs=Signs(passes=2)),
        measure((0, 2, 74), quarters=2.0),
    ]


def test_tempos_apply_where_they_are_played_and_the_first_from_the_beginning():
    first = measure((0, 1, 60), quarters=1.0, tempos=[(0, 60.0)])
    score, counts = made([first, measure((0, 4, 60), tempos=[(2, 90.0), (3, 0.0)])])
    assert score.tempos == (Tempo(0, 60.0), Tempo(72, 90.0))
    assert counts == {notices.TEMPO: 1}


def test_the_last_tempo_at_a_step_counts_and_equal_ones_are_merged():
    counts = Counter()
    changes = [(24, 90.0), (12, 120.0), (0, 60.0), (0, 120.0), (36, 90.0), (48, -1.0), (48, 1e9)]
    assert tempo_map(changes, counts) == (Tempo(0, 120.0), Tempo(24, 90.0))
    assert counts == {notices.TEMPO: 2}


def test_short_notes_and_those_off_the_grid_are_counted():
    score, counts = made([measure((0, 1 / 64, 60), (1 / 3, 1 / 3, 62), (1.2, 0.8, 64))])
    assert spans(score) == [(0, 1, 60), (4, 4, 62), (14, 10, 64)]
    assert counts == {notices.QUANTIZED: 2, notices.LENGTHENED: 1}


def test_pitches_outside_the_range_of_midi_are_omitted_and_counted():
    score, counts = made([measure((0, 1, 128), (1, 1, -1), (2, 1, 127))])
    assert spans(score) == [(24, 12, 127)]
    assert counts == {notices.BEYOND: 2}


def test_bars_are_added_for_notes_after_the_last_bar_line():
    score, _ = made([measure((3, 6, 60))])
    assert len(score) == 3
    with pytest.raises(MusicError, match="has more than 20,000 bars"):
        made([measure((3, 1e9, 60))])


def test_a_bar_that_no_time_signature_fits_is_lengthened_and_counted():
    score, counts = made([measure((0, 4, 60)), measure((0, 1, 62), quarters=2.1), measure((0, 4, 64))])
    assert spans(score) == [(0, 48, 60), (48, 12, 62), (75, 48, 64)]
    assert counts == {notices.STRETCHED: 1}


def test_too_many_parts_are_rejected():
    parts = [[measure((0, 4, 60))]] * 33
    with pytest.raises(MusicError, match="has 33 tracks"):
        made(*parts)
    assert len(made(*parts[1:])[0].tracks) == 32


def test_parts_keep_name_program_and_drums():
    part = WrittenPart([measure((0, 4, 38))], "Drums", 3, is_drum=True)
    assert score_from_parts([part], GRID, Counter()).tracks == (Track((Note(0, 48, 38),), "Drums", 3, is_drum=True),)


def test_a_section_makes_room_for_the_upbeat_of_the_next():
    """The section is repeated without its upbeat, and its last note lasts too long for that of the next section."""
    first = [measure((0, 2, 60), (2, 2, 62), signs=Signs(passes=2))]
    second = [measure((0, 1, 64), quarters=1.0), measure((0, 4, 65))]
    score, counts = made([*first, *second])
    assert spans(score) == [(0, 24, 60), (24, 24, 62), (48, 24, 60), (72, 12, 62), (84, 12, 64), (96, 48, 65)]
    assert (score.bars, counts) == ((Bar(),) * 3, {notices.JOINED: 1})


def test_a_section_that_ends_with_short_notes_keeps_its_length():
    first = [measure((0, 2, 60), (2, 1, 62), (3, 1, 62), signs=Signs(passes=2))]
    score, counts = made([*first, measure((0, 1, 64), quarters=1.0), measure((0, 4, 65))])
    assert score.bars == (Bar(), Bar(), Bar(1, 4), Bar())
    assert counts == {}
