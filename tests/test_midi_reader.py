"""MIDI files, written byte by byte, read as scores."""

import random
from collections import Counter

import pytest
import symusic
from hypothesis import given
from hypothesis import strategies as st

from seqgen.errors import MusicError
from seqgen.music import midi_parser, notices
from seqgen.music import midi_reader as reader
from seqgen.music.midi_controllers import pedal_spans
from seqgen.music.midi_events import events_of
from seqgen.music.score import Bar, Note, Tempo
from tests.midi_bytes import TICKS, chunk, melody, meta, metre, midi, note, riff, track

GRID = 12


def read(data, grid=GRID, **options):
    score, counts = reader.score_of(data, grid, **options)
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


BUSY = track(
    [event for number in range(128) for event in ((240 * number, bytes([0xC0, number])), *note(number / 2, 64, 60))]
)


def played_by(program, *notes):
    """Return a track of notes for a program."""
    return track([(0, bytes([0xC0, program])), *(event for single in notes or [(0, 1, 60)] for event in note(*single))])


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
        (midi(*map(played_by, range(33))), "file of too many instruments", "has notes for 33 instruments"),
        (midi(*[GOOD] * 5000), "file of too many tracks", "has 5,000 tracks; the limit is 256"),
        (midi(*[BUSY] * 3), "file of too many tracks", "has 384 tracks; the limit is 256"),
        (midi(chunk(b"\0\xb0\1\1" + b"\0\1\1" * 4_000_001)), "endless music", "has 4,000,002 events"),
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


def test_more_tracks_than_the_limit_are_merged_by_instrument():
    kits = [(0, bytes([0xC9, 8 * place])) for place in range(3)]
    drums = [track([kit, *note(place, place + 1, 36, channel=9)]) for place, kit in enumerate(kits)]
    data = midi(*(played_by(place % 30, (place, place + 1, 60 + place)) for place in range(60)), *drums)
    score, counts = read(data)
    assert [(found.program, found.is_drum) for found in score.tracks] == [
        *((place, False) for place in range(30)),
        (0, True),
    ]
    assert [single.pitch for single in score.tracks[7].notes] == [67, 97]
    assert spans(score, 30) == [(0, 12), (12, 12), (24, 12)]
    assert counts == {notices.MERGED: 32}


ON, OFF = bytes([0x90, 60, 80]), bytes([0x80, 60, 0])


@pytest.mark.parametrize(
    ("events", "expected", "num_hanging"),
    [
        ([(0, ON), (1, ON), (2, OFF)], [(0, 1), (1, 1)], 1),
        ([(0, ON), (1, ON), (2, ON), (5, OFF)], [(0, 1), (1, 1), (2, 3)], 2),
        ([(0, ON), (1, ON), (2, OFF), (3, ON), (4, ON), (5, OFF)], [(0, 1), (1, 1), (3, 1), (4, 1)], 2),
        ([(0, ON), (1, ON), (2, ON)], [(0, 1), (1, 1), (2, 4)], 3),  # the track ends after eight quarter notes
        ([(0, ON), (6, ON), (7, OFF)], [(0, 6), (6, 1)], 1),
        ([(0, OFF), (1, ON), (2, OFF), (3, OFF), (4, ON), (5, OFF)], [(1, 1), (4, 1)], 0),
        ([(0, ON), (0, ON), (2, OFF)], [(0, 2)], 0),
        ([(0, ON), (1, ON), (3, bytes([0xB0, 123, 0]))], [(0, 1), (1, 2)], 1),
        ([(0, ON), (3, bytes([0xB0, 120, 0])), (4, ON), (5, OFF)], [(0, 3), (4, 1)], 0),
        ([(0, ON), (3, bytes([0xB1, 123, 0])), (4, OFF)], [(0, 4)], 0),  # another channel
        ([(0, ON), (1, bytes([0xB0, 123, 0])), (2, OFF), (3, ON), (4, OFF)], [(0, 1), (3, 1)], 0),
    ],
)
def test_a_note_that_is_struck_again_ends_there_if_it_has_no_end(events, expected, num_hanging):
    ticks = [(quarter * TICKS, data) for quarter, data in events]
    other = note(0, 8, 72, channel=1)
    score, counts = read(midi(track([*ticks, *other])))
    assert spans(score) == [(12 * onset, 12 * duration) for onset, duration in expected]
    assert counts.get(notices.HANGING, 0) == num_hanging


