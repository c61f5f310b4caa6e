"""Makes a tempo map from the tempo changes of a file."""

from collections import Counter
from collections.abc import Iterable

from seqgen.music import notices
from seqgen.music.score import DEFAULT_TEMPO, Tempo

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
