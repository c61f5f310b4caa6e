"""MIDI files, written byte by byte, read as scores."""

import pytest

from seqgen.errors import MusicError
from seqgen.music import midi_reader as reader
from seqgen.music import notices
from seqgen.music.score import Bar, Note, Tempo
from tests.midi_bytes import TICKS, chunk, melody, meta, metre, midi, note, track

GRID = 12


def read(data, grid=GRID):
    score, counts = reader.score_of(data, grid)
    assert all(counts.values())  # nothing is reported that did not happen
    return score, dict(counts)


def spans(score, place=0):
    return [(single.onset, single.duration) for single in score.tracks[place].notes]


def refused(data):
    with pytest.raises(MusicError) as caught:
        reader.score_of(data, GRID)
    return caught.value


def test_onsets_durations_pitches_and_velocities_are_read():
    data = midi(track([*note(0, 1, 60, velocity=1), *note(1, 1.5, 64, velocity=127), *note(2.75, 4, 55)]))
    score, counts = read(data)
    assert score.tracks[0].notes == (Note(0, 12, 60, 1), Note(12, 6, 64, 127), Note(33, 15, 55, 80))
    assert score.bars == (Bar(4, 4, 0),)
    assert score.tempos == (Tempo(0, 120.0),)
    assert (score.pickup, score.grid, counts) == (0, GRID, {})


def test_names_programs_and_drums_are_kept_and_tracks_without_notes_are_not():
    tracks = [
        track([*meta(0, 3, b"silence")]),
        track([*meta(0, 3, "Fl\u00f6te".encode()), (0, bytes([0xC2, 73])), *note(0, 1, 72, channel=2)]),
        track([*meta(0, 3, b" Drum\nkit "), *note(0, 1, 38, channel=9)]),
    ]
    score, _ = read(midi(*tracks))
    assert [(found.name, found.program, found.is_drum) for found in score.tracks] == [
        ("Flöte", 73, False),
        ("Drum kit", 0, True),
    ]


def test_a_track_of_several_channels_is_divided():
    events = [*note(0, 1, 60), *note(0, 1, 40, channel=1), *note(0, 1, 36, channel=9)]
    score, _ = read(midi(track(events), kind=0))
    assert [found.notes[0].pitch for found in score.tracks] == [60, 40, 36]
    assert [found.is_drum for found in score.tracks] == [False, False, True]


def test_chords_are_ordered_by_descending_pitch():
    score, _ = read(melody((0, 1, 60), (0, 1, 67), (0, 1, 64)))
    assert [single.pitch for single in score.tracks[0].notes] == [67, 64, 60]


def test_notes_off_the_grid_are_quantized_and_counted():
    score, counts = read(melody((0.01, 1, 60), (1 + 1 / 12 + 0.02, 2, 62), (2, 2.5, 64)))
    assert spans(score) == [(0, 12), (13, 11), (24, 6)]
    assert counts == {notices.QUANTIZED: 2}


def test_triplets_are_on_the_default_grid_but_not_on_a_grid_of_four():
    data = melody((0, 1 / 3, 60), (1 / 3, 2 / 3, 62), (2 / 3, 1, 64))
    assert read(data) == (read(data)[0], {})
    assert spans(read(data)[0]) == [(0, 4), (4, 4), (8, 4)]
    assert read(data, grid=4)[1][notices.QUANTIZED] == 3


@pytest.mark.parametrize("share", [0.88, 0.9, 0.95, 0.98, 1 - 1 / TICKS])
def test_notes_shortened_by_a_notation_program_have_their_written_length(share):
    quarters = [1, 0.5, 0.5, 2, 1 / 3, 1 / 3, 1 / 3, 1, 4, 0.25, 0.25, 0.5, 1.5, 0.5, 3]
    starts = [sum(quarters[:place]) for place in range(len(quarters))]
    notes = [(start, start + length * share, 60) for start, length in zip(starts, quarters, strict=True)]
    score, counts = read(melody(*notes))
    assert [duration for _, duration in spans(score)] == [round(12 * length) for length in quarters]
    assert set(counts) <= {notices.CLOSED, notices.QUANTIZED}
    assert counts[notices.CLOSED] > 5


def test_a_shortened_note_before_a_rest_has_its_written_length():
    """It ends with the eighth, because no other note begins there."""
    score, counts = read(melody((0, 0.95, 60), (2, 2 + 1.5 * 0.95, 62)))
    assert spans(score) == [(0, 12), (24, 18)]
    assert counts == {notices.CLOSED: 2}


