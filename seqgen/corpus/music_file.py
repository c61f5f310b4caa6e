"""Files of music: each piece in them is a document."""

import hashlib
import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from seqgen import files
from seqgen.config import CorpusConfig
from seqgen.corpus.documents import Document
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import Kind, RawFile, SourceFile
from seqgen.corpus.statistics import Statistics
from seqgen.errors import MusicError
from seqgen.levels.note.encoder import NoteEncoder
from seqgen.music import read as music
from seqgen.music import score_json
from seqgen.music.families import families, lines
from seqgen.music.score import Score
from seqgen.wording import counted

MAX_BYTES = 1 << 27  # of a file of music, which is held in memory
_FAST = {".mid", ".midi", ".kar", ".rmi"}  # parsed faster than a copy of the result
_VERSION = 5  # of the conversion from files to scores


class Music(Kind):
    """Music, whose sizes are in bars."""

    level = "note"
    unit = "bar"
    document = "piece"
    is_held_in_memory = True

    def settings(self, config: CorpusConfig) -> list[Any]:
        """Return the options that change the ids of music only."""
        return [reading_options(config), config.velocity]

    def summary(self, num_files: int, statistics: Statistics, unit: str | None) -> str:  # noqa: ARG002  # never cut
        """Return a sentence on what was read."""
        pieces = counted(statistics.num_documents, self.document)
        distinct = f" ({statistics.num_distinct:,} different)" if statistics.num_distinct else ""
        return f"read {counted(num_files, 'file')} of music, {pieces}{distinct}, {counted(statistics.size, self.unit)}"

    def relate(self, files: Sequence[SourceFile]) -> None:
        """Give pieces with the same melody the same family."""
        tunes: list[TuneDocument] = []
        for file in files:
            if isinstance(file, MusicFile):
                with suppress(UnusableFileError):  # reported when its documents are read
                    tunes += file.tunes
        for tune, first in zip(tunes, families([tune.lines for tune in tunes]), strict=True):
            tune.family = tunes[first].digest


MUSIC = Music()


def reading_options(config: CorpusConfig) -> music.ReadingOptions:
    """Return how the options of the corpus read music."""
    return music.ReadingOptions(config.grid, config.chords, config.pedal)


class TuneDocument(Document[Score]):
    """A piece of music, kept in memory in a compact form.

    Args:
        name: the name in reports.
        content: the score, as `score_json` writes it.

    Attributes:
        family: the digest of the first piece with its melody.
        lines: what is compared to find such pieces.
    """

    family = b""

    def __init__(self, name: str, content: str) -> None:
        self.name = name
        self._content = content
        self._digest = self.family = hashlib.sha256(content.encode()).digest()[:16]
        score = self.score
        self._size = len(score)
        self.lines = lines(score)

    @property
    def score(self) -> Score:
        """The music."""
        return score_json.from_json(self._content)

    @property
    def size(self) -> int:
        """The number of bars."""
        return self._size

    @property
    def digest(self) -> bytes:
        """A hash of the score."""
        return self._digest

    def cut_near(self, position: int) -> int:
        """Return the nearest bar line with notes that begin before and after it, or the number of bars without one."""
        score = self.score
        onsets = [note.onset for note in score.notes]
        first, last = (bisect_right(score.bar_starts, onset) - 1 for onset in (min(onsets), max(onsets)))
        return min(max(position, first + 1), last) if first < last else self.size

    def chunks(self) -> Iterator[Score]:
        """Yield the whole score."""
        yield self.score


class _ParsedMusic(NamedTuple):
    """The content of a file of music.

    Attributes:
        tunes: the pieces that can be used.
        rejected: kind and error message of those that cannot.
        changes: how often something was changed while reading, by kind.
    """

    tunes: list[TuneDocument]
    rejected: list[tuple[str, str]]
    changes: Counter[str]