def test_notes_of_equal_pitch_end_in_the_order_of_their_beginnings_per_channel_and_track():
    one = [*note(0, 2, 60), *note(1, 3, 60), *note(0, 4, 60, channel=1)]
    score, counts = read(midi(track(one), track(note(0.5, 5, 60))))
    assert [spans(score, place) for place in range(3)] == [[(0, 12), (12, 24)], [(0, 48)], [(6, 54)]]
    assert counts == {notices.SHORTENED: 1}


def reference(data):
    """Return the notes of each track as symusic reads them."""
    found = symusic.Score.from_midi(data)
    return [
        (one.name, one.program, one.is_drum, sorted((n.time, n.end, n.pitch, n.velocity) for n in one.notes))
        for one in found.tracks
        if one.notes
    ], found


def parsed_parts(midi):
    return [
        (one.name, one.program, one.is_drum, sorted(zip(*(column.tolist() for column in one.notes), strict=True)))
        for one in midi.parts
    ]


drawn_notes = st.tuples(
    st.integers(0, 40), st.integers(1, 30), st.integers(60, 63), st.sampled_from([0, 1, 9]), st.integers(1, 127)
)


@st.composite
def drawn_tracks(draw):
    """Draw a track in which every note is switched off, with changes of program, tempo, key and metre."""
    events = meta(0, 3, draw(st.text("aä", max_size=5)).encode())
    for onset, length, pitch, channel, velocity in draw(st.lists(drawn_notes, max_size=12)):
        events += note(onset / 4, (onset + length) / 4, pitch, channel, velocity)
    for quarter in draw(st.lists(st.integers(0, 10), max_size=3)):
        kinds = [bytes([0xC0, quarter]), bytes([0xE1, 1, 99]), b"\xf0\x03\x01\x02\xf7", b"\xa0\x3c\x01", b"\xd9\x05"]
        events.append((quarter * TICKS, draw(st.sampled_from(kinds))))
    events += meta(draw(st.integers(0, 9)), 0x51, bytes([7, draw(st.integers(0, 255)), 0]))
    events += metre(draw(st.integers(0, 9)), draw(st.integers(1, 9)), draw(st.integers(0, 4)))
    events += meta(draw(st.integers(0, 9)), 0x59, bytes([draw(st.integers(0, 7)), 0]))
    return track(events)


@given(st.lists(drawn_tracks(), min_size=1, max_size=4))
def test_events_are_read_as_symusic_reads_them(tracks):
    data = midi(*tracks, track(note(0, 1, 50)))
    expected, found = reference(data)
    parsed = midi_parser.parsed(data, Counter())
    assert parsed_parts(parsed) == expected
    assert sorted(parsed.tempos) == [
        (time, pytest.approx(qpm, rel=1e-5)) for time, qpm in sorted((one.time, one.qpm) for one in found.tempos)
    ]
    assert sorted(parsed.metres) == sorted((one.time, one.numerator, one.denominator) for one in found.time_signatures)
    assert sorted(parsed.keys) == sorted((one.time, one.key, one.tonality) for one in found.key_signatures)