def test_a_breve_at_95_percent_has_its_written_length():
    assert spans(read(melody((0, 8 * 0.95, 60), (8, 9, 62)))[0]) == [(0, 96), (96, 12)]


@pytest.mark.parametrize(
    ("end", "following"),
    [
        (0.5, 1),  # staccato
        (0.75, 1),  # a sixteenth
        (1.75, 2),  # a sixteenth again, an eighth of the half note that it is not
        (3.75, 4),
        (7.5, 8),  # an eighth
        (4 / 3, 1.5),  # triplets
        (8 / 3, 3),
        (10 / 3, 3.5),
    ],
)
def test_staccato_and_written_rests_are_preserved(end, following):
    score, counts = read(melody((0, end, 60), (following, following + 1, 62)))
    assert spans(score)[0] == (0, round(12 * end))
    assert notices.CLOSED not in counts


def test_a_gap_is_closed_to_the_next_onset_of_its_own_track_only():
    other = track(note(0.96, 2, 40))
    score, _ = read(midi(track([*note(0, 0.95, 60), *note(1, 2, 62)]), other))
    assert spans(score) == [(0, 12), (12, 12)]


def test_a_note_without_length_lasts_a_step():
    score, counts = read(midi(chunk(b"\0\x90\x3c\x50\0\x80\x3c\0\x83\x60\x90\x3e\x50\x83\x60\x80\x3e\0")))
    assert spans(score) == [(0, 1), (12, 12)]
    assert counts == {notices.LENGTHENED: 1}


def test_the_second_of_two_overlapping_notes_of_equal_pitch_ends_the_first():
    score, counts = read(midi(track([*note(0, 2, 60), *note(1, 3, 60)])))
    assert spans(score) == [(0, 12), (12, 24)]
    assert counts == {notices.SHORTENED: 1}


def test_one_of_two_doubled_notes_is_kept():
    score, counts = read(midi(track([*note(0, 2, 60), *note(0, 2, 60)])))
    assert spans(score) == [(0, 24)]
    assert counts == {notices.DOUBLED: 1}


def test_a_note_without_end_lasts_until_its_track_ends_or_a_whole_note():
    hanging = (TICKS, bytes([0x90, 64, 80]))
    score, counts = read(midi(track([*note(0, 3, 60), hanging])))
    assert score.tracks[0].notes == (Note(0, 36, 60, 80), Note(12, 24, 64, 80))
    assert counts == {notices.HANGING: 1}
    score, _ = read(midi(track([*note(0, 30, 60), hanging])))
    assert Note(12, 48, 64, 80) in score.tracks[0].notes


def test_a_single_note_without_end_is_read():
    score, counts = read(midi(track([(0, bytes([0x90, 64, 80])), *meta(2, 1, b"text")])))
    assert spans(score) == [(0, 24)]
    assert counts == {notices.HANGING: 1}


def test_bars_follow_the_time_signatures():
    score, _ = read(midi(track([*metre(0, 3, 2), *metre(6, 6, 3), *note(0, 12, 60)])))
    assert score.bars == (Bar(3, 4), Bar(3, 4), Bar(6, 8), Bar(6, 8))


def test_a_time_signature_within_a_bar_divides_it():
    score, counts = read(midi(track([*metre(0, 4, 2), *metre(7, 3, 2), *note(0, 10, 60)])))
    assert score.bars == (Bar(4, 4), Bar(3, 4), Bar(3, 4))
    assert counts == {}


def test_a_time_signature_where_no_bar_can_end_moves_to_the_next_bar_line():
    score, counts = read(midi(track([*metre(0, 4, 2), *metre(5 + 1 / 12, 3, 2), *note(0, 11, 60)])))
    assert score.bars == (Bar(4, 4), Bar(4, 4), Bar(3, 4))
    assert counts == {notices.LATE_METRE: 1}


def test_the_last_time_signature_at_a_step_applies_and_equal_ones_divide_nothing():
    events = [*metre(0, 2, 2), *metre(0, 3, 2), *metre(1, 3, 2), *metre(3, 3, 2), *note(0, 6, 60)]
    score, _ = read(midi(track(events)))
    assert score.bars == (Bar(3, 4),) * 2


@pytest.mark.parametrize("signature", [(4, 6), (0, 2), (4, 255), (200, 2), (3, 5)])
def test_an_unusable_time_signature_is_omitted(signature):
    score, counts = read(midi(track([*metre(0, 3, 2), *metre(3, *signature), *note(0, 6, 60)])))
    assert score.bars == (Bar(3, 4),) * 2
    assert counts == {notices.METRE: 1}


