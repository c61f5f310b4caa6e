"""A piece of music on a grid: bars with metre and key, and tracks of notes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import NamedTuple, Self

from seqgen import files
from seqgen.errors import MusicError
from seqgen.music.keys import transposed_key

DEFAULT_GRID = 12  # steps per quarter note: sixteenths and triplets; exact for 99.99 % of the notes of Nottingham
DEFAULT_TEMPO = 120.0  # quarter notes per minute, the default of MIDI
DEFAULT_VELOCITY = 90
NUM_PITCHES = 128
MAX_SHARPS = 7
DENOMINATORS = (1, 2, 4, 8, 16, 32)


class Note(NamedTuple):
    """A note. In a drum track, the pitch selects the drum.

    Attributes:
        onset: in steps from the beginning of the first whole bar.
        duration: in steps, at least 1.
        pitch: MIDI number, 60 is middle C.
        velocity: 1 to 127.
    """

    onset: int
    duration: int
    pitch: int
    velocity: int = DEFAULT_VELOCITY

    @property
    def end(self) -> int:
        """The step at which the note ends."""
        return self.onset + self.duration


class Tempo(NamedTuple):
    """A change of tempo.

    Attributes:
        onset: in steps.
        quarters_per_minute: above 0.
    """

    onset: int
    quarters_per_minute: float


class Bar(NamedTuple):
    """The time signature and key signature of a bar.

    Attributes:
        numerator: of the time signature, at least 1.
        denominator: of the time signature, one of `DENOMINATORS`.
        sharps: of the key signature; flats are negative.
    """

    numerator: int = 4
    denominator: int = 4
    sharps: int = 0

    def num_steps(self, grid: int) -> int:
        """Return the length of the bar.

        Raises:
            MusicError: the end of the bar is not on the grid.
        """
        steps, rest = divmod(4 * grid * self.numerator, self.denominator)
        if rest or not steps:
            raise MusicError(
                "metre off the grid",
                f"a bar of {self.numerator}/{self.denominator} does not fit {grid} steps per quarter note",
            )
        return steps


@dataclass(frozen=True)
class Track:
    """The notes of one part, ordered by onset and descending pitch.

    Attributes:
        notes: those of equal pitch do not overlap.
        name: such as "Soprano"; may be empty.
        program: General MIDI program, from 0.
        is_drum: whether the pitches are drums.
    """

    notes: tuple[Note, ...]
    name: str = ""
    program: int = 0
    is_drum: bool = False


@dataclass(frozen=True, repr=False)
class Score:
    """A piece of music, a sequence of bars: `len` counts bars, a slice selects bars.

    Attributes:
        bars: all bars.
        tracks: the parts, from the top of the page down.
        pickup: number of steps of an incomplete first bar, otherwise 0. Times are counted from the beginning of the
            whole bar, so that the notes of a pickup begin late in it.
        tempos: at least one, the first at 0.
        grid: steps per quarter note.
        title: of a piece that is written; may be empty.
        is_excerpt: whether the piece continues after the last bar.
    """

    bars: tuple[Bar, ...]
    tracks: tuple[Track, ...]
    pickup: int = 0
    tempos: tuple[Tempo, ...] = (Tempo(0, DEFAULT_TEMPO),)
    grid: int = DEFAULT_GRID
    title: str = ""
    is_excerpt: bool = False

    def __post_init__(self) -> None:
        if self.bars and not 0 <= self.pickup < self.bar_starts[1]:
            raise MusicError("broken score", f"a pickup of {self.pickup} steps does not fit the first bar")
        for track in self.tracks:
            _check_notes(track, self.num_steps)

    def __len__(self) -> int:
        return len(self.bars)

    def __repr__(self) -> str:
        title = f"title={self.title!r}, " if self.title else ""
        metre = f"metre='{self.bars[0].numerator}/{self.bars[0].denominator}', " if self.bars else ""
        names = [track.name for track in self.tracks]
        return f"Score({title}bars={len(self)}, {metre}tracks={names}, notes={self.num_notes})"

    def __getitem__(self, bars: slice) -> Self:
        """Return a range of bars; a note that begins in them and ends after them is shortened."""
        first, stop, _ = bars.indices(len(self))
        start, end = self.bar_starts[first], self.bar_starts[max(first, stop)]
        tracks = tuple(
            replace(
                track,
                notes=tuple(
                    note._replace(onset=note.onset - start, duration=min(note.end, end) - note.onset)
                    for note in track.notes
                    if start <= note.onset < end
                ),
            )
            for track in self.tracks
        )
        before = [tempo for tempo in self.tempos if tempo.onset <= start][-1]
        inside = [tempo._replace(onset=tempo.onset - start) for tempo in self.tempos if start < tempo.onset < end]
        tempos = (Tempo(0, before.quarters_per_minute), *inside)
        pickup = self.pickup if first == 0 and stop else 0
        is_excerpt = self.is_excerpt or stop < len(self)
        return replace(
            self, bars=self.bars[first:stop], tracks=tracks, tempos=tempos, pickup=pickup, is_excerpt=is_excerpt
        )

    @cached_property
    def bar_starts(self) -> tuple[int, ...]:
        """The step at which each bar begins, followed by the end of the last bar."""
        return tuple(accumulate((bar.num_steps(self.grid) for bar in self.bars), initial=0))

    @property
    def num_steps(self) -> int:
        """The end of the last bar."""
        return self.bar_starts[-1]

    @property
    def start(self) -> int:
        """The step at which the music begins: 0, or the beginning of the pickup."""
        return self.bar_starts[1] - self.pickup if self.pickup else 0

    @property
    def quarters(self) -> float:
        """The length in quarter notes."""
        return (self.num_steps - self.start) / self.grid

    @property
    def num_notes(self) -> int:
        """The number of notes of all tracks."""
        return sum(len(track.notes) for track in self.tracks)

    @property
    def notes(self) -> Iterator[Note]:
        """The notes of all tracks, one track after the other."""
        return chain.from_iterable(track.notes for track in self.tracks)

    def write(self, path: str | Path) -> None:
        """Write the score to a file, in the format of its suffix: one of `seqgen.music.write.SUFFIXES`.

        Raises:
            UsageError: the suffix is unknown.
            MusicError: there are no bars or no tracks, the format cannot represent the music, or the file cannot be
                written.
        """
        from seqgen.music.write import rendered

        path = Path(path)
        content = rendered(self, path.suffix)
        try:
            files.replace(path, content)
        except OSError as error:
            raise MusicError("unwritable file", f"{path} cannot be written: {error.strerror}") from error

    def transposed(self, semitones: int) -> Self:
        """Return the score with all pitches and keys transposed, except drums.

        Raises:
            MusicError: a pitch would be outside 0 to 127.
        """
        tracks = tuple(
            track
            if track.is_drum
            else replace(track, notes=tuple(note._replace(pitch=note.pitch + semitones) for note in track.notes))
            for track in self.tracks
        )
        bars = tuple(bar._replace(sharps=transposed_key(bar.sharps, semitones)) for bar in self.bars)
        return replace(self, bars=bars, tracks=tracks)


def track_of(notes: Sequence[Note], name: str = "", program: int = 0, *, is_drum: bool = False) -> Track:
    """Return a track of notes in any order. A note ends when the next note of equal pitch begins.

    Of two notes with equal onset and pitch, the longer one is kept.
    """
    kept: dict[int, list[Note]] = {}
    for note in sorted(notes, key=lambda note: (note.onset, note.duration)):
        line = kept.setdefault(note.pitch, [])
        if line and line[-1].onset == note.onset:
            line.pop()
        elif line and line[-1].end > note.onset:
            line[-1] = line[-1]._replace(duration=note.onset - line[-1].onset)
        line.append(note)
    ordered = sorted(chain.from_iterable(kept.values()), key=lambda note: (note.onset, -note.pitch))
    return Track(tuple(ordered), name, program, is_drum)


def _check_notes(track: Track, num_steps: int) -> None:
    ends: dict[int, int] = {}
    before = (0, -NUM_PITCHES)
    for onset, duration, pitch, velocity in track.notes:
        if not (0 <= pitch < NUM_PITCHES and duration >= 1 and onset >= 0 and 1 <= velocity < NUM_PITCHES):
            raise MusicError(
                "broken score", f"{Note(onset, duration, pitch, velocity)} has a value that a note cannot have"
            )
        if (onset, -pitch) < before or onset < ends.get(pitch, 0) or onset + duration > num_steps:
            raise MusicError(
                "broken score",
                f"{Note(onset, duration, pitch, velocity)} is out of order, overlaps, or ends after the last bar",
            )
        before, ends[pitch] = (onset, -pitch), onset + duration
