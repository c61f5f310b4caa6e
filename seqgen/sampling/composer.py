"""The composer: turns a prime into pieces of music, on top of the generator."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from seqgen.config import SamplingConfig
from seqgen.levels.base import Ids
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.levels.note.header import HeaderConstraint
from seqgen.model.language_model import LanguageModel
from seqgen.music.keys import to_no_signature
from seqgen.music.score import Score
from seqgen.sampling.common_start import CommonStart
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from seqgen.sampling.sampler import Sample


def compose(
    model: LanguageModel,
    level: NoteLevel,
    start: CommonStart,
    config: SamplingConfig,
    samples: Sequence[Sample],
    unseen_ids: Sequence[int],
    after_step: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Return one piece per sample, which continues the start and is led to its end.

    Args:
        model: the language model.
        level: its vocabulary.
        start: what all pieces begin with.
        config: length, temperature and filters.
        samples: one per stream, with its seed; their tokens and nats are updated. Those that reach the maximum length
            in tokens are cut.
        unseen_ids: ids that were never a target in training; they are drawn only if no other token is allowed.
        after_step: called whenever each piece has one more token.
    """
    keys = [_key_of(level, start.sharps, sample.seed) for sample in samples]
    # A model of all keys could write in any of them, but keys that composers choose are easier to read, sing and play.
    foreign = level.habits.foreign_keys if start.sharps is None and not level.is_in_one_key else []
    shifts = [-to_no_signature(sharps) if level.is_in_one_key else 0 for sharps in keys]
    constraint = NoteConstraint(
        level.vocabulary_size,
        level.grid,
        start.ids,
        level.habits,
        [*unseen_ids, *foreign],
        shifts,
        start.given,
        (start.num_bars or 1, start.num_bars or t.longest(level.grid)),
    )
    read = level.inputs(np.array(start.ids), start.num_bars)
    written = _write(model, start, read, config, samples, constraint, after_step)
    return [_finished(level.decode(ids), start, shift) for ids, shift in zip(written, shifts, strict=True)]


def _key_of(level: NoteLevel, sharps: int | None, seed: int) -> int:
    """Return a key signature: the requested one, or one of the corpus, as often as it occurs there."""
    if sharps is not None or not level.habits.keys:
        return sharps or 0
    numbers = np.array(list(level.habits.keys.values()))
    return int(np.random.default_rng(seed).choice(list(level.habits.keys), p=numbers / numbers.sum()))


def _write(
    model: LanguageModel,
    start: CommonStart,
    read: Ids,
    config: SamplingConfig,
    samples: Sequence[Sample],
    constraint: NoteConstraint,
    after_step: Callable[[], None],
) -> list[list[int]]:
    """Return the tokens of each piece, up to its end or the maximum length."""
    written = [list(start.ids) for _ in samples]
    numbers = uniform_numbers([sample.seed for sample in samples])
    reading = prefill(model, read).repeat(len(samples))
    ruled = HeaderConstraint(constraint, start.header)
    draws = decode(model, reading, numbers, config, ruled, "auto", constraint.inputs)
    for count, draw in enumerate(draws, 1):
        for stream, (token, nats) in enumerate(zip(draw.ids.tolist(), draw.nats.tolist(), strict=True)):
            sample = samples[stream]
            if sample.is_finished:
                continue
            sample.tokens += 1
            sample.nats += nats
            written[stream].append(token)
            sample.is_cut = token != t.END and count == config.length
            sample.is_finished = token == t.END or sample.is_cut
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


def _finished(score: Score, start: CommonStart, shift: int) -> Score:
    return start.restored(score.transposed(shift) if shift else score)
