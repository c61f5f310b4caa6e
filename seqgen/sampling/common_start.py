"""What is fixed before a piece of music is written: its prime, key, metre and instruments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.state import Given
from seqgen.levels.note.tokens import MAX_LEFT, key_token
from seqgen.music.score import Note, Score, Tempo, Track
from seqgen.music.theory import key_of, metre_of
from seqgen.music.tonality import degree
from seqgen.sampling.arrangement import Arrangement
from seqgen.sampling.readable_prime import ReadablePrime, readable


class CommonStart(NamedTuple):
    """The common start of all pieces.

    Attributes:
        ids: the tokens to continue.
        given: the contents that some voices of a prime must have after them; None without a prime.
        num_bars: the number of bars of the whole piece; None lets the model choose it.
        sharps: the key signature of the result; None for any.
        header: the known tokens of the header after `ids`, by the number of tokens between.
        end: the time at which the prime ends.
        parts: the name and instrument of each track of the result, with its notes during the prime; None if the model
            chooses them.
        unread: parts of the prime that the model does not read.
        tempos: of the result; None for those of the model.
        notices: what was changed in the prime and in the instruments.
    """

    ids: list[int]
    given: Given | None
    num_bars: int | None
    sharps: int | None
    header: Mapping[int, int] = MappingProxyType({})
    end: int = 0
    parts: tuple[Track, ...] | None = None
    unread: tuple[Track, ...] = ()
    tempos: tuple[Tempo, ...] | None = None
    notices: tuple[str, ...] = ()

    def restored(self, score: Score) -> Score:
        """Return a piece with the names, instruments, tempos and unread parts that are fixed."""
        tracks = score.tracks
        if self.parts is not None:
            pairs = zip(self.parts, tracks, strict=False)
            tracks = tuple(replace(part, notes=self._notes(part, track, score)) for part, track in pairs)
        tracks += tuple(replace(track, notes=_shortened(track, score)) for track in self.unread)
        tempos = score.tempos if self.tempos is None else self.tempos
        tempos = tuple(tempo for tempo in tempos if tempo.onset == 0 or tempo.onset < score.num_steps)
        return replace(score, tracks=tracks, tempos=tempos)

    def _notes(self, part: Track, track: Track, score: Score) -> tuple[Note, ...]:
        """Return the notes of a part: those of the prime as they were, and those that the model has written."""
        if not part.notes:
            return track.notes
        end = max(self.end, *(note.end for note in part.notes))
        return _shortened(part, score) + tuple(note for note in track.notes if note.onset >= end)


def _shortened(track: Track, score: Score) -> tuple[Note, ...]:
    """Return the notes of a track within a piece, which may have been cut."""
    notes = (note._replace(duration=min(note.end, score.num_steps) - note.onset) for note in track.notes)
    return tuple(note for note in notes if note.duration > 0)


def common_start(
    level: NoteLevel, prime: Score | None, config: SamplingConfig, unseen_ids: Sequence[int]
) -> CommonStart:
    """Return what all pieces begin with.

    Args:
        level: the vocabulary.
        prime: the music that all pieces continue; None to begin freely.
        config: key, metre, tempo and instruments.
        unseen_ids: ids that were never a target in training.

    Raises:
        UsageError: the prime, the metre or the instruments do not fit the model, or each other.
    """
    metre, arrangement = initial_metre(level, config), Arrangement.of(level, config.instrument)
    if prime is not None:
        if metre not in (None, prime.bars[0][:2]):
            raise UsageError(
                f"--metre {config.metre} contradicts the prime, which begins in {prime.bars[0].numerator}/"
                f"{prime.bars[0].denominator}: omit --metre"
            )
        num_bars = config.bars or _bars_after(level, len(prime))
        start = _primed(level, readable(prime, level, unseen_ids), num_bars, arrangement, _final(config))
    else:
        start = _free(level, config, metre, arrangement)
    return start if config.tempo is None else start._replace(tempos=(Tempo(0, config.tempo),))


def _bars_after(level: NoteLevel, num_given: int) -> int:
    """Return the number of bars after a prime: the usual length of the corpus, or half of it after a long prime."""
    usual = min(level.habits.num_bars, MAX_LEFT)
    return max(usual - num_given, -(-usual // 2))


def initial_metre(level: NoteLevel, config: SamplingConfig) -> tuple[int, int] | None:
    """Return the metre of `--metre`, or None without.

    Raises:
        UsageError: it is invalid, or no training piece begins with it.
    """
    metre = None if config.metre is None else metre_of(config.metre)
    if metre is not None and metre not in level.habits.metres:
        known = ", ".join(f"{numerator}/{denominator}" for numerator, denominator in level.habits.metres)
        raise UsageError(f"--metre must be one of the corpus's metres, {known}; got {config.metre}")
    return metre


def _free(
    level: NoteLevel, config: SamplingConfig, metre: tuple[int, int] | None, arrangement: Arrangement | None
) -> CommonStart:
    """Return the start of pieces without a prime."""
    sharps = None if config.key is None else key_of(config.key).sharps
    key = [key_token(0)] if level.is_in_one_key else [] if sharps is None else [key_token(sharps)]
    # The model has learned the lengths of pieces, unless most are too long for it to know them.
    num_bars = config.bars or (None if level.habits.num_bars <= MAX_LEFT else MAX_LEFT)
    layout = None if arrangement is None else arrangement.layout(level)
    header = {place - len(key): token for place, token in level.header(_final(config), num_bars, metre, layout).items()}
    start = CommonStart([level.START, *key], None, num_bars, sharps, header)
    if arrangement is None or layout is None:
        return start
    parts = tuple(Track((), header.name, header.program, header.is_drum) for header in layout)
    return start._replace(parts=arrangement.applied(layout, parts), notices=tuple(arrangement.notices(layout)))


def _final(config: SamplingConfig) -> int | None:
    """Return the degree of the tonic of `--key`, or None without."""
    if config.key is None:
        return None
    key = key_of(config.key)
    return degree(key.tonic, key.sharps)


def _primed(
    level: NoteLevel, prime: ReadablePrime, num_bars: int, arrangement: Arrangement | None, final: int | None
) -> CommonStart:
    """Return the start of pieces that continue a prime by a number of bars and end on a degree."""
    score = prime.score
    begun = level.prime(score, num_bars, None if arrangement is None else arrangement.layouts, final)
    parts = tuple(
        Track((), header.name, header.program, header.is_drum)
        if number is None
        else _look(prime.originals[number], header.name, header.program)
        for header, number in zip(begun.layout, begun.parts, strict=True)
    )
    notices = prime.notices
    if arrangement is not None:
        parts = arrangement.applied(begun.layout, parts)
        notices = [*notices, *arrangement.notices(begun.layout)]
    return CommonStart(
        begun.ids,
        begun.given,
        begun.num_bars + num_bars,
        score.bars[0].sharps,
        end=begun.end,
        parts=parts,
        unread=prime.unread,
        tempos=score.tempos,
        notices=tuple(notices),
    )


def _look(part: Track, name: str, program: int) -> Track:
    """Return a part; an unnamed one has the name of the track that it fills if that is not misleading."""
    is_misleading = not part.is_drum and part.program not in (0, program)
    return replace(part, name=part.name or ("" if is_misleading else name))
