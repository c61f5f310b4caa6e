"""A prime of music as the model can read it: pitches that it has never seen are read in another octave or not at all.

The piece that continues the prime has all of its notes unchanged.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.music import notices
from seqgen.music.instruments import drum_of, names_of
from seqgen.music.keys import to_no_signature
from seqgen.music.score import NUM_PITCHES, Score, Track
from seqgen.music.theory import name_of
from seqgen.wording import counted

_MAX_NAMED = 5  # pitches in a message
_OCTAVES = sorted(range(-120, 121, 12), key=abs)


class ReadablePrime(NamedTuple):
    """A prime as the model can read it.

    Attributes:
        score: the parts with notes that the model can read, as it reads them.
        originals: the same parts with all their notes.
        unread: the other parts.
        notices: what was changed.
    """

    score: Score
    originals: tuple[Track, ...]
    unread: tuple[Track, ...]
    notices: list[str]


def readable(prime: Score, level: NoteLevel, unseen_ids: Sequence[int]) -> ReadablePrime:
    """Return the prime with pitches that the model has seen.

    Args:
        prime: the prime.
        level: the vocabulary.
        unseen_ids: ids that were never a target in training.

    Raises:
        UsageError: the model can read none of the notes.
    """
    shift = to_no_signature(prime.bars[0].sharps) if level.is_in_one_key else 0
    unseen, pitches = set(unseen_ids), range(NUM_PITCHES)
    known = {
        False: {pitch for pitch in pitches if pitch + shift in pitches and t.PITCH + pitch + shift not in unseen},
        True: {pitch for pitch in pitches if t.DRUM + pitch not in unseen},
    }
    changes, counts = _Changes(prime), Counter[str]()
    names = names_of(prime.tracks)
    read, originals, unread = [], [], []
    for track, name in zip(prime.tracks, names, strict=True):
        moved = _moved({note.pitch for note in track.notes}, known[track.is_drum], is_drum=track.is_drum)
        notes = [note._replace(pitch=moved[note.pitch]) for note in track.notes if note.pitch in moved]
        if track.notes and not notes:
            unread.append((track, name))
            continue
        changes.add(track, moved)
        originals.append(track)
        read.append(notices.track(notes, track.name, track.program, counts, is_drum=track.is_drum))
    if not any(track.notes for track in read):
        raise UsageError(_unreadable(prime, known))
    lines = [f"{counted(count, kind)} in the prime" for kind, count in counts.items() if count]
    lines += [f"part {name} ends with the prime, because the model has never seen its notes" for _, name in unread]
    return ReadablePrime(
        replace(prime, tracks=tuple(read)),
        tuple(originals),
        tuple(track for track, _ in unread),
        [*changes.lines(), *lines],
    )


def _moved(pitches: set[int], known: set[int], *, is_drum: bool) -> dict[int, int]:
    """Return the pitch that each pitch becomes; those that have none are absent.

    Unknown pitches move by the same octaves if possible, which keeps their intervals.
    """
    same = {pitch: pitch for pitch in pitches & known}
    unknown = pitches - known
    if is_drum or not unknown:
        return same
    together = [octaves for octaves in _OCTAVES if all(pitch + octaves in known for pitch in unknown)]
    nearest = {
        pitch: pitch + octaves
        for pitch in unknown
        for octaves in reversed(together[:1] or _OCTAVES)
        if pitch + octaves in known
    }
    return same | nearest


class _Changes:
    """Counts the notes that are read in another octave or not at all, by the names of their pitches."""

    def __init__(self, prime: Score) -> None:
        self._prime = prime
        self._moved: Counter[str] = Counter()
        self._omitted: Counter[str] = Counter()

    def add(self, track: Track, moved: Mapping[int, int]) -> None:
        """Count the notes of a track, given what each pitch became."""
        for note in track.notes:
            name = drum_of(note.pitch).name if track.is_drum else _name(note.pitch, self._prime)
            if note.pitch not in moved:
                self._omitted[name] += 1
            elif moved[note.pitch] != note.pitch:
                self._moved[f"{name} as {_name(moved[note.pitch], self._prime)}"] += 1

    def lines(self) -> list[str]:
        """Return a sentence for each kind of change."""
        kinds = (
            ("read in another octave, in which the model has seen them", self._moved),
            ("not read, because the model has never seen them", self._omitted),
        )
        return [
            f"{counted(count.total(), 'note of the prime')} {change}: {_listed(count)}"
            for change, count in kinds
            if count
        ]


def _unreadable(prime: Score, known: Mapping[bool, set[int]]) -> str:
    """Return the message for a prime of which the model can read no note."""
    drums = {note.pitch for track in prime.tracks if track.is_drum for note in track.notes}
    pitches = {note.pitch for track in prime.tracks if not track.is_drum for note in track.notes}
    if pitches and known[False]:
        names = _listed(_name(pitch, prime) for pitch in sorted(pitches))
        lowest, highest = (_name(pitch, prime) for pitch in (min(known[False]), max(known[False])))
        return (
            f"--prime contains {names}, which this model has never seen in any octave: its pitches are {lowest} to "
            f"{highest}"
        )
    if drums and known[True]:
        own = ", ".join(drum_of(pitch).name for pitch in sorted(known[True]))
        return f"--prime contains only drums that this model has never seen: its drums are {own}"
    if drums:
        return (
            "--prime must contain pitched notes, because this model writes no drums: use another prime, or omit --prime"
        )
    return (
        "--prime must contain drums, because this model writes drums only: use --prime @FILE with a drum part, or omit "
        "--prime"
    )


def _name(pitch: int, prime: Score) -> str:
    """Return the name of a pitch with the sharps or flats of the key, but without E#, B#, Cb and Fb."""
    return name_of(pitch, min(max(prime.bars[0].sharps, -3), 2))


def _listed(names: Iterable[str]) -> str:
    """Return the first names."""
    names = list(names)
    return ", ".join(names[:_MAX_NAMED]) + (f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else "")
