"""The composer: turns a prime into pieces of music, on top of the generator."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.levels.note.state import Given
from seqgen.model.language_model import LanguageModel
from seqgen.music.keys import to_no_signature
from seqgen.music.score import Score, Tempo
from seqgen.music.theory import key_of, name_of
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from seqgen.sampling.sampler import Sample

DEFAULT_BARS = 16


def compose(
    model: LanguageModel,
    level: NoteLevel,
    prime: Score | None,
    config: SamplingConfig,
    samples: Sequence[Sample],
    unseen_ids: Sequence[int],
    min_bars: int = 0,
    after_step: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Return one piece per sample; each begins with the prime.

    Args:
        model: the language model.
        level: its vocabulary.
        prime: the music that all pieces continue; None to begin freely.
        config: bars, length, key, tempo, temperature and filters.
        samples: one per stream, with its seed; their tokens and nats are updated.
        unseen_ids: ids that were never a target in training; they are drawn only if no other token is allowed.
        min_bars: the minimum number of bars after the prime.
        after_step: called whenever each piece has one more token.

    Raises:
        UsageError: the prime contains pitches that the model has never seen.
    """
    start = _common_start(level, prime, config, unseen_ids)
    shift = -to_no_signature(start.sharps) if start.sharps and level.is_in_one_key else 0
    # A model of all keys could write in any of them, but keys that composers choose are easier to read, sing and play.
    foreign = level.foreign_keys if start.sharps is None and not level.is_in_one_key else []
    out_of_range = [t.PITCH + pitch for pitch in range(t.NUM_PITCHES) if not 0 <= pitch + shift < t.NUM_PITCHES]
    constraint = NoteConstraint(
        level.vocabulary_size,
        level.grid,
        start.ids,
        len(samples),
        [*unseen_ids, *out_of_range, *foreign],
        start.given,
        min_bars and start.num_bars + min_bars,
    )
    last_bar = start.num_bars + (config.bars or DEFAULT_BARS)
    written = _write(model, start.ids, config, samples, constraint, last_bar, after_step)
    return [_finished(level.decode(ids)[:last_bar], config, shift) for ids in written]


class _CommonStart(NamedTuple):
    """The common start of all pieces.

    Attributes:
        ids: the tokens to continue.
        given: the contents that some voices of a prime must have after them; None without a prime.
        num_bars: the number of bars of the prime.
        sharps: the key signature of the result; None for any.
    """

    ids: list[int]
    given: Given | None
    num_bars: int
    sharps: int | None


def _common_start(
    level: NoteLevel, prime: Score | None, config: SamplingConfig, unseen_ids: Sequence[int]
) -> _CommonStart:
    sharps = None if config.key is None else key_of(config.key).sharps
    if prime is not None:
        _check_pitches(level, prime, unseen_ids)
        begun = level.prime(prime)
        return _CommonStart(begun.ids, begun.given, begun.num_bars, prime.bars[0].sharps)
    key = [] if sharps is None or level.is_in_one_key else [level.key_token(sharps)]
    return _CommonStart([level.START, *key], None, 0, sharps)


def _write(
    model: LanguageModel,
    ids: list[int],
    config: SamplingConfig,
    samples: Sequence[Sample],
    constraint: NoteConstraint,
    last_bar: int,
    after_step: Callable[[], None],
) -> list[list[int]]:
    """Return the tokens of each piece, up to its end, its last bar or the maximum length."""
    written = [list(ids) for _ in samples]
    reading, numbers = prefill(model, ids).repeat(len(samples)), uniform_numbers([sample.seed for sample in samples])
    draws = decode(model, reading, numbers, config, constraint, "auto")
    for count, draw in enumerate(draws, 1):
        num_bars = constraint.num_bars
        for stream, (token, nats) in enumerate(zip(draw.ids.tolist(), draw.nats.tolist(), strict=True)):
            sample = samples[stream]
            if sample.is_finished:
                continue
            sample.tokens += 1
            sample.nats += nats
            if token in (t.BAR, t.REPEAT) and num_bars[stream] >= last_bar:
                sample.is_finished = True  # the token would begin one bar too many
                continue
            written[stream].append(token)
            sample.is_finished = token == t.END or count == config.length
        after_step()
        if all(sample.is_finished for sample in samples):
            break
    return written


def without_prime(score: Score, end: int) -> Score:
    """Return the part of a piece after its prime: the notes from a time on, and the bars that contain any of them.

    Args:
        score: the piece.
        end: the time at which the prime ends, in steps of the grid.
    """
    tracks = tuple(
        replace(track, notes=tuple(note for note in track.notes if note.onset >= end)) for track in score.tracks
    )
    first = sum(start <= end for start in score.bar_starts[1:])
    return replace(score, tracks=tracks)[first:]


def _finished(score: Score, config: SamplingConfig, shift: int) -> Score:
    score = score.transposed(shift) if shift else score
    return score if config.tempo is None else replace(score, tempos=(Tempo(0, config.tempo),))


def _check_pitches(level: NoteLevel, prime: Score, unseen_ids: Sequence[int]) -> None:
    transposed = prime.transposed(to_no_signature(prime.bars[0].sharps)) if level.is_in_one_key else prime
    known = sorted(set(range(t.NUM_PITCHES)) - {token - t.PITCH for token in unseen_ids})
    unknown = sorted(
        {note.pitch for track in transposed.tracks if not track.is_drum for note in track.notes} - set(known)
    )
    if unknown:
        raise UsageError(
            f"--prime contains {', '.join(map(name_of, unknown[:5]))}, which this model has never seen: its pitches "
            f"are {name_of(known[0])} to {name_of(known[-1])}"
        )