def test_running_status_and_messages_of_live_connections_are_read():
    content = b"\0\x90\x3c\x50\0\xf8\x83\x60\x3c\0\0\xf2\1\2\0\x40\x50\0\xff\1\1a\x83\x60\x40\0"
    assert spans(read(midi(chunk(content)))[0]) == [(0, 12), (12, 12)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Flöte".encode("latin-1"), "Flöte"),
        ("Flöte".encode(), "Flöte"),
        ("笛".encode(), "笛"),
        (b"Piano\0\0", "Piano"),
        (b"a\x1b[2Jb", "a [2Jb"),
        (b"x" * 300, "x" * 100),
    ],
)
def test_a_name_is_utf_8_or_else_latin_1(content, name):
    score, _ = read(midi(track([*meta(0, 3, content), *note(0, 1, 60)])))
    assert score.tracks[0].name == name


def metres_of(*changes):
    """Return the bars and the pickup of a piece with changes of metre, each given as numerator, denominator, bars."""
    events, place = [], 0
    for numerator, log_denominator, num_bars in changes:
        events += metre(place, numerator, log_denominator)
        place += num_bars * numerator * 4 / 2**log_denominator
    score, _ = read(midi(track([*events, *note(0, place, 60)])))
    return [(bar.numerator, bar.denominator) for bar in score.bars], score.pickup


@pytest.mark.parametrize(
    ("changes", "pickup"),
    [
        ([(1, 2, 1), (4, 2, 8)], 12),
        ([(1, 2, 1), (4, 2, 4), (3, 2, 1)], 12),
        ([(1, 3, 1), (6, 3, 7), (5, 3, 1), (1, 3, 1), (6, 3, 7), (5, 3, 1)], 6),  # repeats written out
        ([(2, 2, 1), (4, 2, 3), (2, 2, 2), (4, 2, 3), (2, 2, 1)], 24),
        ([(3, 2, 1), (4, 2, 4), (3, 2, 4)], 0),  # the metre returns
        ([(5, 3, 1), (8, 3, 1), (5, 3, 1), (8, 3, 1)], 0),
        ([(5, 3, 1), (8, 3, 2), (5, 3, 1), (7, 3, 1), (9, 3, 1)], 0),
        ([(2, 2, 1), (3, 2, 1), (4, 2, 1), (5, 2, 1)], 0),  # no metre lasts
        ([(2, 2, 2), (4, 2, 4)], 0),
        ([(4, 2, 1), (3, 2, 4)], 0),
    ],
)
def test_a_shorter_first_bar_is_a_pickup_unless_its_metre_belongs_to_the_piece(changes, pickup):
    bars, found = metres_of(*changes)
    assert found == pickup
    written = [(numerator, 2**log) for numerator, log, num_bars in changes for _ in range(num_bars)]
    assert bars == (written if not pickup else [written[1], *written[1:]])


def test_bars_of_one_beat_are_read_in_bars_of_four():
    score, counts = read(midi(track([*metre(0, 1, 2), *metre(8, 1, 2), *note(0, 16, 60)])))
    assert (score.bars, score.pickup, counts) == ((Bar(4, 4),) * 4, 0, {notices.BEAT_BARS: 1})
    score, counts = read(midi(track([*metre(0, 1, 3), *note(0, 4, 60)])))
    assert (score.bars, counts) == ((Bar(4, 8),) * 2, {notices.BEAT_BARS: 1})
    score, counts = read(midi(track([*metre(0, 1, 2), *note(0, 4, 60)])))
    assert (score.bars, counts) == ((Bar(1, 4),) * 4, {})
    score, counts = read(midi(track([*metre(0, 1, 2), *metre(8, 3, 2), *note(0, 14, 60)])))
    assert (score.bars, counts) == ((Bar(1, 4),) * 8 + (Bar(3, 4),) * 2, {})


def key(quarter, sharps):
    return meta(quarter, 0x59, bytes([sharps % 256, 0]))