class MusicFile(SourceFile):
    """A file of one or more pieces.

    Args:
        raw: its bytes.
        options: how it is read.
        cache: a folder for what takes long to parse; None for no cache.
        has_velocity: whether velocities are encoded, which takes more voices.
    """

    kind = MUSIC

    def __init__(
        self, raw: RawFile, options: music.ReadingOptions, cache: Path | None, *, has_velocity: bool = False
    ) -> None:
        super().__init__(raw)
        self._options = options
        self._cache = cache
        self._encoder = NoteEncoder(options.grid, has_velocity=has_velocity)

    @property
    def tunes(self) -> Sequence[TuneDocument]:
        """The pieces that can be used."""
        return self._parsed.tunes

    @property
    def size(self) -> int:
        """The number of bars of all pieces."""
        return sum(tune.size for tune in self.tunes)

    @property
    def digest(self) -> bytes:
        """A hash of all pieces and their families."""
        contents = (tune.digest + tune.family for tune in self.tunes)
        return hashlib.sha256(b"".join(contents)).digest()[:16]

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[Score]]:  # noqa: ARG002  # pieces are never cut
        """Yield the pieces; those that cannot be used are skipped."""
        tunes, rejected, changes = self._parsed
        for kind, message in rejected:
            is_alone = self.is_alone and not tunes and len(rejected) == 1
            log.skip_or_raise(UnusableFileError(kind, message), is_alone=is_alone)
        for kind, number in changes.items():
            log.count(kind, number)
        yield from tunes

    def parse_ahead(self) -> None:
        """Parse the file into the cache if that takes long.

        Raises:
            UnusableFileError: the file cannot be read.
        """
        if self._is_slow:
            self._entries()

    @property
    def _is_slow(self) -> bool:
        return self.raw.suffix not in _FAST

    @cached_property
    def _parsed(self) -> _ParsedMusic:
        parsed = _ParsedMusic([], [], Counter())
        for entry in self._entries():
            if "score" not in entry:
                parsed.rejected.append((entry["kind"], entry["message"]))
                continue
            tune = TuneDocument(entry["name"], entry["score"])
            try:
                self._encoder.voiced(tune.score)
            except MusicError as error:
                parsed.rejected.append((error.kind, f"{tune.name} cannot be learned: {error}"))
            else:
                parsed.tunes.append(tune)
                parsed.changes.update(entry["notices"])
        return parsed

    def _entries(self) -> list[dict[str, Any]]:
        """Return the pieces as JSON objects, from the cache if they are in it."""
        data = content_of(self.raw)
        if self._cache is None or not self._is_slow:
            return self._read(data)
        key = hashlib.sha256(repr((_VERSION, self._options, self.name)).encode() + data).hexdigest()[:32]
        cached = self._cache / f"{key}.json"
        with suppress(OSError, ValueError):
            entries: list[dict[str, Any]] = json.loads(cached.read_text(encoding="utf-8"))
            return entries
        entries = self._read(data)
        with suppress(OSError):  # a cache only saves time
            self._cache.mkdir(parents=True, exist_ok=True)
            files.replace(cached, json.dumps(entries).encode())
        return entries

    def _read(self, data: bytes) -> list[dict[str, Any]]:
        return [_entry(found) for found in music.read(self.raw.unpacked_name, data, self._options)]


def content_of(raw: RawFile) -> bytes:
    """Return the content of a file of music.

    Raises:
        UnusableFileError: it cannot be read, or is too large.
    """
    with raw.opened() as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        message = f"{raw.name} has more than {MAX_BYTES:,} bytes: too large for a file of music"
        raise UnusableFileError("file too large", message)
    return data


def _entry(found: music.Tune | MusicError) -> dict[str, Any]:
    if isinstance(found, MusicError):
        return {"kind": found.kind, "message": str(found)}
    return {"name": found.name, "notices": dict(found.notices), "score": score_json.to_json(found.score)}
