"""Factors of music: what the network reads with each token, compared with the score itself."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from seqgen.config import CorpusConfig
from seqgen.corpus import factored_ids
from seqgen.corpus.factored_ids import FactoredIds
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import factors as f
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.model.factors import sum_of_embeddings
from seqgen.model.rows import add_to_rows
from seqgen.music.score import Bar, Note, Score, Track, track_of
from tests.scores import forms, melody, scores

LEVEL = NoteLevel(12)
V = LEVEL.vocabulary_size
PITCHES, INTERVALS, PARALLELS = (slice(first, first + t.MAX_DENSE) for first in (f.PITCHES, f.INTERVALS, f.PARALLELS))


def tokens_of(piece):
    return [t.START, *LEVEL.encode(piece).tolist(), t.END]


def factors_of(ids):
    """Return the factors of each token; 0 stands for nothing."""
    inputs = LEVEL.inputs(np.array(ids)).astype(int)
    assert inputs[:, 0].tolist() == list(ids)
    return inputs - LEVEL.inputs(np.array([t.START])).astype(int)[0] * (np.arange(inputs.shape[1]) > 0)


def duet(upper, lower, *, sharps=0):
    """Return two voices of quarter notes."""
    tracks = [track_of([Note(12 * place, 12, pitch) for place, pitch in enumerate(part)]) for part in (upper, lower)]
    return Score((Bar(4, 4, sharps),) * (len(upper) // 4), tuple(tracks))


@given(piece=scores(max_tracks=4) | forms())
@settings(max_examples=60)
def test_factors_state_the_bars_that_are_left_the_key_and_the_place_in_the_bar(piece):
    ids = tokens_of(piece)
    factors = factors_of(ids)
    begins = [place for place, token in enumerate(ids) if token == t.BAR]
    num_bars = 0
    for place, token in enumerate(ids):
        if token == t.REPEAT:
            num_bars += ids[place + 2] - t.POSITION
        elif token == t.BAR:
            bar = piece.bars[num_bars]
            num_bars += 1
            assert factors[place, f.TIME] == 1
            assert factors[place, f.BARS_LEFT] == (len(piece) - num_bars + 1 if t.LENGTH in ids else 0)
            if num_bars == 1:
                assert factors[place, f.SIGNATURE] == 8 + bar.sharps
                assert factors[place, f.TIME_LEFT] == 1 + min(bar.num_steps(12), 96)
    assert not factors[: begins[0], 1:].any()  # the header


def test_the_factors_of_a_duet():
    """In A major, at the second beat: the voices sound A5 and D5, a fifth, and the upper one has just moved to B5."""
    ids = tokens_of(duet([81, 83, 81, 81], [74, 73, 74, 74], sharps=3))
    place = ids.index(t.PITCH + 83)
    row = factors_of(ids)[place]
    assert row[[f.NEXT_VOICE, f.NEXT_PITCH, f.NEXT_DEGREE]].tolist() == [2, 1 + 74, 1 + 5]  # D is the fourth degree
    assert row[[f.SIGNATURE, f.BARS_LEFT]].tolist() == [8 + 3, 1]
    assert row[[f.TIME, f.TIME_LEFT, f.DURATION]].tolist() == [1 + 12, 1 + 36, 1 + 12]
    assert row[PITCHES].tolist() == [1 + 83, 1 + 74, 0, 0, 0, 0]
    assert row[INTERVALS].tolist() == [1 + 48 + 9, 0, 0, 0, 0, 0]
    assert row[PARALLELS].tolist() == [1 + 76 + 128 * 4, 0, 0, 0, 0, 0]  # E5 would make parallel fifths


@given(piece=scores(max_tracks=4))
@settings(max_examples=60)
def test_factors_state_the_pitch_class_of_the_last_bass_note(piece):
    """In the key of the last bar; plus 24 if the number of bars is known, and 0 if the piece has only drums."""
    pitched = [track.notes for track in piece.tracks if track.notes and not track.is_drum]
    lowest = min((min((-note.onset, note.pitch) for note in notes)[1] for notes in pitched), default=-1)
    ids = tokens_of(piece)
    part = 24 if t.LENGTH in ids else 0
    assert factors_of(ids)[-1, f.FINAL_CLASS] == (1 + lowest % 12 + part if pitched else 0)


@given(before=st.tuples(*[st.integers(40, 88)] * 3), after=st.tuples(*[st.integers(40, 88)] * 3))
def test_factors_name_the_pitches_that_make_parallels(before, after):
    """Each pitch of the lowest voice is tried: which of them move in parallel fifths or octaves with another voice?"""
    tracks = tuple(track_of([Note(0, 12, old), Note(12, 12, new)]) for old, new in zip(before, after, strict=True))
    ids = tokens_of(Score((Bar(2, 4),), tracks))
    place = ids.index(t.POSITION + 12) + 2  # the second voice has just moved
    for voice, found in enumerate(factors_of(ids)[place, PARALLELS][:2].tolist()):
        old, new = before[voice], after[voice]
        kind = {7: 6, 0: 7}.get((old - before[2]) % 12)
        expected = [
            1 + pitch + 128 * kind
            for pitch in range(128)
            if kind is not None
            and new != old
            and pitch - before[2] == new - old  # in the same direction, by the same interval
        ]
        assert found == (expected[0] if expected else 0)


def test_the_duration_of_a_note_is_known_unless_it_began_before_a_repetition():
    """Two equal bars, and a third one; the last note of each bar is sustained for 24 steps."""
    piece = melody([(48 * bar + at, 24, pitch) for bar, pitch in enumerate([60, 60, 62]) for at in (0, 24)], num_bars=3)
    ids = tokens_of(piece)
    factors = factors_of(ids)
    durations = {ids[place]: factors[place, f.DURATION] for place in range(ids.index(t.BAR), len(ids))}
    last_bar = len(ids) - 1 - ids[::-1].index(t.BAR)
    assert durations[t.POSITION + 24] == 1 + 24
    assert [factors[place, f.DURATION] for place in (ids.index(t.REPEAT) + 2, last_bar)] == [0, 0]


def test_a_note_after_a_rest_forms_no_parallels():
    """The lower voice rests before its chord; the upper one moves by a second from an octave above pitch -1."""
    upper = track_of([Note(0, 12, 71), Note(12, 12, 73)])
    lower = track_of([Note(12, 12, 60), Note(12, 12, 64)])
    ids = tokens_of(Score((Bar(2, 4),), (upper, lower)))
    assert not factors_of(ids)[:, PARALLELS].any()


@given(piece=scores(max_tracks=4))
@settings(max_examples=60)
def test_factors_state_the_pitch_that_each_voice_sounds(piece):
    """Until its next content, a voice sounds its last note, or nothing after a rest."""
    piece = Score(piece.bars, tuple(_upper_line(track) for track in piece.tracks), piece.pickup, grid=12)
    if not piece.num_notes:
        return
    ids = tokens_of(piece)
    factors, bar = factors_of(ids), -1
    for place, token in enumerate(ids):
        bar += ids[place + 2] - t.POSITION if token == t.REPEAT else token == t.BAR
        if token == t.BAR:
            time = piece.bar_starts[bar]
            for voice, track in enumerate(piece.tracks):
                notes = [note for note in track.notes if note.onset < time <= note.end]
                expected = 1 + notes[-1].pitch + 128 * track.is_drum if notes else 0
                assert factors[place, PITCHES][voice] == expected


def _upper_line(track):
    """Return a track without all but the first of overlapping notes."""
    notes, end = [], 0
    for note in track.notes:
        if note.onset >= end:
            notes.append(note)
            end = note.end
    return Track(tuple(notes), track.name, track.program, track.is_drum)


@given(piece=forms() | scores(), semitones=st.integers(-5, 6))
@settings(max_examples=60)
def test_factors_of_a_transposed_piece_are_the_transposed_factors(piece, semitones):
    pitches = [note.pitch for track in piece.tracks for note in track.notes if not track.is_drum]
    if pitches and not 0 <= min(pitches) + semitones <= max(pitches) + semitones < 128:
        return
    table = LEVEL.variants(CorpusConfig(transpose="on"))[5 + semitones]
    ids = np.array(tokens_of(piece))
    assert np.array_equal(table[LEVEL.inputs(np.array(ids))], LEVEL.inputs(table[ids]))


@given(piece=forms())
def test_sampled_tokens_have_the_factors_of_training(piece):
    ids = tokens_of(piece)
    grammar = NoteConstraint(V, 12, shifts=[0, 0])
    read = []
    for token in ids:
        grammar.advance(np.array([token, t.START]))
        read.append(grammar.inputs().copy())
    assert np.array_equal(np.array(read)[:, 0], LEVEL.inputs(np.array(ids)))
    assert (np.array(read)[:, 1] == LEVEL.inputs(np.array([t.START]))).all()


def test_documents_are_read_at_any_places(monkeypatch):
    """As if all were stored: also if few of them are kept in memory."""
    monkeypatch.setattr(factored_ids, "_MAX_CACHED", 60)
    pieces = [melody(num_bars=3), duet([60, 62, 64, 65], [48, 50, 52, 53]), melody(num_bars=2), melody(num_bars=4)]
    documents = [np.array(tokens_of(piece)) for piece in pieces]
    stored = np.concatenate([LEVEL.inputs(ids) for ids in documents])
    computed = FactoredIds(np.concatenate(documents), np.cumsum([0, *map(len, documents)]), LEVEL.inputs)
    random = np.random.default_rng(1)
    for shape in [(5,), (7, 3), (40, 2)]:
        places = random.integers(0, len(stored), shape)
        assert np.array_equal(computed[places], stored[places])
    assert np.array_equal(computed[3:50], stored[3:50])
    assert computed[:1].dtype == stored.dtype


def test_bars_that_are_left_of_a_piece_that_is_too_long_for_its_length_are_counted_when_it_is_sampled():
    ids = [t.START, *[t.BAR] * (t.MAX_LEFT + 2)]
    left = LEVEL.inputs(np.array(ids), num_bars=t.MAX_LEFT + 2)[1:, f.BARS_LEFT].astype(int)
    nothing = int(LEVEL.inputs(np.array([t.START]))[0, f.BARS_LEFT])
    assert (left - nothing).tolist() == [0, 0, *range(t.MAX_LEFT, 0, -1)]


def test_only_a_complete_piece_states_its_length():
    piece = melody(num_bars=8)
    assert [t.LENGTH in LEVEL.encode(each).tolist() for each in (piece, piece[:4], piece[:4][:4], piece[:8])] == [
        True, False, False, True,
    ]  # fmt: skip
    long = Score(piece.bars * 9, piece.tracks)
    assert t.LENGTH not in LEVEL.encode(long).tolist()
    assert not factors_of(tokens_of(long))[:, f.BARS_LEFT].any()


@pytest.mark.parametrize("shape", [(3, 2), (40,)])
def test_the_sum_of_embeddings_and_its_gradient_are_those_of_torch(shape):
    torch.manual_seed(0)
    matrix = torch.randn(30, 5, requires_grad=True)
    ids, weight = torch.randint(0, 30, (*shape, 7)), torch.randn(*shape, 5)
    expected = functional.embedding(ids, matrix).sum(-2)
    found = sum_of_embeddings(ids, matrix)
    assert torch.allclose(found, expected, atol=1e-5)
    gradients = [torch.autograd.grad((each * weight).sum(), matrix)[0] for each in (found, expected)]
    assert torch.allclose(*gradients, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(sum_of_embeddings(ids, matrix), found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_are_added_as_by_torch(dtype, generator):
    matrix, values = torch.randn(5, 600, generator=generator), torch.randn(40, 600, generator=generator).to(dtype)
    ids = torch.randint(5, (40, 2), generator=generator)
    expected = matrix.index_add(0, ids.flatten(), values.float().repeat_interleave(2, 0))
    add_to_rows(matrix, ids, values)
    torch.testing.assert_close(matrix, expected)
