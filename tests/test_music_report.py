"""Judging music that is drawn without the grammar."""

import numpy as np

from seqgen.evaluation.music import Judge
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from tests.scores import melody

LEVEL = NoteLevel(12)


def test_samples_are_valid_up_to_their_end_whatever_follows():
    piece = [*LEVEL.encode(melody()).tolist(), t.END]
    streams = {
        "valid": [*piece, t.HOLD, t.START, t.PITCH],
        "unfinished": [*piece[:-1], t.POSITION + 40, t.PITCH, t.POSITION + 47, t.PITCH + 1],
        "not music": [t.HOLD, *piece, t.END, t.END],
        "broken": [*piece[:-2], t.KEY, *piece[:4]],
    }
    judge = Judge(LEVEL, [], len(streams))
    for ids in np.array(list(streams.values())).T:
        judge.advance(ids)
    assert dict(zip(streams, judge.is_valid.tolist(), strict=True)) == {
        "valid": True, "unfinished": True, "not music": False, "broken": False,
    }  # fmt: skip
