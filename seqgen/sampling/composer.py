"""The composer: turns a prime into pieces of music, on top of the generator."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from seqgen.compiled import interpreted
from seqgen.config import SamplingConfig
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
from seqgen.model.language_model import LanguageModel
from seqgen.music.keys import to_no_signature
from seqgen.music.score import Score
from seqgen.sampling.common_start import CommonStart
from seqgen.sampling.ending import beginning_of_ending, has_announced_final
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from seqgen.sampling.sampler import Sample

_ENDINGS = (4, 8)  # bars that are written again
_NUM_ENDINGS = 16  # that are drawn


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
    composer = _Composer(model, level, start, config, [*unseen_ids, *foreign])
    scores = []
    # The grammar compiles in 30 s, once per installation; without compilation a single piece takes 0.3 s more.
    with interpreted() if len(samples) == 1 else nullcontext():
        drafts = composer.write(samples, shifts, after_step=after_step)
        for draft, sample, shift in zip(drafts, samples, shifts, strict=True):
            ids, nats = draft if sample.is_cut else composer.ended(draft, sample.seed, shift)
            sample.tokens, sample.nats = len(nats), sum(nats)
            scores.append(_finished(level.decode(ids), start, shift))
    return scores


def _key_of(level: NoteLevel, sharps: int | None, seed: int) -> int:
    """Return a key signature: the requested one, or one of the corpus, as often as it occurs there."""
    if sharps is not None or not level.habits.keys:
        return sharps or 0
    numbers = np.array(list(level.habits.keys.values()))
    return int(np.random.default_rng(seed).choice(list(level.habits.keys), p=numbers / numbers.sum()))


class _Draft(NamedTuple):
    """A piece that is being written.

    Attributes:
        ids: its tokens, with START.
        nats: the negative log-likelihoods of those that were drawn.
    """

    ids: list[int]
    nats: list[float]


@dataclass(frozen=True)
class _Composer:
    """Writes tokens; for the attributes see `compose`."""

    model: LanguageModel
    level: NoteLevel
    start: CommonStart
    config: SamplingConfig
    forbidden: Sequence[int]

    def write(
        self,
        samples: Sequence[Sample],
        shifts: Sequence[int],
        begun: _Draft | None = None,
        after_step: Callable[[], None] = lambda: None,
    ) -> list[_Draft]:
        """Return pieces up to their end or the maximum length; all begin with the start, or continue a draft."""
        start, level = self.start, self.level
        ids, given, header = (begun.ids, None, {}) if begun else (start.ids, start.given, start.header)
        limits = (start.num_bars or 1, start.num_bars or t.longest(level.grid))
        constraint = NoteConstraint(
            level.vocabulary_size, level.grid, ids, level.habits, self.forbidden, shifts, given, limits, header
        )
        drafts = [_Draft(list(ids), list(begun.nats) if begun else []) for _ in samples]
        numbers = uniform_numbers([sample.seed for sample in samples])
        reading = prefill(self.model, level.inputs(np.array(ids), start.num_bars)).repeat(len(samples))
        for draw in decode(self.model, reading, numbers, self.config, constraint, "auto", constraint.inputs):
            for sample, draft, token, nats in zip(samples, drafts, draw.ids.tolist(), draw.nats.tolist(), strict=True):
                if not sample.is_finished:
                    draft.ids.append(token)
                    draft.nats.append(nats)
                    sample.is_cut = token != t.END and len(draft.nats) == self.config.length
                    sample.is_finished = token == t.END or sample.is_cut
            after_step()
            if all(sample.is_finished for sample in samples):
                break
        return drafts

    def ended(self, draft: _Draft, seed: int, shift: int) -> _Draft:
        """Return a piece with the final that its header announces, or the piece itself if that is not found.

        Several endings of some bars are drawn, and the first of those with this final is taken: it has the model's
        distribution of endings under the condition that they have it.
        """
        if has_announced_final(draft.ids, self.level):
            return draft
        for num_bars in _ENDINGS:
            place = beginning_of_ending(draft.ids, self.level, num_bars, self.start.end)
            if place is not None:
                begun = _Draft(draft.ids[:place], draft.nats[: place - len(self.start.ids)])
                seeds = np.random.default_rng((seed, num_bars)).integers(2**31, size=_NUM_ENDINGS)
                samples = list(map(Sample, seeds.tolist()))
                for sample, other in zip(samples, self.write(samples, [shift] * _NUM_ENDINGS, begun), strict=True):
                    if not sample.is_cut and has_announced_final(other.ids, self.level):
                        return other
        return draft


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
