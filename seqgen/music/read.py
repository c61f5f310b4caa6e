"""Files of music -> scores, by suffix; errors are returned, not raised."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from seqgen.errors import MusicError
from seqgen.music import abc_reader, kern_reader, midi_reader, musicxml_reader
from seqgen.music.score import DEFAULT_GRID, Score

Parse = Callable[[], tuple[Score, Counter[str]]]

_MAX_REASON = 200


class ReadingOptions(NamedTuple):
    """How music is read.

    Attributes:
        grid: steps per quarter note.
        chords: whether chord symbols become a part of block chords.
        pedal: whether the sustain pedal extends notes.
    """

    grid: int = DEFAULT_GRID
    chords: bool = False
    pedal: bool = False


DEFAULT_OPTIONS = ReadingOptions()


class Tune(NamedTuple):
    """A piece that was read.

    Attributes:
        name: of the file, with the number and title if it has several tunes.
        score: the music.
        notices: how often each change was made on reading; the changes are named in the singular.
    """

    name: str
    score: Score
    notices: Mapping[str, int]


def read(name: str, data: bytes, options: ReadingOptions = DEFAULT_OPTIONS) -> Iterator[Tune | MusicError]:
    """Yield every piece of a file in order, or an error for a piece that cannot be read.

    Args:
        name: of the file; its suffix, one of `MUSIC`, determines the format.
        data: the content of the file, unpacked.
        options: how it is read.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in MUSIC:
        yield MusicError("file of another format", f"{name} is not one of {', '.join(sorted(MUSIC))}")
        return
    for piece, parse in _PIECES[suffix](name, data, options):
        yield _guarded(piece, parse)


def _guarded(name: str, parse: Parse) -> Tune | MusicError:
    """Return the piece, or an error whose message begins with its name."""
    try:
        score, notices = parse()
    except MusicError as error:
        return MusicError(error.kind, f"{name} {error}")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # on broken files the libraries raise almost anything
        reason = " ".join(str(error).split())[:_MAX_REASON]
        return MusicError("damaged file", f"{name} cannot be read: {reason or type(error).__name__}")
    return Tune(name, score, notices)


def _midi(name: str, data: bytes, options: ReadingOptions) -> Iterator[tuple[str, Parse]]:
    yield name, partial(midi_reader.score_of, data, options.grid, pedal=options.pedal)


def _musicxml(name: str, data: bytes, options: ReadingOptions) -> Iterator[tuple[str, Parse]]:
    yield name, partial(musicxml_reader.score_of, data, options.grid, chords=options.chords)


def _kern(name: str, data: bytes, options: ReadingOptions) -> Iterator[tuple[str, Parse]]:
    yield name, partial(kern_reader.score_of, data, options.grid)


def _abc(name: str, data: bytes, options: ReadingOptions) -> Iterator[tuple[str, Parse]]:
    for piece, text in abc_reader.tunes(name, data):
        yield piece, partial(abc_reader.score_of, text, options.grid, chords=options.chords)


_PIECES: Mapping[str, Callable[[str, bytes, ReadingOptions], Iterator[tuple[str, Parse]]]] = {
    ".mid": _midi,
    ".midi": _midi,
    ".kar": _midi,
    ".rmi": _midi,
    ".musicxml": _musicxml,
    ".xml": _musicxml,
    ".mxl": _musicxml,
    ".krn": _kern,
    ".abc": _abc,
}
MUSIC = frozenset(_PIECES)
