"""The note level: one vocabulary for melodies, chorales and ensembles."""

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
from seqgen.levels.base import Encoder, Ids, Level
from seqgen.levels.note import tokens as t
from seqgen.levels.note.decoder import decoded
from seqgen.levels.note.encoder import Layout, NoteEncoder, TrackHeader
from seqgen.levels.note.prime import Prime, prime_of
from seqgen.music.bars import fits
from seqgen.music.keys import to_no_signature, transposed_key
from seqgen.music.score import DEFAULT_TEMPO, MAX_SHARPS, Bar, Score, Tempo
from seqgen.music.tempos import MAX_TEMPO

TRANSPOSITIONS = range(-5, 7)  # semitones, to all keys by the shortest way
_MAX_LAYOUTS = 20


class NoteLevel(Level[Score]):
    """A vocabulary of music.

    Args:
        grid: steps per quarter note.
        has_velocity: whether velocities are encoded, in sixteen degrees; otherwise all are equal.
        is_in_one_key: whether pieces are transposed to the key without a signature.
        tempo: of all decoded pieces, in quarter notes per minute.
        metre: numerator and denominator of the most frequent initial metre of the training pieces.
        layouts: of the training pieces, the most frequent first.
        keys: the initial key signatures of the training pieces before transposition, in sharps.
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
    def fit(cls, documents: Iterable[Iterable[Score]], config: CorpusConfig) -> Self:
        """Return the level with the most frequent layouts and metre of the training pieces, and their median tempo."""
        level = cls(config.grid, has_velocity=config.velocity, is_in_one_key=config.transpose == "key")
        tempos: list[float] = []
        metres: Counter[tuple[int, ...]] = Counter()
        layouts: Counter[Layout] = Counter()
        keys: set[int] = set()
        for score in chain.from_iterable(documents):
            tempos.append(score.tempos[0].quarters_per_minute)
            metres[score.bars[0][:2]] += 1
            layouts[tuple(header for header, _ in level._encoder.voiced(score))] += 1
            keys.add(score.bars[0].sharps)
        if tempos:
            level.tempo = median(tempos)
            level.metre = metres.most_common(1)[0][0]
        level.layouts = tuple(layout for layout, _ in layouts.most_common(_MAX_LAYOUTS))
        level.keys = tuple(sorted(keys))
        return level

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens of the language, whether a corpus uses them or not."""
        return self._encoder.highest_position + 1 + (t.NUM_VELOCITIES if self.has_velocity else 0)

    def encoder(self) -> Encoder[Score]:
        """Return an encoder of whole scores."""
        return _ScoreEncoder(self)

    def encode(self, score: Score) -> Ids:
        """Return the ids of a score, without START and END; shape (tokens,).

        Raises:
            MusicError: the score has another grid, no notes, too many voices, or a metre that is too long.
        """
        return np.fromiter(self._encoder.tokens(self._in_own_key(score)), dtype=self.dtype)

    def decode(self, ids: Sequence[int] | Ids) -> Score:
        """Return the score of the ids; an unfinished one ends with its last bar.

        Raises:
            MusicError: the ids violate the grammar.
        """
        tokens = [int(token) for token in ids if token != self.START]
        score = decoded(tokens, self.grid, self.vocabulary_size)
        layout = tuple(header for header, _ in self._encoder.voiced(score))
        named = next((known for known in self.layouts if _unnamed(known) == layout), layout)
        tracks = tuple(replace(track, name=header.name) for track, header in zip(score.tracks, named, strict=True))
        return replace(score, tracks=tracks, tempos=(Tempo(0, self.tempo),))

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the names of the tokens."""
        return [t.name_of(token) for token in ids]

    def extent(self, score: Score, before: Score | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the number of notes and of quarter notes of a score."""
        return {"notes": score.num_notes, "quarters": score.quarters}

    def variants(self, config: CorpusConfig) -> NDArray[np.int64] | None:
        """Return the transpositions to all keys, with `--transpose on`; pitches beyond MIDI's range change octave."""
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
        """Return the arguments of the constructor."""
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
            TypeError or ValueError: the settings are invalid; a checkpoint may be damaged or malicious.
        """
        options = {name: value for name, value in content.items() if name not in ("level", "layouts")}
        CorpusConfig(grid=options["grid"], velocity=options["has_velocity"])  # checks both
        layouts = [tuple(TrackHeader(*track) for track in layout) for layout in content["layouts"]]
        numerator, denominator = options["metre"]
        is_valid = (
            0 < options["tempo"] <= MAX_TEMPO
            and fits(Bar(numerator, denominator), options["grid"])
            and all(type(sharps) is int and abs(sharps) <= MAX_SHARPS for sharps in options["keys"])
            and all(map(_is_valid, chain.from_iterable(layouts)))
        )
        if not is_valid:
            raise ValueError("its music has an invalid tempo, metre, key or track")
        return cls(**options, layouts=layouts)

    def _in_own_key(self, score: Score) -> Score:
        """Return the score in the key of the level, if the level has one."""
        if score.grid != self.grid:
            problem = f"the score has {score.grid} steps per quarter note, the model {self.grid}"
            raise MusicError("score on another grid", problem)
        return score.transposed(to_no_signature(score.bars[0].sharps)) if self.is_in_one_key else score

    def prime(self, score: Score) -> Prime:
        """Return the beginning of a piece that continues a score.

        A score with as many tracks as a layout of the training pieces is complete so far, and is played by the
        instruments of that layout. A score with fewer tracks than the most frequent layout provides the highest tracks
        of that layout, and the others are still to be written.
        """
        score = self._in_own_key(score)
        tracks = self._encoder.voiced(score)
        fitting = [layout for layout in self.layouts if len(layout) == len(tracks)]
        is_whole = bool(fitting) or not self.layouts or len(tracks) > len(self.layouts[0])
        layout = (fitting or [tuple(header for header, _ in tracks)])[0] if is_whole else self.layouts[0]
        merged = [
            (header._replace(num_voices=max(header.num_voices, len(voices))), voices)
            for header, (_, voices) in zip(layout, tracks, strict=False)
        ]
        merged += [(header, [[]]) for header in layout[len(merged) :]]
        return prime_of(score, merged, self._encoder, is_whole=is_whole)

    @property
    def foreign_keys(self) -> list[int]:
        """The tokens of the key signatures that no training piece begins with; none if the keys are unknown."""
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


def _is_valid(header: TrackHeader) -> bool:
    has_types = tuple(map(type, header)) == (int, bool, int, str)
    if has_types:
        header.name.encode()  # raises ValueError for lone surrogates
    return has_types and 0 <= header.program < 128 and 0 < header.num_voices <= t.MAX_VOICES


def _unnamed(layout: Layout) -> Layout:
    return tuple(header._replace(name="") for header in layout)
