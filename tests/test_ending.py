"""Endings of music: a piece ends on the note that its header announces."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

from seqgen.config import SamplingConfig
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.music.tonality import final_degree
from seqgen.sampling import composer
from seqgen.sampling.common_start import common_start
from seqgen.sampling.ending import beginning_of_ending, has_announced_final
from seqgen.sampling.sampler import Sample
from tests.scores import melody

SOLO = (TrackHeader(0, is_drum=False, num_voices=1),)
LEVEL = NoteLevel(12, habits=Habits(layouts=[SOLO], finals=[0]))
PITCHES = (60, 62, 64, 67)


def ids_of(*pitches):
    """Return the tokens of a piece of one note per bar."""
    score = melody([(48 * bar, 48, pitch) for bar, pitch in enumerate(pitches)], num_bars=len(pitches))
    return [LEVEL.START, *LEVEL.encode(score).tolist(), LEVEL.END]


@pytest.fixture
def model(make_model):
    """Return a model that prefers few pitches, and chords of one note."""
    model = make_model(LEVEL.vocabulary_size, num_factors=LEVEL.num_factors)
    with torch.no_grad():
        model.output_bias[[t.PITCH + pitch for pitch in PITCHES]] += 9
        model.output_bias[[t.BAR, t.FINAL]] += 2
        model.output_bias[t.CHORD] -= 9
    return model


def composed(model, num_samples=20, prime=None, **options):
    config = SamplingConfig(bars=12, num_samples=num_samples, **{"length": 2000, "key": "C", **options})
    samples = [Sample(seed) for seed in range(num_samples)]
    return composer.compose(model, LEVEL, common_start(LEVEL, prime, config, []), config, samples, []), samples


def test_the_final_is_the_degree_of_the_last_bass_note():
    ids = ids_of(60, 62, 67)
    assert ids[t.FINAL_PLACE] == t.FINAL + 7
    assert has_announced_final(ids, LEVEL)
    for final, is_right in ((0, False), (t.UNKNOWN_FINAL, True)):
        ids[t.FINAL_PLACE] = t.FINAL + final
        assert has_announced_final(ids, LEVEL) == is_right


@pytest.mark.parametrize(
    ("pitches", "num_bars", "expected"),
    [
        ([60, 62, 64, 65, 67, 69], 4, 2),
        ([60, 62, 64, 65, 67, 69], 1, 5),
        ([60, 62, 64], 4, 0),
        ([60, 62, 64, 65, 60, 62, 64, 65], 2, 2),  # the last four bars repeat the first four
        ([60, 62, 60, 62, 65, 60, 62], 2, 0),
        ([60, 60, 60, 60, 62, 64], 3, 2),  # one REPEAT stands for the third and the fourth bar
    ],
)
def test_an_ending_begins_some_bars_before_the_end_of_what_the_last_bar_repeats(pitches, num_bars, expected):
    ids = ids_of(*pitches)
    place = beginning_of_ending(ids, LEVEL, num_bars, 0)
    assert ids[place] in (t.BAR, t.REPEAT)
    assert place == ids.index(t.BAR) if expected == 0 else len(LEVEL.decode(ids[:place])) == expected


def test_no_ending_begins_within_a_prime():
    ids = ids_of(60, 62, 64, 65, 67, 69)
    assert beginning_of_ending(ids, LEVEL, 4, 96) == beginning_of_ending(ids, LEVEL, 4, 0)
    assert beginning_of_ending(ids, LEVEL, 4, 97) is None


@pytest.mark.parametrize("prime", [None, melody(num_bars=6), melody(num_bars=11)])
def test_a_piece_that_ends_on_another_note_gets_another_ending(model, monkeypatch, prime):
    """Unless it repeats bars of the prime in the end. All other pieces stay as they were drawn."""
    monkeypatch.setattr(composer, "_NUM_ENDINGS", 200)
    ended, _ = composed(model, prime=prime)
    monkeypatch.setattr(composer, "has_announced_final", lambda *_: True)
    drawn, _ = composed(model, prime=prime)
    num_right = [sum(final_degree(score) == 0 for score in scores) for scores in (drawn, ended)]
    assert 0 < num_right[0] < num_right[1]
    assert prime or num_right[1] == len(ended)
    end = max(note.end for note in prime.notes) if prime else 0
    for before, after in zip(drawn, ended, strict=True):
        assert len(before) == len(after)
        assert after == before or (final_degree(before) != 0 and final_degree(after) == 0)
        assert notes_before(after, end) == notes_before(before, end)


def notes_before(score, end):
    return [note for note in score.tracks[0].notes if note.onset < end]


def test_the_likelihood_of_a_piece_is_that_of_its_tokens(model, monkeypatch):
    """Also of those that have another ending."""
    written = []
    decode = NoteLevel.decode
    monkeypatch.setattr(NoteLevel, "decode", lambda level, ids: written.append(list(ids)) or decode(level, ids))
    _, samples = composed(model)
    pieces = [(len(ids) - 2, nats_of(model, ids)) for ids in written if ids[-1] == LEVEL.END]
    for sample in samples:
        assert any(size == sample.tokens and nats == pytest.approx(sample.nats, rel=1e-4) for size, nats in pieces)


def nats_of(model, ids):
    """Return the negative log-likelihood of the tokens after START and KEY."""
    inputs = LEVEL.inputs(np.array(ids))
    logits, _ = model(torch.from_numpy(inputs.astype(np.int64))[:-1, None], model.initial_state(1))
    return functional.cross_entropy(logits[1:, 0], torch.tensor(ids[2:]), reduction="sum").item()


def test_a_piece_that_is_cut_keeps_its_end(model):
    _, samples = composed(model, length=9)
    assert all(sample.is_cut and sample.tokens == 9 for sample in samples)


def test_an_ending_that_is_not_found_stays_as_it_is(model):
    """A model that writes only D and E cannot end on C."""
    with torch.no_grad():
        model.output_bias[[t.PITCH + 60, t.PITCH + 67]] -= 60
    pieces, samples = composed(model, num_samples=3)
    assert {final_degree(piece) for piece in pieces} <= {2, 4}
    assert all(sample.is_finished and not sample.is_cut for sample in samples)
