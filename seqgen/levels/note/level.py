"""The note level: one vocabulary for melodies, chorales and ensembles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.errors import MusicError
from seqgen.levels.base import Encoder, Ids, Level
from seqgen.levels.note import tokens as t
from seqgen.levels.note.checked_json import checked
from seqgen.levels.note.decoder import decoded
from seqgen.levels.note.encoder import Layout, NoteEncoder
from seqgen.levels.note.factors import num_factors, transposed_factors, with_factors
from seqgen.levels.note.grammar import parse
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.layouts import familiar, named
from seqgen.levels.note.matching import Match, best_match, share_outside
from seqgen.levels.note.prime import Prime, prime_of
from seqgen.levels.note.transposition import ALL_KEYS, NEAR_KEYS, transposition, within_ranges
from seqgen.music.keys import to_no_signature
from seqgen.music.score import Bar, Score, Tempo, Track
from seqgen.music.theory import best_key
from seqgen.music.tonality import degree

_TRANSPOSITIONS = {"on": ALL_KEYS, "near": NEAR_KEYS}  # in training


class NoteLevel(Level[Score]):
    """A vocabulary of music.

    Args:
        grid: steps per quarter note.
        has_velocity: whether velocities are encoded, in sixteen degrees; otherwise all are equal.
        is_in_one_key: whether pieces are transposed to the key without a signature.
        habits: of the training pieces.
    """

    name: ClassVar[str] = "note"

    def __init__(
        self,
        grid: int,
        *,
        has_velocity: bool = False,
        is_in_one_key: bool = False,
        habits: Habits = Habits(),  # noqa: B008  # immutable
    ) -> None:
        self._encoder = NoteEncoder(grid, has_velocity=has_velocity)
        self.grid = grid
        self.has_velocity = has_velocity
        self.is_in_one_key = is_in_one_key
        self.habits = habits

    @classmethod
    def fit(cls, documents: Iterable[Iterable[Score]], config: CorpusConfig) -> Self:
        """Return the level with the habits of the training pieces."""
        encoder = NoteEncoder(config.grid, has_velocity=config.velocity)
        return cls(config.grid, has_velocity=config.velocity, habits=Habits.of(documents, encoder))

    @property
    def vocabulary_size(self) -> int:
        """The number of tokens of the language, whether a corpus uses them or not."""
        return self._encoder.highest_position + 1 + (t.NUM_VELOCITIES if self.has_velocity else 0)

    @property
    def num_factors(self) -> int:
        """The number of ids of factors."""
        return num_factors(self.grid)

    def encoder(self) -> Encoder[Score]:
        """Return an encoder of whole scores."""
        return _ScoreEncoder(self)

    def encode(self, score: Score) -> Ids:
        """Return the ids of a score, without START and END; shape (tokens,).

        Raises:
            MusicError: the score has another grid, no notes, too many voices, or a metre that is too long.
        """
        ids = np.fromiter(self._encoder.tokens(self._on_own_grid(score)), dtype=self.dtype)
        return self.adapt(np.insert(ids, 0, self.START))[1:]

    def decode(self, ids: Sequence[int] | Ids) -> Score:
        """Return the score of the ids; an unfinished one ends with its last bar.

        Raises:
            MusicError: the ids violate the grammar.
        """
        tokens = [int(token) for token in ids if token != self.START]
        score = decoded(tokens, self.grid, self.vocabulary_size)
        layout = tuple(header for header, _ in self._encoder.voiced(score))
        names = named(layout, self.habits.layouts)
        tracks = tuple(replace(track, name=name) for track, name in zip(score.tracks, names, strict=True))
        return replace(score, tracks=tracks, tempos=(Tempo(0, self.habits.tempo),))

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the names of the tokens."""
        return [t.name_of(int(token), self._encoder.highest_position) for token in ids]

    def extent(self, score: Score, before: Score | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the number of notes and of quarter notes of a score."""
        return {"notes": score.num_notes, "quarters": score.quarters}

    def variants(self, config: CorpusConfig) -> NDArray[np.int64] | None:
        """Return the transpositions of training documents; pitches beyond MIDI's range change octave."""
        if config.transpose not in _TRANSPOSITIONS:
            return None
        size = self.vocabulary_size
        tables = [transposition(semitones, size) for semitones in _TRANSPOSITIONS[config.transpose]]
        return np.array([np.append(table, size + transposed_factors(table, self.grid)) for table in tables])

    def compile(self) -> None:
        """Compile the grammar."""
        parse([], self.grid, self.vocabulary_size)

    def may_vary(self, ids: Ids, config: CorpusConfig) -> NDArray[np.bool_]:
        """Return which transpositions keep every part of a piece within its range, see `Level.may_vary`."""
        semitones = _TRANSPOSITIONS[config.transpose]
        return within_ranges(ids, semitones, self.habits.ranges, self.grid, self.vocabulary_size)

    def adapted(self, config: CorpusConfig) -> "NoteLevel":
        """Return the level that encodes all pieces in one key with `--transpose key` or `near`."""
        is_in_one_key = config.transpose in ("key", "near")
        if self.is_in_one_key == is_in_one_key:
            return self
        return NoteLevel(self.grid, has_velocity=self.has_velocity, is_in_one_key=is_in_one_key, habits=self.habits)

    def inputs(self, ids: Ids, num_bars: int | None = None) -> Ids:
        """Return the tokens of a piece, or of its beginning, with their factors; see `Level.inputs`.

        Args:
            ids: the tokens, with START.
            num_bars: of the whole piece; None if LENGTH states it, or if it is not known.
        """
        return with_factors(ids, self.grid, self.vocabulary_size, num_bars)

    def adapt(self, ids: Ids) -> Ids:
        """Return the ids of a piece as this level encodes it, from those in its original key, with START."""
        if not self.is_in_one_key:
            return ids
        semitones = to_no_signature(int(ids[1]) - t.key_token(0))
        return transposition(semitones, self.vocabulary_size)[ids].astype(self.dtype)

    def to_json(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            "level": self.name,
            "tokens": t.VERSION,
            "grid": self.grid,
            "has_velocity": self.has_velocity,
            "is_in_one_key": self.is_in_one_key,
            **self.habits.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with these settings.

        Raises:
            TypeError or ValueError: the settings are invalid; a checkpoint may be damaged or malicious.
        """
        return cls(**checked(content))

    def _on_own_grid(self, score: Score) -> Score:
        if score.grid != self.grid:
            problem = f"the score has {score.grid} steps per quarter note, the model {self.grid}"
            raise MusicError("score on another grid", problem)
        return score

    def prime(
        self, score: Score, num_following: int, layouts: Sequence[Layout] | None = None, final: int | None = None
    ) -> Prime:
        """Return the beginning of a piece that continues a score.

        The parts of the score fill tracks of the layout that fits them best, and the other tracks are to be written. If
        no layout has a track for each part, the score is complete so far, as a layout of its own.

        Args:
            score: the beginning.
            num_following: number of bars of the piece after those of the score.
            layouts: the possible layouts; by default, those of the training pieces.
            final: the degree of the last bass note; by default, the tonic of the key that fits the score best, unless
                no training piece ends on this degree.
        """
        score = self._on_own_grid(score)
        if self.is_in_one_key:
            score = score.transposed(to_no_signature(score.bars[0].sharps))
        own = tuple(header for header, _ in self._encoder.voiced(score))
        match = best_match(
            score.tracks, [header.num_voices for header in own], self.habits.layouts if layouts is None else layouts
        ) or Match(familiar(own, self.habits.layouts), dict(enumerate(range(len(own)))), (0, 0, 0))
        return prime_of(
            score, match, self._encoder, self._final_after(score) if final is None else final, num_following
        )

    def _final_after(self, score: Score) -> int | None:
        sharps, finals = score.bars[-1].sharps, self.habits.finals
        tonic = degree(best_key(score, sharps).tonic, sharps)
        return tonic if tonic in finals else finals[0] if finals else None

    def score_of(self, notes: Track, num_steps: int, metre: tuple[int, int] | None = None) -> Score:
        """Return notes as a score, with the metre, tempo and instrument that are usual in the training pieces.

        The instrument is that of the first track of the most frequent layout whose range fits the notes best.

        Args:
            notes: pitched notes.
            num_steps: their length, with rests at the end; the last bar is filled up.
            metre: replaces the usual one.
        """
        bar = Bar(*metre or self.habits.metres[0])
        headers = [track for track in chain(*self.habits.layouts[:1]) if not track.is_drum]
        header = min(headers, key=lambda header: share_outside(notes, header), default=None)
        part = replace(notes, name=header.name, program=header.program) if header else notes
        bars = (bar,) * -(-num_steps // bar.num_steps(self.grid))
        return Score(bars, (part,), tempos=(Tempo(0, self.habits.tempo),), grid=self.grid)

    def header(
        self, final: int | None, num_bars: int | None, metre: tuple[int, int] | None, layout: Layout | None
    ) -> dict[int, int]:
        """Return the known tokens of the header and what follows it, by their places after START; place 0 has the key.

        Args:
            final: the degree of the last bass note; None if it is not known.
            num_bars: of the whole piece; None if it is not known.
            metre: None if it is not known.
            layout: None if it is not known.
        """
        tokens = self._encoder.header(layout or (), Bar(*metre or self.habits.metres[0]), final, num_bars or 0)
        tokens += [t.LENGTH if num_bars is None else t.BAR]
        places = {
            range(1, 2): final is not None,
            range(2, t.NUM_KEY_AND_METRE): metre is not None,
            range(t.NUM_KEY_AND_METRE, len(tokens)): layout is not None,
        }
        return {place: tokens[place] for group, is_known in places.items() if is_known for place in group}


class _ScoreEncoder:
    def __init__(self, level: NoteLevel) -> None:
        self.feed = level.encode
        self._dtype = level.dtype

    def finish(self) -> Ids:
        return np.empty(0, self._dtype)
