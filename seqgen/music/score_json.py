"""A score as one line of JSON, the form in which parsed music is cached."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from seqgen.music.score import Bar, Note, Score, Tempo, Track


def to_json(score: Score) -> str:
    """Return a score as one line of JSON."""
    content = {
        "grid": score.grid,
        "pickup": score.pickup,
        "bars": list(chain.from_iterable(score.bars)),
        "tempos": score.tempos,
        "tracks": [
            [track.name, track.program, track.is_drum, list(chain.from_iterable(track.notes))] for track in score.tracks
        ],
    }
    return json.dumps(content, separators=(",", ":"))


def from_json(text: str) -> Score:
    """Return the score that `to_json` wrote."""
    content = json.loads(text)
    return Score(
        bars=tuple(Bar(*bar) for bar in _grouped(content["bars"], 3)),
        tracks=tuple(
            Track(tuple(Note(*note) for note in _grouped(notes, 4)), name, program, is_drum)
            for name, program, is_drum, notes in content["tracks"]
        ),
        pickup=content["pickup"],
        tempos=tuple(Tempo(*tempo) for tempo in content["tempos"]),
        grid=content["grid"],
    )


def _grouped(flat: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (flat[start : start + size] for start in range(0, len(flat), size))
