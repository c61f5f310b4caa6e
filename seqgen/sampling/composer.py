"""The composer: music in, music out, on top of the generator."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.constraint import NoteConstraint
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
    unseen: Sequence[int],
    min_bars: int = 0,
    after_step: Callable[[], None] = lambda: None,
) -> list[Score]:
    """Return one piece for each sample, the prime at its beginning.

    Args:
        model: the language model.
        level: its vocabulary.
        prime: what all go on from; None lets each begin as it likes.
        config: bars, length, temperature, filters and tempo.
        samples: one a stream, with its seed; tokens and nats are counted on the way.
        unseen: ids that are drawn only where no other can come, as the model has not seen when they come.
        min_bars: no piece ends by itself before so many bars after the prime.
        after_step: called when each piece has one more token.

    Raises:
        UsageError: the prime has pitches that the model has never seen.
    """
    ids, given, num_bars = [level.START], None, 0
    sharps = None if config.key is None else key_of(config.key).sharps
    if sharps is not None and not level.is_in_one_key:
        ids = [*ids, level.key_token(sharps)]
    if prime is not None:
        _refuse_unknown_pitches(level, prime, unseen)
        begun = level.prime(prime)
        ids, given, num_bars = begun.ids, begun.given, begun.num_bars
        sharps = prime.bars[0].sharps
    shift = -to_no_signature(sharps) if sharps and level.is_in_one_key else 0
    # In all keys it has learned, but one is better read, sung and played in those that its composers chose.
    foreign = level.foreign_keys if sharps is None and not level.is_in_one_key else []
    beyond = [t.PITCH + pitch for pitch in range(t.NUM_PITCHES) if not 0 <= pitch + shift < t.NUM_PITCHES]
    constraint = NoteConstraint(
        level.vocabulary_size,
        level.grid,
        ids,
        len(samples),
        [*unseen, *beyond, *foreign],
        given,
        min_bars and num_bars + min_bars,
    )
    last_bar = num_bars + (config.bars or DEFAULT_BARS)
    written = [list(ids) for _ in samples]
    reading, numbers = prefill(model, ids).repeat(len(samples)), uniform_numbers([sample.seed for sample in samples])
    draws = decode(model, reading, numbers, config, constraint, "auto")
    for count, draw in enumerate(draws, 1):
        num_bars_begun = constraint.num_bars
        for stream, (token, nats) in enumerate(zip(draw.ids.tolist(), draw.nats.tolist(), strict=True)):
            sample = samples[stream]
            if sample.is_finished:
                continue
            sample.tokens += 1
            sample.nats += nats
            if token in (t.BAR, t.REPEAT) and num_bars_begun[stream] >= last_bar:
                sample.is_finished = True  # what would begin one bar too many
                continue
            written[stream].append(token)
            sample.is_finished = token == t.END or count == config.length
        after_step()
        if all(sample.is_finished for sample in samples):
            break
    return [_finished(level.decode(ids)[:last_bar], config, shift) for ids in written]


def without_prime(score: Score, end: int) -> Score:
    """Return what comes after the prime: the notes from a step on, and the bars that have any of them.

    Args:
        score: the piece.
        end: the step at which the prime ends.
    """
    tracks = tuple(
        replace(track, notes=tuple(note for note in track.notes if note.onset >= end)) for track in score.tracks
    )
    first = sum(start <= end for start in score.bar_starts[1:])
    return replace(score, tracks=tracks)[first:]


def _finished(score: Score, config: SamplingConfig, shift: int) -> Score:
    score = score.transposed(shift) if shift else score
    return score if config.tempo is None else replace(score, tempos=(Tempo(0, config.tempo),))


def _refuse_unknown_pitches(level: NoteLevel, prime: Score, unseen: Sequence[int]) -> None:
    moved = prime.transposed(to_no_signature(prime.bars[0].sharps)) if level.is_in_one_key else prime
    known = sorted(set(range(t.NUM_PITCHES)) - {token - t.PITCH for token in unseen})
    unknown = sorted({note.pitch for track in moved.tracks if not track.is_drum for note in track.notes} - set(known))
    if unknown:
        raise UsageError(
            f"--prime holds {', '.join(map(name_of, unknown[:5]))}, which this model has never seen: it knows "
            f"{name_of(known[0])} to {name_of(known[-1])}"
        )
