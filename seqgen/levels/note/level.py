"""The note level: music as tokens, one vocabulary for melodies, chorales and ensembles (see `tokens.py`)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import median
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.errors import MusicError
from seqgen.levels.base import Content, Encoder, Ids, Level
from seqgen.levels.note import tokens as t
from seqgen.levels.note.decoder import decoded
from seqgen.levels.note.encoder import Layout, NoteEncoder, Part, Prime
from seqgen.music.bars import fits
from seqgen.music.score import DEFAULT_TEMPO, MAX_SHARPS, Bar, Score, Tempo, to_no_signature, transposed_key
from seqgen.music.tempos import MAX_TEMPO

TRANSPOSITIONS = range(-5, 7)  # into all keys, as near as may be
_MAX_LAYOUTS = 20


class NoteLevel(Level):
    """Tokens of music.

    Args:
        grid: steps a quarter.
        has_velocity: whether velocities are coded, in sixteen degrees; else all are alike.
        is_in_one_key: whether pieces are moved to the key without signature.
        tempo: in quarters a minute, of all that is decoded.
        metre: numerator and denominator that most training pieces begin with.
        layouts: the parts of the training pieces, the most frequent first.
        keys: the sharps of the signatures that training pieces begin with, before they are transposed.
    """

    name: ClassVar[str] = "note"

    def __init__(
        self,
        grid: int,
        *,
        has_velocity: bool = False,
        is_in_one_key: bool = False,
        tempo: float = DEFAULT_TEMPO,
        metre: Sequence[int] = (4, 4),
        layouts: Sequence[Layout] = (),
        keys: Sequence[int] = (),
    ) -> None:
        self._encoder = NoteEncoder(grid, has_velocity=has_velocity)
        self.grid = grid
        self.has_velocity = has_velocity
        self.is_in_one_key = is_in_one_key
        self.tempo = tempo
        self.metre = tuple(metre)
        self.layouts = tuple(layouts)
        self.keys = tuple(keys)

    @classmethod
    def fit(cls, documents: Iterable[Iterable[Content]], config: CorpusConfig) -> Self:
        """Return the level with the training pieces' most frequent layouts and metre, and their median tempo."""
        level = cls(config.grid, has_velocity=config.velocity, is_in_one_key=config.transpose == "key")
        tempos: list[float] = []
        metres: Counter[tuple[int, ...]] = Counter()
        layouts: Counter[Layout] = Counter()
        keys: set[int] = set()
        for score in chain.from_iterable(documents):
            tempos.append(score.tempos[0].quarters_per_minute)
            metres[score.bars[0][:2]] += 1
            layouts[tuple(part for part, _ in level._encoder.parts(score))] += 1
            keys.add(score.bars[0].sharps)
        if tempos:
            level.tempo = median(tempos)
            level.metre = metres.most_common(1)[0][0]
        level.layouts = tuple(layout for layout, _ in layouts.most_common(_MAX_LAYOUTS))
        level.keys = tuple(sorted(keys))
        return level

    @property
    def vocabulary_size(self) -> int:
        """All tokens of the language; which of them a corpus uses makes no difference."""
        return self._encoder.highest_position + 1 + (t.NUM_VELOCITIES if self.has_velocity else 0)

    def encoder(self) -> Encoder:
        """Return an encoder of whole scores."""
        return _ScoreEncoder(self)

    def encode(self, score: Score) -> Ids:
        """Return the ids of a score, without START and END; shape (tokens,).

        Raises:
            MusicError: it has more voices, or a longer metre, than the language can tell.
        """
        return np.fromiter(self._encoder.tokens(self._moved(score)), dtype=self.dtype)

    def decode(self, ids: Sequence[int] | Ids) -> Score:
        """Return the score that the ids stand for; one that is not ended yet ends with its last bar.

        Raises:
            MusicError: they are not in the language.
        """
        tokens = [int(token) for token in ids if token != self.START]
        score = decoded(tokens, self.grid, self.vocabulary_size)
        parts = tuple(part for part, _ in self._encoder.parts(score))
        named = next((layout for layout in self.layouts if _unnamed(layout) == parts), parts)
        tracks = tuple(replace(track, name=part.name) for track, part in zip(score.tracks, named, strict=True))
        return replace(score, tracks=tracks, tempos=(Tempo(0, self.tempo),))

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the names of the tokens."""
        return [t.name_of(token) for token in ids]

    def extent(self, content: Content, before: Content | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return how many notes and quarters a score has."""
        return {"notes": content.num_notes, "quarters": content.quarters}

    def variants(self, config: CorpusConfig) -> NDArray[np.int64] | None:
        """Return the twelve keys, with `--transpose on`; a pitch that would leave MIDI's range changes its octave."""
        if config.transpose != "on":
            return None
        table = np.tile(np.arange(self.vocabulary_size), (len(TRANSPOSITIONS), 1))
        pitches = np.arange(t.NUM_PITCHES)
        keys = np.arange(-MAX_SHARPS, MAX_SHARPS + 1)
        for row, semitones in zip(table, TRANSPOSITIONS, strict=True):
            moved = pitches + semitones
            row[t.PITCH : t.DRUM] = t.PITCH + np.where(moved < 0, moved + 12, np.where(moved > 127, moved - 12, moved))
            row[t.KEY : t.DENOMINATOR] = [t.KEY + MAX_SHARPS + transposed_key(int(key), semitones) for key in keys]
        return table

    def to_json(self) -> dict[str, Any]:
        """Return what the constructor takes."""
        return {
            "level": self.name,
            "grid": self.grid,
            "has_velocity": self.has_velocity,
            "is_in_one_key": self.is_in_one_key,
            "tempo": self.tempo,
            "metre": self.metre,
            "layouts": self.layouts,
            "keys": self.keys,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with these settings.

        Raises:
            TypeError or ValueError: they are none, as somebody else may have written them.
        """
        options = {name: value for name, value in content.items() if name not in ("level", "layouts")}
        CorpusConfig(grid=options["grid"], velocity=options["has_velocity"])  # checks both
        layouts = [tuple(Part(*part) for part in layout) for layout in content["layouts"]]
        numerator, denominator = options["metre"]
        is_valid = (
            0 < options["tempo"] <= MAX_TEMPO
            and fits(Bar(numerator, denominator), options["grid"])
            and all(type(sharps) is int and abs(sharps) <= MAX_SHARPS for sharps in options["keys"])
            and all(map(_is_valid, chain.from_iterable(layouts)))
        )
        if not is_valid:
            raise ValueError("its music has a tempo, metre, key or part that there is not")
        return cls(**options, layouts=layouts)

    def _moved(self, score: Score) -> Score:
        """Return the score in the level's own key, if it has one."""
        if score.grid != self.grid:
            raise MusicError("score on another grid", f"the score has {score.grid} steps a quarter, not {self.grid}")
        return score.transposed(to_no_signature(score.bars[0].sharps)) if self.is_in_one_key else score

    def prime(self, score: Score) -> Prime:
        """Return how a piece begins that goes on from a score.

        A score with as many parts as a layout of the training pieces is all there is so far, played by that layout's
        instruments. One with fewer parts than the most frequent layout gives the highest parts of that, and the
        others are still to be written.
        """
        score = self._moved(score)
        parts = self._encoder.parts(score)
        fitting = [layout for layout in self.layouts if len(layout) == len(parts)]
        is_whole = bool(fitting) or not self.layouts or len(parts) > len(self.layouts[0])
        layout = (fitting or [tuple(part for part, _ in parts)])[0] if is_whole else self.layouts[0]
        merged = [
            (part._replace(num_voices=max(part.num_voices, len(voices))), voices)
            for part, (_, voices) in zip(layout, parts, strict=False)
        ]
        merged += [(part, [[]]) for part in layout[len(merged) :]]
        return self._encoder.prime(score, merged, is_whole=is_whole)

    @property
    def foreign_keys(self) -> list[int]:
        """The tokens of the signatures that no training piece begins with; none if that is not known."""
        signatures = range(-MAX_SHARPS, MAX_SHARPS + 1)
        return [self.key_token(sharps) for sharps in signatures if self.keys and sharps not in self.keys]

    def key_token(self, sharps: int) -> int:
        """Return the token of a key signature."""
        return t.KEY + MAX_SHARPS + sharps


class _ScoreEncoder:
    def __init__(self, level: NoteLevel) -> None:
        self.feed = level.encode
        self._dtype = level.dtype

    def finish(self) -> Ids:
        return np.empty(0, self._dtype)


def _is_valid(part: Part) -> bool:
    kinds = tuple(map(type, part)) == (int, bool, int, str)
    if kinds:
        part.name.encode()  # raises ValueError where it is no text
    return kinds and 0 <= part.program < 128 and 0 < part.num_voices <= t.MAX_VOICES


def _unnamed(layout: Layout) -> Layout:
    return tuple(part._replace(name="") for part in layout)
