"""Music as tokens: encoding is lossless, and the grammar admits only music."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.errors import MusicError
from seqgen.levels import level_from_json
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.music.keys import to_no_signature, transposed_key
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of
from tests.scores import forms, melody, scores

LEVEL = NoteLevel(12)
C_MAJOR, FOUR_FOUR, PIANO = [t.KEY + 7], [t.METRE, t.POSITION + 4, t.DENOMINATOR + 2], [t.FAMILY, t.MEMBER]


def header(final, tracks=PIANO):
    """Return the tokens before LENGTH of a piece in C major, given the degree of its last bass note."""
    return [*C_MAJOR, t.FINAL + final, *FOUR_FOUR, *tracks]


HEADER = header(0)


def of_length(num_bars):
    """Return the tokens that state the length of a piece."""
    return [t.LENGTH, t.POSITION + num_bars]


def content(score):
    """Return what is encoded of a score: all but names, tempo and velocities."""
    tracks = [(t.program, t.is_drum, [note[:3] for note in t.notes]) for t in score.tracks]
    return score.bars, score.pickup, score.grid, tracks


def written_out(tokens):
    """Return the tokens with every repetition replaced by the bars that it repeats."""
    bars = [[]]  # the header, and then the bars
    rest = iter(tokens)
    for token in rest:
        if token == t.REPEAT:
            distance, count = next(rest) - t.POSITION, next(rest) - t.POSITION
            bars += map(list, bars[len(bars) - distance :][:count])
        elif token == t.BAR:
            bars.append([])
        else:
            bars[-1].append(token)
    return [token for bar in bars for token in bar]


@given(score=scores())
def test_decoding_inverts_encoding(score):
    assert content(LEVEL.decode([0, *LEVEL.encode(score), 1])) == content(score)


@given(score=scores(grid=4, max_tracks=8))
@settings(max_examples=30)
def test_decoding_inverts_encoding_on_another_grid_with_many_voices(score):
    level = NoteLevel(4)
    assert content(level.decode([0, *level.encode(score), 1])) == content(score)


@given(score=scores(max_tracks=2))
@settings(max_examples=30)
def test_velocities_are_quantized_to_their_degree(score):
    level = NoteLevel(12, has_velocity=True)
    decoded = level.decode([*level.encode(score), 1])
    assert content(decoded) == content(score)
    pairs = list(zip(decoded.notes, score.notes, strict=True))
    assert all(abs(after.velocity - before.velocity) <= t.VELOCITY_STEP // 2 for after, before in pairs)


def test_a_melody_takes_two_tokens_per_note():
    """C quarter, E quarter, G half | F eighth, E eighth, eighth rest, C for the rest of the bar."""
    p, at = t.PITCH, t.POSITION
    expected = [*header(0), *of_length(2), t.BAR, p + 60, at + 12, p + 64, at + 24, p + 67]
    expected += [t.BAR, p + 65, at + 6, p + 64, at + 12, t.REST, at + 18, p + 60]
    assert LEVEL.encode(melody()).tolist() == expected


def test_repeated_bars_are_encoded_by_their_distance():
    """A B A B A A is A B, two bars at distance 2, one bar at distance 2, one bar at distance 1."""
    pitches, p = [60, 62, 60, 62, 60, 60], t.POSITION
    score = melody([(48 * bar + at, 24, pitch) for bar, pitch in enumerate(pitches) for at in (0, 24)], num_bars=6)
    a, b = ([t.BAR, t.PITCH + pitch, t.POSITION + 24, t.PITCH + pitch] for pitch in (60, 62))
    again = [t.REPEAT, p + 2, p + 2, t.REPEAT, p + 2, p + 1, t.REPEAT, p + 1, p + 1]
    assert LEVEL.encode(score).tolist() == [*HEADER, *of_length(6), *a, *b, *again]
    assert content(LEVEL.decode([*LEVEL.encode(score), 1])) == content(score)


@given(score=forms())
@settings(max_examples=200)
def test_decoding_inverts_encoding_of_repetitions(score):
    ids = LEVEL.encode(score)
    assert content(LEVEL.decode([0, *ids, 1])) == content(score)


def test_bars_are_repeated_only_if_they_have_the_same_meaning():
    """The second bar recurs after a tie, a silence or a sustained note, in its key or another."""
    first, second, third = [(0, 48, 60)], [(60, 12, 64), (72, 24, 65)], [(96, 48, 67)]
    again = [(156, 12, 64), (168, 24, 65)]
    silent = melody(
        [(0, 24, 60), *second, *third, *again], num_bars=4
    )  # before the second bar, but not before the fourth
    tied = melody([(0, 60, 60), *second, *third, *again], num_bars=4)
    held = melody([*first, *second, (96, 60, 67), *again], num_bars=4)
    alike = melody([(24 * half, 24, 60) for half in range(8)], num_bars=4)
    in_keys = Score(tuple(Bar(sharps=sharps) for sharps in (0, 1, 1, 0)), alike.tracks)
    scores = (alike, silent, tied, held, in_keys)
    assert [t.REPEAT in LEVEL.encode(score) for score in scores] == [True, True, False, False, False]
    assert all(content(LEVEL.decode([*LEVEL.encode(score), 1])) == content(score) for score in scores)


def test_sustained_notes_end_where_repeated_bars_begin():
    """Two bars are repeated, which ends the note of the second; its repetition is ended by a rest in the bar after."""
    bars = [t.BAR, t.POSITION + 24, t.PITCH + 62, t.BAR, t.PITCH + 60]
    again, after = [t.REPEAT, t.POSITION + 2, t.POSITION + 2], [t.BAR, t.POSITION + 12, t.REST]
    score = LEVEL.decode([*HEADER, *bars, *again, *after])
    assert [note[:3] for note in score.notes] == [(24, 24, 62), (48, 48, 60), (120, 24, 62), (144, 60, 60)]


def test_a_piece_does_not_end_before_its_first_note_even_after_repeated_silence():
    silence = [*HEADER, t.BAR, t.BAR, t.REPEAT, t.POSITION + 1, t.POSITION + 1]
    note = [t.BAR, t.PITCH + 60]
    for ids, may_end in ((silence, False), ([*silence, t.BAR], False), ([*silence, *note], True)):
        constraint = NoteConstraint(LEVEL.vocabulary_size, 12, ids)
        assert (constraint.mask()[0, t.END] == 0) == may_end, ids
    again = [*HEADER, *note, t.REPEAT, t.POSITION + 1, t.POSITION + 1]
    assert NoteConstraint(LEVEL.vocabulary_size, 12, again).mask()[0, t.END] == 0


def test_repeated_bars_leave_the_same_state_as_the_bars_themselves():
    first = [*HEADER, t.SPLIT, t.BAR, t.PITCH + 60, t.PITCH + 50, t.POSITION + 12, t.HOLD, t.REST]
    second = [t.BAR, t.PITCH + 62, t.HOLD, t.POSITION + 24, t.HOLD, t.PITCH + 40, t.POSITION + 36, t.REST, t.HOLD]
    again, bar = [t.REPEAT, t.POSITION + 2, t.POSITION + 1], [t.BAR, t.PITCH + 70]
    folded = NoteConstraint(LEVEL.vocabulary_size, 12, [*first, *second, *again, *bar])
    plain = NoteConstraint(LEVEL.vocabulary_size, 12, [*first, *second, *first[len(HEADER) + 1 :], *bar])
    assert (folded.mask() == plain.mask()).all()
    assert folded.mask()[0, t.REST] < 0, "the second voice is silent, as it was after the first bar"
    assert folded.num_bars.tolist() == [4]


@pytest.mark.parametrize(
    ("bars", "sources"),
    [
        ([t.BAR, t.PITCH + 60, t.BAR], {2}),
        ([t.BAR, t.PITCH + 60, t.BAR, t.REST], {1, 2}),
        ([t.BAR, t.PITCH + 60, t.BAR, t.POSITION + 12, t.PITCH + 60], {2}),
        ([t.BAR, t.POSITION + 24, t.PICKUP, t.PITCH + 60, t.BAR, t.PITCH + 62], {1}),
        ([t.BAR, t.PITCH + 60, t.BAR, t.KEY + 8, t.PITCH + 60], set()),
        ([t.BAR, t.PITCH + 60, t.BAR, t.KEY + 8, t.PITCH + 60, t.BAR, t.PITCH + 60], {1}),
    ],
)
def test_only_a_bar_with_the_same_meaning_anywhere_can_be_repeated(bars, sources):
    """Not a bar into which a note is sustained, nor one before a change of key."""
    constraint = NoteConstraint(LEVEL.vocabulary_size, 12, [*HEADER, *bars])
    assert (constraint.mask()[0, t.REPEAT] == 0) == bool(sources)
    if sources:
        constraint.advance(np.array([t.REPEAT]))
        assert set(np.flatnonzero(constraint.mask()[0] == 0)) == {t.POSITION + distance for distance in sources}
        constraint.advance(np.array([t.POSITION + max(sources)]))
        counts = {t.POSITION + count for count in range(1, max(sources) + 1)}
        assert set(np.flatnonzero(constraint.mask()[0] == 0)) == counts


def test_a_last_bar_that_ends_early_is_not_encoded_as_a_repetition():
    two = melody([(24 * half, 24, 60) for half in range(4)])
    early = melody([(24 * half, 24 - half // 3, 60) for half in range(4)])
    assert [t.REPEAT in LEVEL.encode(score) for score in (two, early)] == [True, False]
    assert content(LEVEL.decode([*LEVEL.encode(early), 1])) == content(early)


def test_a_pickup_and_an_end_within_a_bar():
    score = melody([(36, 12, 60), (48, 12, 62)], pickup=12)
    expected = [*header(2), *of_length(2), t.BAR, t.POSITION + 36, t.PICKUP, t.PITCH + 60]
    expected += [t.BAR, t.PITCH + 62, t.POSITION + 12]
    assert LEVEL.encode(score).tolist() == expected


def test_a_voice_of_a_chorale_holds_while_another_moves():
    soprano = track_of([Note(0, 48, 72)])
    alto = track_of([Note(0, 24, 64), Note(24, 24, 65)])
    expected = [*header(5, [*PIANO, *PIANO]), *of_length(1), t.BAR, t.PITCH + 72, t.PITCH + 64]
    expected += [t.POSITION + 24, t.HOLD, t.PITCH + 65]
    assert LEVEL.encode(Score((Bar(),), (soprano, alto))).tolist() == expected


def test_with_many_voices_only_those_that_change_are_encoded():
    low = track_of([Note(0, 24, 40), Note(24, 24, 41)])
    tracks = (*(track_of([Note(0, 48, 60 + k)]) for k in range(7)), low)
    ids = LEVEL.encode(Score((Bar(),), tracks)).tolist()
    assert ids[-3:] == [t.POSITION + 24, t.VOICE + 7, t.PITCH + 41]
    assert t.HOLD not in ids


def test_chords_and_overlapping_notes_of_one_track():
    chord = [Note(0, 24, 60), Note(0, 24, 64), Note(0, 48, 40)]
    ids = LEVEL.encode(Score((Bar(),), (track_of(chord),))).tolist()
    before = [*header(4, [*PIANO, t.SPLIT]), *of_length(1), t.BAR]
    assert ids == [*before, t.PITCH + 64, t.CHORD, t.PITCH + 60, t.PITCH + 40, t.POSITION + 24, t.REST, t.HOLD]


def test_a_bar_beyond_the_highest_position():
    bar = Bar(11, 4)
    score = Score((bar,), (track_of([Note(100, 8, 60), Note(96, 4, 61), Note(131, 1, 62)]),))
    highest = t.POSITION + 96
    ids = LEVEL.encode(score).tolist()
    assert highest in ids
    assert ids[ids.index(t.BAR) + 1 :][:5] == [highest, t.PITCH + 61, highest, t.POSITION + 4, t.PITCH + 60]
    assert content(LEVEL.decode([*ids, 1])) == content(score)


@given(seed=st.integers(0, 2**32 - 1), grid=st.sampled_from([4, 12, 24]), has_velocity=st.booleans())
@settings(max_examples=25)
def test_whatever_the_grammar_allows_is_music(seed, grid, has_velocity):
    """Random streams never get stuck, and what they write survives decoding and encoding."""
    level = NoteLevel(grid, has_velocity=has_velocity)
    random, num_streams = np.random.default_rng(seed), 6
    constraint = NoteConstraint(level.vocabulary_size, grid, [level.START], shifts=[0] * num_streams)
    preference = random.random((num_streams, level.vocabulary_size)) ** 8 + 1e-4
    preference[:, level.END] /= 50
    preference[:, t.REPEAT] += 0.1
    written = []
    for _ in range(150):
        weights = np.where(constraint.mask() == 0, preference, 0)
        assert (weights.sum(1) > 0).all()
        ids = np.array([random.choice(len(row), p=row / row.sum()) for row in weights])
        constraint.advance(ids)
        written.append(ids)
    for ids in np.array(written).T.tolist():
        if level.END not in ids:
            continue
        ids = ids[: ids.index(level.END) + 1]
        score = level.decode(ids)
        assert content(level.decode([*level.encode(score), level.END])) == content(score)
        assert score.num_notes == sum(t.PITCH <= token <= t.POSITION for token in written_out(ids))


@pytest.mark.parametrize(
    ("ids", "place"),
    [
        ([t.BAR], 0),
        ([*C_MAJOR, t.BAR], 1),
        ([*C_MAJOR, t.FINAL, t.BAR], 2),
        ([*HEADER, t.BAR, t.REST], 8),
        ([*HEADER, t.BAR, t.HOLD], 8),
        ([*HEADER, t.BAR, t.PITCH + 60, t.CHORD, t.PITCH + 61], 10),
        ([*HEADER, t.BAR, t.POSITION + 48], 8),
        ([*HEADER, t.BAR, t.POSITION + 24, t.PITCH + 60, t.POSITION + 12], 10),
        ([*HEADER, t.BAR, 1], 8),
        ([*HEADER, 10**6], 7),
        ([*HEADER, t.BAR, t.DRUM + 40], 8),
    ],
)
def test_an_invalid_token_is_rejected_with_its_place(ids, place):
    with pytest.raises(MusicError, match=f"at place {place} "):
        LEVEL.decode(ids)


def test_an_unfinished_piece_ends_with_its_bar():
    ids = [*HEADER, t.BAR, t.PITCH + 60, t.POSITION + 12, t.PITCH + 62]
    assert [note[:3] for note in LEVEL.decode(ids).notes] == [(0, 12, 60), (12, 36, 62)]


def test_a_piece_cut_within_a_change_of_metre_keeps_the_metre():
    ids = [*HEADER, t.BAR, t.PITCH + 60, t.BAR, t.METRE, t.POSITION + 3]
    score = LEVEL.decode(ids)
    assert score.bars == (Bar(), Bar())
    assert [note[:3] for note in score.notes] == [(0, 96, 60)]


def test_repeated_bars_keep_the_velocities_of_their_first_occurrence():
    """A note without a velocity has that of the note before it."""
    level = NoteLevel(12, has_velocity=True)
    loud, quiet = (level.vocabulary_size - 1 - degree for degree in (0, 12))
    bars = [t.BAR, t.PITCH + 60, t.BAR, quiet, t.PITCH + 62, t.BAR, loud, t.PITCH + 64]
    score = level.decode([*HEADER, *bars, t.REPEAT, t.POSITION + 2, t.POSITION + 1])
    assert [note.velocity for note in score.notes] == [90, 28, 124, 28]


@given(score=scores())
def test_variants_are_the_transposed_scores(score):
    table = LEVEL.variants(CorpusConfig(transpose="on"))
    for row, semitones in zip(table, range(-5, 7), strict=True):
        pitches = [note.pitch + semitones for track in score.tracks if not track.is_drum for note in track.notes]
        if all(0 <= pitch < 128 for pitch in pitches):
            expected = LEVEL.encode(score.transposed(semitones))
            key = {7: -5, -6: 6, -7: 5, 6: 6}  # signatures that no transposition produces
            ids = row[LEVEL.encode(score)]
            if not {bar.sharps for bar in score.bars} & set(key):
                assert ids.tolist() == expected.tolist()


def test_transposed_pitches_stay_in_range():
    table = LEVEL.variants(CorpusConfig(transpose="on"))
    assert table[:, t.PITCH : t.DRUM].min() == t.PITCH
    assert table[:, t.PITCH : t.DRUM].max() == t.DRUM - 1
    assert table[0, t.PITCH + 2] == t.PITCH + 2 - 5 + 12
    assert LEVEL.variants(CorpusConfig(transpose="off")) is None


@pytest.mark.parametrize("sharps", range(-7, 8))
def test_every_key_is_within_six_semitones_of_no_signature(sharps):
    assert -5 <= to_no_signature(sharps) <= 6
    assert transposed_key(sharps, to_no_signature(sharps)) == 0


def test_all_pieces_can_be_encoded_in_one_key():
    level = NoteLevel(12, is_in_one_key=True)
    score = melody()
    ids = level.encode(score).tolist()
    in_d = Score(tuple(bar._replace(sharps=2) for bar in score.bars), score.transposed(2).tracks)
    assert level.encode(in_d).tolist() == ids


def test_fitted_settings_survive_json():
    slow = melody(tempos=(Tempo(0, 60.0),))
    named = Score(slow.bars, (Track(slow.tracks[0].notes, "Voice", 52),), tempos=slow.tempos)
    others = [melody(), melody().transposed(2)]
    level = NoteLevel.fit([[named], [named], others], CorpusConfig(velocity=True, grid=12))
    again = level_from_json(json.loads(json.dumps(level.to_json())))
    assert again.habits == level.habits
    habits = again.habits
    assert (habits.tempo, habits.metres, habits.keys, habits.num_bars) == (90.0, ((4, 4),), {0: 3, 2: 1}, 2)
    assert habits.finals == (0,)
    assert again.has_velocity
    decoded = again.decode([*again.encode(named), 1])
    assert (decoded.tracks[0].name, decoded.tempos[0][1]) == ("Voice", 90.0)


def test_scores_that_cannot_be_encoded_are_rejected():
    with pytest.raises(MusicError, match="33 voices, more than 32"):
        LEVEL.encode(Score((Bar(),), tuple(track_of([Note(0, 1, 60)]) for _ in range(33))))
    with pytest.raises(MusicError, match="no notes"):
        LEVEL.encode(Score((Bar(),), (track_of([]),)))
    with pytest.raises(MusicError, match="24 steps per quarter note, the model 12"):
        LEVEL.encode(melody(grid=24, num_bars=2))


@pytest.mark.parametrize("has_velocity", [False, True])
@pytest.mark.parametrize("grid", [4, 12, 96])
def test_every_token_has_its_name(grid, has_velocity):
    expected = ["", "", "BAR", "PICKUP", "REST", "CHORD", "METRE", "SPLIT", "DRUMS", "HOLD", "REPEAT", "LENGTH"]
    expected += [f"FINAL {degree}" for degree in range(13)]
    expected += [f"KEY {sharps}" for sharps in range(-7, 8)]
    expected += [f"DENOMINATOR {number}" for number in (1, 2, 4, 8, 16, 32)]
    expected += [f"FAMILY {number}" for number in range(16)]
    expected += [f"MEMBER {number}" for number in range(8)]
    expected += [f"VOICE {number}" for number in range(1, 32)]
    expected += [f"PITCH {number}" for number in range(128)]
    expected += [f"DRUM {number}" for number in range(128)]
    expected += [f"POSITION {number}" for number in range(1, 8 * grid + 1)]
    expected += [f"VELOCITY {number}" for number in range(16)] if has_velocity else []
    level = NoteLevel(grid, has_velocity=has_velocity)
    assert level.spelled(range(level.vocabulary_size)) == expected


def test_the_names_of_the_tokens_of_a_piece_can_be_read():
    drums = Track((Note(2, 2, 127, 127),), is_drum=True)
    flute = Track((Note(0, 2, 60, 8),), program=73)
    score = Score((Bar(3, 8, -1),), (flute, drums), grid=4)
    level = NoteLevel(4, has_velocity=True)
    assert " ".join(level.spelled(level.encode(score))) == (
        "KEY -1 FINAL 7 METRE POSITION 3 DENOMINATOR 8 FAMILY 9 MEMBER 1 DRUMS LENGTH POSITION 1 BAR "
        "VELOCITY 1 PITCH 60 HOLD POSITION 2 REST "
        "VELOCITY 15 DRUM 127 POSITION 4"
    )


def test_all_initial_metres_are_stored_the_most_frequent_first():
    in_metres = [
        Score((Bar(*metre),) * 2, (track_of([Note(0, 12, 60)]),)) for metre in ((3, 4), (6, 8), (2, 4), (6, 8), (3, 4))
    ]
    level = NoteLevel.fit([in_metres[:3], in_metres[3:4]], CorpusConfig(grid=12))
    assert level.habits.metres == ((6, 8), (3, 4), (2, 4))
    assert level_from_json(json.loads(json.dumps(level.to_json()))).habits.metres == level.habits.metres


def test_the_layouts_have_the_ranges_of_the_training_pieces():
    level = NoteLevel.fit([[melody(), melody([(0, 12, 40)], num_bars=1)]], CorpusConfig(grid=12))
    assert [(header.lowest, header.highest) for header in level.habits.layouts[0]] == [(40, 67)]


def test_notes_become_a_score_of_the_usual_metre_and_tempo_for_the_first_pitched_instrument_in_range():
    kit = TrackHeader(0, is_drum=True, num_voices=1, name="Kit")
    upper, lower = TrackHeader(40, False, 1, "Upper", 55, 90), TrackHeader(42, False, 1, "Lower", 36, 70)
    level = NoteLevel(12, habits=Habits(tempo=70.0, metres=[(3, 4), (2, 2)], layouts=[(kit, upper, lower)]))
    for pitch, name, program in ((60, "Upper", 40), (50, "Lower", 42), (95, "Upper", 40)):
        score = level.score_of(track_of([Note(0, 12, pitch)]), 37)
        assert (score.tracks[0].name, score.tracks[0].program) == (name, program)
        assert (score.bars, score.tempos) == ((Bar(3, 4),) * 2, (Tempo(0, 70.0),))
    assert level.score_of(track_of([Note(0, 96, 60)]), 96, (2, 2)).bars == (Bar(2, 2),) * 2
    assert NoteLevel(12, habits=Habits(layouts=[(kit,)])).score_of(melody().tracks[0], 96).tracks == melody().tracks


def test_names_come_from_the_layout_with_the_same_instruments_and_as_many_voices_if_there_is_one():
    layouts = [
        (TrackHeader(0, is_drum=False, num_voices=2, name="Piano"),),
        (TrackHeader(0, is_drum=False, num_voices=1, name="Melody"),),
    ]
    for known, name in ((layouts, "Melody"), (layouts[:1], "Piano"), ([], "")):
        level = NoteLevel(12, habits=Habits(layouts=known))
        assert level.decode([*level.encode(melody()), 1]).tracks[0].name == name
