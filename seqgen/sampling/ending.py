"""Endings of music: from where a piece is written again if it does not end as its header announces."""

from seqgen.levels.note import NoteLevel
from seqgen.levels.note import state as s
from seqgen.levels.note import tokens as t
from seqgen.levels.note.grammar import parse
from seqgen.music.tonality import final_degree


def has_announced_final(ids: list[int], level: NoteLevel) -> bool:
    """Return whether the last bass note of a finished piece is the one that its header announces, if it does.

    Args:
        ids: the tokens of the piece, with START.
        level: the vocabulary.
    """
    announced = ids[t.FINAL_PLACE] - t.FINAL
    return announced == t.UNKNOWN_FINAL or announced == final_degree(level.decode(ids))


def beginning_of_ending(ids: list[int], level: NoteLevel, num_bars: int, earliest: int) -> int | None:
    """Return the place of the token from which the last bars of a piece can be written again.

    If they repeat earlier bars, the end of these is written again, with all that follows.

    Args:
        ids: the tokens of the piece, with START.
        level: the vocabulary.
        num_bars: how many bars the ending has at most.
        earliest: the earliest time at which it may begin.

    Returns:
        The place; None if the ending would begin too early.
    """
    states = parse(ids[1:], level.grid, level.vocabulary_size).states.tolist()
    places: list[int] = []  # of the token that begins each bar
    sources: list[int] = []  # the bar that each bar repeats, or its own number
    for place, state in enumerate(states, 1):
        if ids[place] == t.BAR:
            sources.append(len(sources))
            places.append(place)
        elif state[s.PHASE] == s.AFTER_AGAIN:
            for _ in range(ids[place] - t.POSITION):
                sources.append(sources[len(sources) - state[s.DISTANCE]])
                places.append(place - 2)
    first = places[max(0, sources[-1] - num_bars + 1)]
    before = states[first - 2]
    time = before[s.BAR_START] + before[s.BAR_STEPS] if before[s.NUM_BARS] else 0
    return first if time >= earliest else None
