"""Repeats, endings and jumps: the order in which written measures are played."""

from collections.abc import Sequence
from typing import NamedTuple

from seqgen.music.limits import MAX_BARS, endless


class Signs(NamedTuple):
    """The signs of a measure that determine the order of playing.

    Attributes:
        starts: a repeated section begins with the measure.
        passes: how often the section that ends with the measure is played; 0 if none ends.
        endings: the passes in which a measure under a bracket is played.
        segno: the measure begins at a segno.
        coda: the measure has a coda sign; after a jump, playing continues from the first coda sign at the second.
        fine: after a jump, the piece ends with the measure.
        jump: "capo" or "segno", the destination of a single jump.
    """

    starts: bool = False
    passes: int = 0
    endings: tuple[int, ...] = ()
    segno: bool = False
    coda: bool = False
    fine: bool = False
    jump: str = ""


PLAIN = Signs()


class _Brackets(NamedTuple):
    """Adjacent endings: where the last of them stops, and how often the section before them is played."""

    stop: int
    num_passes: int


def played(signs: Sequence[Signs]) -> list[int]:
    """Return the places of the measures in the order of playing.

    A repeat without a beginning returns to the end of the previous one. After a jump there are no repeats, and the last
    of several endings is played. Endings without a repeat between them are played in written order.

    Raises:
        MusicError: the music is too long.
    """
    if not any(sign != PLAIN for sign in signs):
        return list(range(len(signs)))
    player = _Player(signs)
    order: list[int] = []
    while player.place < len(signs):
        if player.is_played():
            order.append(player.place)
            player.advance()
        else:
            player.skip()
        if len(order) > MAX_BARS:
            raise endless()
    return order


class _Player:
    """Moves through the measures, one at a time."""

    def __init__(self, signs: Sequence[Signs]) -> None:
        self.place = 0
        self._signs = signs
        self._brackets = _brackets(signs)
        self._codas = [place for place, sign in enumerate(signs) if sign.coda]
        self._begin_section(0)
        self._has_jumped = False

    def is_played(self) -> bool:
        """Return whether the current measure is played in this pass."""
        sign = self._signs[self.place]
        if sign.starts and self.place != self._start:
            self._begin_section(self.place)
        if not sign.endings:
            return True
        if self._has_jumped:
            return self._brackets[self.place].num_passes in sign.endings
        return self._pass in sign.endings or self._pass < min(sign.endings)

    def skip(self) -> None:
        """Move to the next measure without playing this one, which is under a bracket."""
        self.place += 1
        if self.place == self._brackets[self.place - 1].stop:
            self._begin_section(self.place)

    def advance(self) -> None:
        """Move to the measure that is played after this one."""
        sign = self._signs[self.place]
        if self._has_jumped:
            self.place = self._after_jump(sign)
        elif self._goes_back(sign):
            self.place = self._start
            self._pass += 1
        elif sign.jump:
            self._has_jumped = True
            segno = next((place for place, other in enumerate(self._signs) if other.segno), 0)
            self.place = segno if sign.jump == "segno" else 0
        else:
            self._leave(sign)

    def _goes_back(self, sign: Signs) -> bool:
        num_passes = self._brackets[self.place].num_passes if sign.endings else sign.passes
        return sign.passes > 0 and self._pass < num_passes

    def _leave(self, sign: Signs) -> None:
        """Move forward; after a repeat and its endings, a new section begins."""
        stop = self._brackets[self.place].stop if sign.endings else self.place + 1
        is_over = sign.passes > 0 or (bool(sign.endings) and self.place + 1 == stop and not sign.starts)
        self.place = stop if sign.passes > 0 else self.place + 1
        if is_over:
            self._begin_section(self.place)

    def _after_jump(self, sign: Signs) -> int:
        if sign.fine:
            return len(self._signs)
        if len(self._codas) > 1 and self.place == self._codas[0]:
            return self._codas[1]
        return self.place + 1

    def _begin_section(self, place: int) -> None:
        self._start = place
        self._pass = 1


def _brackets(signs: Sequence[Signs]) -> dict[int, _Brackets]:
    """Return the brackets of each measure that is under one, by the place of the measure."""
    found: dict[int, _Brackets] = {}
    first = 0
    for stop in range(len(signs) + 1):
        if stop < len(signs) and signs[stop].endings:
            continue
        if stop > first:
            num_passes = max(max(sign.endings) for sign in signs[first:stop])
            if any(sign.passes for sign in signs[first:stop]):
                num_passes = max(2, num_passes)  # there may be a first ending only
            found.update(dict.fromkeys(range(first, stop), _Brackets(stop, num_passes)))
        first = stop + 1
    return found
