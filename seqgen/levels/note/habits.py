"""The habits of a corpus of music: what its pieces have in common, which generated pieces follow."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import median
from typing import Any, Self

from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import Layout, NoteEncoder, track_tokens
from seqgen.levels.note.ranges import Ranges, ranges_of, with_ranges
from seqgen.music.score import DEFAULT_TEMPO, MAX_SHARPS, Score
from seqgen.music.tonality import final_degree

_NUM_BARS = 16  # of the pieces of an empty corpus
_MAX_LAYOUTS = 20


@dataclass(frozen=True)
class Habits:
    """The habits of the training pieces.

    Attributes:
        tempo: the median tempo, in quarter notes per minute.
        num_bars: the median length.
        metres: numerators and denominators of all time signatures, the most frequent initial one first; empty for any.
        layouts: the most frequent ones, by frequency.
        finals: the degrees of all last bass notes, the most frequent one first.
        keys: how many pieces begin with each key signature in sharps, before transposition.
        ranges: of the parts, before transposition.
    """

    tempo: float = DEFAULT_TEMPO
    num_bars: int = _NUM_BARS
    metres: Sequence[tuple[int, int]] = ((4, 4),)
    layouts: Sequence[Layout] = ()
    finals: Sequence[int] = ()
    keys: Mapping[int, int] = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[Iterable[Score]], encoder: NoteEncoder) -> Self:
        """Return the habits of training pieces; there may be none."""
        tempos: list[float] = []
        lengths: list[int] = []
        metres: Counter[tuple[int, int]] = Counter()  # how many pieces begin with each
        layouts: Counter[Layout] = Counter()
        finals: Counter[int] = Counter()
        keys: Counter[int] = Counter()
        for score in chain.from_iterable(documents):
            lengths.append(len(score))
            tempos.append(score.tempos[0].quarters_per_minute)
            metres[score.bars[0][:2]] += 1
            metres.update(dict.fromkeys((bar[:2] for bar in score.bars), 0))
            layouts[tuple(header for header, _ in encoder.voiced(score))] += 1
            final = final_degree(score)
            finals.update(() if final is None else (final,))
            keys[score.bars[0].sharps] += 1
        if not tempos:
            return cls()
        ranges = ranges_of(chain.from_iterable(documents))
        return cls(
            tempo=median(tempos),
            num_bars=round(median(lengths)),
            metres=tuple(metre for metre, _ in metres.most_common()),
            layouts=tuple(with_ranges(layout, ranges) for layout, _ in layouts.most_common(_MAX_LAYOUTS)),
            finals=tuple(final for final, _ in finals.most_common()),
            keys=dict(sorted(keys.items())),
            ranges=ranges,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "tempo": self.tempo,
            "num_bars": self.num_bars,
            "metres": self.metres,
            "layouts": self.layouts,
            "finals": self.finals,
            "keys": tuple(self.keys.items()),
            "ranges": tuple((*part, *own) for part, own in self.ranges.items()),
        }

    @property
    def layout_tokens(self) -> list[tuple[int, ...]]:
        """The tokens of the tracks of all training pieces; none if the corpus has more than are stored."""
        layouts = self.layouts if len(self.layouts) < _MAX_LAYOUTS else ()
        return [tuple(track_tokens(layout)) for layout in layouts]

    @property
    def foreign_keys(self) -> list[int]:
        """The tokens of the key signatures that no training piece begins with; none if the keys are unknown."""
        signatures = range(-MAX_SHARPS, MAX_SHARPS + 1)
        return [t.key_token(sharps) for sharps in signatures if self.keys and sharps not in self.keys]
