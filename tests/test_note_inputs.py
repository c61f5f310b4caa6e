"""What the network reads: bars are counted down to the end of the piece."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.inputs import Countdown, inputs_of
from seqgen.music.score import Score
from tests.scores import forms, melody, scores

LEVEL = NoteLevel(12)


def documents(pieces):
    """Return the ids of pieces as documents, and their offsets."""
    ids = [np.concatenate([[t.START], LEVEL.encode(piece), [t.END]]) for piece in pieces]
    return np.concatenate(ids).astype(LEVEL.dtype), np.cumsum([0, *map(len, ids)])


def counted_by_hand(ids):
    """Return the inputs of one document, token by token."""
    inputs, num_bars, left = list(ids), 0, None
    for place, token in enumerate(ids):
        if token == t.LENGTH:
            left = ids[place + 1] - t.POSITION
        elif token == t.BAR:
            num_bars += 1
            if left is not None:
                inputs[place] = t.LEFT + left - num_bars + 1
        elif token == t.REPEAT:
            num_bars += ids[place + 2] - t.POSITION
    return inputs


@given(pieces=st.lists(forms() | scores(), min_size=1, max_size=4))
@settings(max_examples=60)
def test_each_bar_is_read_as_the_number_of_bars_that_are_left(pieces):
    ids, offsets = documents(pieces)
    expected = [token for a, b in pairwise(offsets) for token in counted_by_hand(ids[a:b].tolist())]
    assert inputs_of(ids, offsets).tolist() == expected


@given(piece=forms())
def test_sampled_bars_are_read_like_those_of_training(piece):
    ids, offsets = documents([piece])
    countdown = Countdown(num_streams=2)
    read = np.array([countdown(np.array([token, t.REST])) for token in ids.tolist()])
    assert read[:, 0].tolist() == inputs_of(ids, offsets).tolist()
    assert set(read[:, 1].tolist()) == {t.REST}


def test_the_last_bars_of_a_piece_that_is_too_long_for_its_length_are_counted_when_it_is_sampled():
    countdown = Countdown(1, num_bars=t.MAX_LEFT + 2)
    read = [int(countdown(np.array([t.BAR]))[0]) for _ in range(t.MAX_LEFT + 2)]
    assert read == [t.BAR, t.BAR, *range(t.LEFT + t.MAX_LEFT, t.LEFT, -1)]


def test_only_a_complete_piece_states_its_length():
    piece = melody(num_bars=8)
    assert [t.LENGTH in LEVEL.encode(each).tolist() for each in (piece, piece[:4], piece[:4][:4], piece[:8])] == [
        True, False, False, True,
    ]  # fmt: skip
    long = Score(piece.bars * 9, piece.tracks)
    assert t.LENGTH not in LEVEL.encode(long).tolist()
    assert not np.isin(inputs_of(*documents([long, piece[:4]])), range(t.LEFT + 1, t.PITCH)).any()
