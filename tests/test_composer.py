"""The composer: from a prime to pieces of music."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.encoder import TrackHeader
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.sampling.composer import compose, without_prime
from seqgen.sampling.sampler import Sample
from tests.scores import forms, melody, scores

CHOIR = tuple(TrackHeader(52, is_drum=False, num_voices=1, name=name) for name in ("Soprano", "Alto", "Tenor", "Bass"))
LEVEL = NoteLevel(12, layouts=[CHOIR])
SOLO = NoteLevel(12, layouts=[(TrackHeader(0, is_drum=False, num_voices=1, name="Flute"),)])


def write(make_model, level=LEVEL, prime=None, num_samples=3, unseen=(), **options):
    model = make_model(level.vocabulary_size)
    samples = [Sample(seed) for seed in range(num_samples)]
    config = SamplingConfig(length=options.pop("length", 600), num_samples=num_samples, **options)
    return compose(model, level, prime, config, samples, list(unseen)), samples


def notes_before(track, end):
    """Return the notes of a track that begin before a time."""
    return [note[:3] for note in track.notes if note.onset < end]


def test_an_untrained_model_writes_the_requested_number_of_bars(make_model):
    pieces, samples = write(make_model, bars=3)
    assert all(0 < len(piece) <= 3 and piece.num_notes for piece in pieces)
    assert all(sample.is_finished and sample.tokens and sample.nats > 0 for sample in samples)


@given(prime=scores(max_tracks=4) | forms(), seed=st.integers(0, 100))
@example(prime=Score((Bar(1, 2),), tuple(track_of([Note(0, steps, 60)]) for steps in (1, 1, 24))), seed=0)
@settings(max_examples=20)
def test_music_continues_any_prime(prime, seed):
    """The prime is complete if it has at least as many parts as the model; otherwise it is the highest parts."""
    from seqgen.config import ModelConfig
    from seqgen.model.language_model import LanguageModel

    level = NoteLevel(12, layouts=[CHOIR[:3]])
    config = ModelConfig(num_layers=1, hidden_size=16, embedding_size=8, dropout=0.0)
    model = LanguageModel(config, level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(seed), torch.zeros(level.vocabulary_size))
    options = SamplingConfig(length=5000, bars=2)
    if any(track.is_drum for track in prime.tracks) or not any(track.notes for track in prime.tracks):
        return
    (piece,) = compose(model.eval(), level, prime, options, [Sample(seed)], [])
    end = max(note.end for note in prime.notes)
    for given_track, track in zip(prime.tracks, piece.tracks, strict=False):
        is_reached = len(piece) >= len(prime)
        if is_reached:
            assert notes_before(track, end) == notes_before(given_track, end)
    assert len(piece) <= len(prime) + 2


def test_a_piece_has_at_least_min_bars(make_model):
    level = NoteLevel(12, layouts=SOLO.layouts)
    options = SamplingConfig(bars=6, num_samples=8)
    model = make_model(level.vocabulary_size)
    with torch.no_grad():
        model.output_bias[level.END] += 9  # likely to end at once
    for min_bars in (0, 3):
        samples = [Sample(seed) for seed in range(8)]
        pieces = compose(model, level, melody(), options, samples, [], min_bars)
        lengths = [len(piece) - 2 for piece in pieces]
        assert min(lengths) == max(1, min_bars)  # the prime ends with a bar, so another bar begins
        assert max(lengths) <= 6


def test_a_melody_becomes_the_highest_part_and_the_others_are_written(make_model):
    pieces, _ = write(make_model, prime=melody(), bars=2, length=2000)
    for piece in pieces:
        assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
        assert notes_before(piece.tracks[0], 96) == [note[:3] for note in melody().tracks[0].notes]


def test_notes_of_the_prime_keep_their_ends(make_model):
    """The last note of a prime is not prolonged by the continuation."""
    prime = melody([(0, 18, 60)], num_bars=1)
    for level in (LEVEL, SOLO):
        pieces, _ = write(make_model, level, prime, bars=1, length=2000)
        assert all(piece.tracks[0].notes[0][:3] == (0, 18, 60) for piece in pieces)


def test_a_seed_reproduces_a_piece(make_model):
    assert write(make_model, bars=2)[0] == write(make_model, bars=2)[0]
    assert write(make_model, bars=2, num_samples=1)[0] == write(make_model, bars=2)[0][:1]


def test_without_prime_returns_the_part_after_the_prime(make_model):
    piece = Score((Bar(),) * 3, (track_of([Note(0, 60, 60), Note(60, 36, 62), Note(100, 12, 64)]),))
    rest = without_prime(piece, 60)
    assert [note[:3] for note in rest.notes] == [(12, 36, 62), (52, 12, 64)]
    assert len(rest) == 2
    assert [note[:3] for note in without_prime(piece, 96).notes] == [(4, 12, 64)]


def test_tempo_and_key_are_as_requested(make_model):
    (piece, *_), _ = write(make_model, bars=1, tempo=66.0, key="Bb")
    assert piece.tempos[0].quarters_per_minute == 66.0
    assert piece.bars[0].sharps == -2


def test_a_key_of_the_training_set_is_chosen_by_default(make_model):
    level = NoteLevel(12, layouts=SOLO.layouts, keys=[-1, 2])
    free, _ = write(make_model, level, num_samples=12, bars=1)
    assert {piece.bars[0].sharps for piece in free} == {-1, 2}
    (asked, *_), _ = write(make_model, level, bars=1, key="F#")
    assert asked.bars[0].sharps == 6


def test_a_model_in_one_key_returns_to_the_key_of_the_prime(make_model):
    level = NoteLevel(12, is_in_one_key=True, layouts=SOLO.layouts)
    prime = melody().transposed(2)
    assert prime.bars[0].sharps == 2
    (piece, *_), _ = write(make_model, level, prime, bars=1)
    assert piece.bars[0].sharps == 2
    assert notes_before(piece.tracks[0], 96) == [note[:3] for note in prime.tracks[0].notes]
    (free, *_), _ = write(make_model, level, bars=1, key="f#m")
    assert free.num_notes


def test_pitches_that_the_model_has_never_seen_are_rejected_by_name(make_model):
    from seqgen.levels.note import tokens as t

    unseen = [t.PITCH + pitch for pitch in range(128) if not 48 <= pitch <= 80]
    prime = melody([(0, 12, 30), (12, 12, 60)], num_bars=1)
    with pytest.raises(UsageError, match="F#1, which this model has never seen: its pitches are C3 to G#5"):
        write(make_model, SOLO, prime, unseen=unseen)


def test_unseen_tokens_are_drawn_only_if_no_others_are_allowed(make_model):
    from seqgen.levels.note import tokens as t

    unseen = [t.PITCH + pitch for pitch in range(128) if pitch % 12]
    pieces, _ = write(make_model, SOLO, melody([(0, 12, 60)], num_bars=1), unseen=unseen, bars=4)
    assert {note.pitch % 12 for piece in pieces for note in piece.notes} == {0}
