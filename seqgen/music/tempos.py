"""Makes a tempo map from the tempo changes of a file, and converts steps to seconds."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from seqgen.music import notices
from seqgen.music.score import DEFAULT_TEMPO, Score, Tempo

MAX_TEMPO = 1000.0  # quarter notes per minute


def tempo_map(changes: Iterable[tuple[int, float]], counts: Counter[str]) -> tuple[Tempo, ...]:
    """Return the tempos of a score; the last of several changes at one step counts.

    Args:
        changes: pairs of step and quarter notes per minute, in any order.
        counts: updated with the number of unusable changes.
    """
    found = {0: DEFAULT_TEMPO}
    for step, tempo in changes:
        if 0 < tempo <= MAX_TEMPO:
            found[step] = tempo
        else:
            counts[notices.TEMPO] += 1
    tempos: list[Tempo] = []
    for step in sorted(found):
        if not tempos or tempos[-1].quarters_per_minute != found[step]:
            tempos.append(Tempo(step, found[step]))
    return tuple(tempos)


def seconds_at(score: Score, steps: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the times of steps in seconds from the beginning of the first whole bar."""
    onsets = np.array([tempo.onset for tempo in score.tempos])
    per_step = np.array([60 / (tempo.quarters_per_minute * score.grid) for tempo in score.tempos])
    starts = np.concatenate([[0.0], np.cumsum(np.diff(onsets) * per_step[:-1])])
    place = np.searchsorted(onsets, np.asarray(steps, int), side="right") - 1
    seconds: npt.NDArray[np.float64] = starts[place] + (np.asarray(steps) - onsets[place]) * per_step[place]
    return seconds