def test_the_key_signature_is_that_of_the_first_pitched_track():
    drums, horn = track([*key(0, 0), *note(0, 8, 36, channel=9)]), track([*key(0, 3), *note(0, 8, 60)])
    conductor, piano = track(key(0, -4)), track([*key(0, 2), *key(4, 1), *note(0, 8, 60)])
    for tracks in ([drums, piano, horn], [conductor, drums, piano, horn], [piano, horn, conductor], [piano, drums]):
        assert [bar.sharps for bar in read(midi(*tracks))[0].bars] == [2, 1]
    assert [bar.sharps for bar in read(midi(drums, conductor, track(note(0, 8, 60))))[0].bars] == [-4, -4]
    assert [bar.sharps for bar in read(midi(drums, horn))[0].bars] == [3, 3]


PEDAL_DOWN, PEDAL_UP = bytes([0xB0, 64, 64]), bytes([0xB0, 64, 63])


def pedal(*presses):
    """Return the events of a pedal that is down between pairs of times in quarter notes."""
    return [
        event for down, up in presses for event in ((round(down * TICKS), PEDAL_DOWN), (round(up * TICKS), PEDAL_UP))
    ]


@pytest.mark.parametrize(
    ("presses", "notes", "expected"),
    [
        ([(0, 4)], [(0, 1, 60), (1, 2, 64)], [(0, 4), (1, 3)]),
        ([(0.5, 2)], [(0, 1, 60), (2, 3, 64)], [(0, 2), (2, 1)]),
        ([(0, 4)], [(0, 1, 60), (2, 3, 60)], [(0, 2), (2, 2)]),  # struck again
        ([(1, 2)], [(0, 1, 60), (0, 2, 64)], [(0, 2), (0, 2)]),  # pressed and released as notes end
        ([(0, 1), (1.5, 4)], [(0, 1.25, 60), (0, 2, 64)], [(0, 1.25), (0, 4)]),
        ([(0, 2), (2, 4)], [(0, 1, 60), (2, 3, 62)], [(0, 2), (2, 2)]),
        ([(0, 2)], [(0, 3, 60)], [(0, 3)]),
    ],
)
def test_the_sustain_pedal_extends_notes_until_it_is_released_or_they_are_struck_again(presses, notes, expected):
    events = [*pedal(*presses), *(event for single in notes for event in note(*single))]
    data = midi(track(sorted(events, key=lambda event: event[0])))
    score, counts = read(data, pedal=True)
    assert sorted(spans(score)) == sorted((12 * onset, 12 * length) for onset, length in expected)
    assert counts == {}
    score, counts = read(data)
    assert counts == {notices.PEDAL: len(presses)}
    assert sorted(spans(score)) == sorted((12 * start, 12 * (end - start)) for start, end, _ in notes)


def test_a_pedal_that_is_never_released_extends_notes_to_the_last_end():
    events = [(0, PEDAL_DOWN), *note(0, 1, 60), *note(2, 4, 64)]
    assert sorted(spans(read(midi(track(events)), pedal=True)[0])) == [(0, 48), (24, 24)]


def test_a_pedal_extends_the_notes_of_its_channel_in_all_tracks():
    other = note(0, 1, 64, channel=1)
    data = midi(track([*pedal((0, 4)), *pedal((5, 6))]), track([*note(0, 1, 60), *note(3, 4, 67)]), track(other))
    score, counts = read(data, pedal=True)
    assert [spans(score, place) for place in (0, 1)] == [[(0, 48), (36, 12)], [(0, 12)]]
    assert counts == {}
    assert read(data)[1] == {notices.PEDAL: 2}
    port = meta(0, 0x21, b"\1")
    assert spans(read(midi(track([*port, *pedal((0, 4))]), track(note(0, 1, 60))), pedal=True)[0]) == [(0, 12)]


def test_a_pedal_is_down_when_symusic_says_so():
    values = [0, 64, 127, 70, 63, 10, 90, 0, 0, 65, 64, 3]
    content = track([(place * TICKS, bytes([0xB0, 64, value])) for place, value in enumerate(values)] + note(0, 20, 60))
    expected = [(one.time, one.time + one.duration) for one in symusic.Score.from_midi(midi(content)).tracks[0].pedals]
    (found,) = pedal_spans([(0, events_of([content[8:]])[0])]).values()
    assert list(zip(found.starts.tolist(), found.stops.tolist(), strict=True)) == expected