def test_a_single_shorter_bar_at_the_beginning_is_a_pickup():
    score, _ = read(midi(track([*metre(0, 1, 2), *metre(1, 4, 2), *note(0, 1, 60), *note(1, 5, 62)])))
    assert (score.bars, score.pickup) == ((Bar(4, 4),) * 2, 12)
    assert spans(score) == [(36, 12), (48, 48)]


def test_a_rest_before_the_first_note_is_not_a_pickup():
    score, _ = read(melody((3, 4, 60), (4, 8, 62)))
    assert (score.pickup, len(score), spans(score)) == (0, 2, [(36, 12), (48, 48)])


def test_silent_bars_at_the_beginning_and_end_are_omitted():
    events = [*metre(0, 4, 2), *metre(8, 3, 2), *meta(0, 0x51, bytes([7, 0xA1, 0x20])), *meta(90, 1, b"text")]
    events += meta(5, 0x51, bytes([3, 0xD0, 0x90]))  # twice as fast
    score, _ = read(midi(track([*events, *note(9, 10, 60)])))
    assert (score.bars, spans(score), score.tempos) == ((Bar(3, 4),), [(12, 12)], (Tempo(0, 240.0),))


def test_keys_apply_from_the_next_bar_line():
    keys = [*meta(0, 0x59, b"\x02\0"), *meta(5, 0x59, b"\xfd\x01")]
    keys += [*meta(6, 0x59, b"\x09\0"), *meta(7, 0x59, b"\x01\x02")]  # nine sharps, and neither major nor minor
    score, _ = read(midi(track([*keys, *note(0, 12, 60)])))
    assert [bar.sharps for bar in score.bars] == [2, 2, -3]


def test_changes_of_tempo_are_read():
    half = bytes([0x0F, 0x42, 0x40])
    tempos = [
        *meta(0, 0x51, half),
        *meta(2, 0x51, half),
        *meta(4, 0x51, bytes([7, 0xA1, 0x20])),
        *meta(5, 0x51, bytes(3)),
    ]
    score, counts = read(midi(track([*tempos, *note(0, 8, 60)])))
    assert score.tempos == (Tempo(0, 60.0), Tempo(48, 120.0))
    assert counts == {notices.TEMPO: 1}


GOOD = track(note(0, 1, 60))


@pytest.mark.parametrize(
    ("data", "kind", "sentence"),
    [
        (b"", "empty file", "is empty"),
        (b"Mary had a little lamb", "file that is no MIDI", "does not begin with MThd"),
        (midi(GOOD)[:10], "file that is no MIDI", "not a MIDI file"),
        (midi(GOOD, division=0xE728), "MIDI timed in frames", "SMPTE"),
        (midi(GOOD, division=0), "damaged file", "no ticks"),
        (midi(GOOD, kind=2), "MIDI of format 2", "export it as format 1"),
        (midi(track([])), "file without notes", "holds no notes"),
        (midi(track(note(0, 1, 60)[1:])), "file without notes", "holds no notes"),
        (midi(GOOD)[:-9], "file cut short", "of a track"),
        (midi(GOOD, num_tracks=2), "file cut short", "it has 1 of 2 tracks"),
        (midi(chunk(b"\0\x90\x3c")), "damaged file", "events are invalid"),
        (midi(chunk(b"\0\x3c\x50")), "damaged file", "events are invalid"),
        (midi(chunk(b"\0\x90\xff\xff\0\x80\xff\0")), "damaged file", "events are invalid"),
        (midi(*[GOOD] * 33), "file of too many tracks", "has 33 tracks"),
        (midi(*[GOOD] * 5000), "file of too many tracks", "has 5,000 tracks"),
        (melody((0, 1, 60), (90_000, 90_001, 60)), "endless music", "more than 20,000 bars"),
        (midi(chunk((b"\xff\xff\xff\x7f\x90\x3c\x50\x00\x80\x3c\x00") * 20)), "endless music", "more than 20,000 bars"),
    ],
)  # fmt: skip
def test_unusable_files_are_rejected_with_a_message(data, kind, sentence):
    error = refused(data)
    assert error.kind == kind
    assert sentence in str(error)


def test_unknown_chunks_and_trailing_bytes_are_ignored():
    score, _ = read(midi(chunk(b"abc", name=b"XFIH"), GOOD, num_tracks=1) + b"and more")
    assert spans(score) == [(0, 12)]