def test_lyrics_and_large_pitch_bends_are_counted():
    events = [*meta(0, 5, b"la"), *meta(1, 5, b"lu"), *meta(2, 5, b"\r"), *meta(3, 1, b"a comment"), *note(0, 4, 60)]
    assert read(midi(track(events)))[1] == {notices.LYRIC: 2}
    words = [*meta(0, 1, b"@KMIDI KARAOKE FILE"), *meta(0, 1, b"@TTitle"), *meta(1, 1, b"\\Some"), *meta(2, 1, b"day")]
    assert read(midi(track(words), GOOD))[1] == {notices.LYRIC: 2}
    bends = [0x40, 0x41, 0x50, 0x60, 0x7F, 0x40, 0x4F, 0x40, 0x31, 0x40, 0x20, 0x40]
    events = [(place * 10, bytes([0xE0, 0, value])) for place, value in enumerate(bends)]
    assert read(midi(track([*events, *note(0, 4, 60)])))[1] == {notices.BEND: 2}


def test_a_recording_without_a_metre_is_reported():
    chance = random.Random(0)
    onsets = sorted(chance.uniform(0, 30) for _ in range(200))
    free = [event for onset in onsets for event in note(onset, onset + 0.3, chance.randrange(30, 90))]
    assert read(midi(track(free)))[1][notices.PERFORMANCE] == 1
    assert read(midi(track([*metre(0, 4, 2), *free])))[1][notices.PERFORMANCE] == 1
    assert notices.PERFORMANCE not in read(midi(track([*metre(0, 3, 2), *free])))[1]
    tempos = [*meta(0, 0x51, bytes([7, 0, 0])), *meta(2, 0x51, bytes([8, 0, 0]))]
    assert notices.PERFORMANCE not in read(midi(track([*tempos, *free])))[1]
    played = [place / 4 + chance.gauss(0, 0.02) for place in range(1, 101)]  # to a click
    steady = [event for onset in played for event in note(onset, onset + 0.2, chance.randrange(30, 90))]
    assert notices.PERFORMANCE not in read(midi(track(steady)))[1]


def test_the_notes_of_a_recording_without_a_metre_are_counted_apart_from_those_of_other_files():
    onsets = [place * 0.9 for place in range(15)] + [place * 0.5 for place in range(30, 35)]  # the last five are exact
    free = [event for onset in onsets for event in note(onset, onset + 0.25, 60)]
    counts = read(midi(track(free)), grid=4)[1]
    counts.pop(notices.CLOSED)
    assert counts == {notices.PERFORMANCE: 1, notices.PERFORMED: 20, notices.PERFORMED_QUANTIZED: 12}
    another = Counter({notices.QUANTIZED: 1, notices.PERFORMANCE: 1, notices.PERFORMED: 2_000})
    assert notices.phrases(Counter(counts) + another) == [
        "2 performances without bars and metre, read in bars of 4/4: 12 of 2,020 notes (1%) quantized to the grid",
        "1 note quantized to the grid",
    ]


def test_an_unusable_key_signature_is_counted():
    data = midi(track([*meta(0, 0x59, b"\x09\0"), *meta(0, 0x59, b"\x01\x02"), *note(0, 1, 60)]))
    assert read(data)[1] == {notices.KEY: 2}


@pytest.mark.parametrize("data", [riff(midi(GOOD)), riff(midi(GOOD, GOOD))])
def test_a_file_in_a_riff_container_is_read(data):
    assert spans(read(data)[0]) == [(0, 12)]
    assert refused(data[:-20]).kind == "file cut short"


def test_a_riff_container_without_midi_is_rejected():
    assert refused(b"RIFF\x0c\0\0\0RMIDDISP\0\0\0\0").kind == "file that is no MIDI"
