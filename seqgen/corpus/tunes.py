"""Files of music: each piece in them is a document."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from seqgen import files
from seqgen.corpus.archives import Opener, without_packing
from seqgen.corpus.documents import Document
from seqgen.corpus.reading import Reading, UnfitError, unreadable
from seqgen.errors import MusicError
from seqgen.levels.base import Content
from seqgen.music.families import families, lines
from seqgen.music.read import Tune as ReadTune
from seqgen.music.read import read
from seqgen.music.score import Score

MAX_BYTES = 1 << 27  # of a file of music, which is held in memory
_QUICK = {".mid", ".midi"}  # read sooner than a copy of what was read
_VERSION = 1  # of the way from files to scores


class Tune(Document):
    """A piece of music, kept in memory in a compact form.

    Args:
        name: what reports call it.
        content: the score, as `Score.to_json` writes it.
    """

    def __init__(self, name: str, content: str) -> None:
        self.name = name
        self._content = content
        self._digest = self._family = hashlib.sha256(content.encode()).digest()[:16]
        score = self.score
        self._size = len(score)
        self.lines = lines(score)

    @property
    def score(self) -> Score:
        """The music."""
        return Score.from_json(self._content)

    @property
    def size(self) -> int:
        """The number of bars."""
        return self._size

    @property
    def digest(self) -> bytes:
        """A hash of the score."""
        return self._digest

    @property
    def family(self) -> bytes:
        """The digest of the first piece with its melody."""
        return self._family

    @family.setter
    def family(self, family: bytes) -> None:
        self._family = family

    def chunks(self) -> Iterator[Content]:
        """Yield the whole score."""
        yield self.score


class MusicFile(Document):
    """A file of one or more pieces.

    Args:
        name: what errors and reports call it; its suffix tells the format.
        open_bytes: opens it, unpacked.
        grid: steps a quarter.
        cache: a folder in which what was read slowly is kept; None keeps nothing.
        is_alone: whether the user named this very file.
    """

    def __init__(self, name: str, open_bytes: Opener, grid: int, cache: Path | None, *, is_alone: bool = True) -> None:
        self.name = name
        self.is_alone = is_alone
        self._open = open_bytes
        self._grid = grid
        self._cache = cache

    @cached_property
    def _read(self) -> tuple[list[Tune], list[tuple[str, str]], Counter[str]]:
        """The pieces; kind and sentence of those that cannot be used; what was changed on reading."""
        pieces, refused, notices = [], [], Counter[str]()
        for entry in self._entries():
            if "score" in entry:
                pieces.append(Tune(entry["name"], entry["score"]))
                notices.update(entry["notices"])
            else:
                refused.append((entry["kind"], entry["message"]))
        return pieces, refused, notices

    @property
    def size(self) -> int:
        """The number of bars of all pieces."""
        return sum(piece.size for piece in self.pieces)

    @property
    def digest(self) -> bytes:
        """A hash of all pieces and their families."""
        contents = (piece.digest + piece.family for piece in self.pieces)
        return hashlib.sha256(b"".join(contents)).digest()[:16]

    @property
    def pieces(self) -> Sequence[Tune]:
        """The pieces that can be used."""
        return self._read[0]

    def chunks(self) -> Iterator[Content]:
        """Yield the scores of all pieces."""
        for piece in self.pieces:
            yield piece.score

    def keep(self) -> None:
        """Read it into the cache, where that is worth it.

        Raises:
            UnfitError: the file cannot be read.
        """
        if self._is_slow:
            self._entries()

    @property
    def _is_slow(self) -> bool:
        return PurePath(without_packing(self.name)).suffix.lower() not in _QUICK

    def report(self, reading: Reading) -> None:
        """Tell what was changed and passed over.

        Raises:
            UnfitError: nothing can be used of the one file that the user named.
        """
        pieces, refused, notices = self._read
        for kind, message in refused:
            reading.pass_over(UnfitError(kind, message), is_alone=self.is_alone and not pieces and len(refused) == 1)
        for kind, count in notices.items():
            reading.notice(kind, count)

    def _entries(self) -> list[dict[str, Any]]:
        data = self._bytes()
        if self._cache is None or not self._is_slow:
            return self._parsed(data)
        key = hashlib.sha256(repr((_VERSION, self._grid, self.name)).encode() + data).hexdigest()[:32]
        kept = self._cache / f"{key}.json"
        with suppress(OSError, ValueError):
            entries: list[dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8"))
            return entries
        entries = self._parsed(data)
        with suppress(OSError):  # it is only there to save time
            self._cache.mkdir(parents=True, exist_ok=True)
            files.replace(kept, json.dumps(entries).encode())
        return entries

    def _parsed(self, data: bytes) -> list[dict[str, Any]]:
        return [_entry(found) for found in read(without_packing(self.name), data, self._grid)]

    def _bytes(self) -> bytes:
        try:
            with self._open() as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise unreadable(self.name, error) from error
        if len(data) > MAX_BYTES:
            raise UnfitError(
                "file too large", f"{self.name} has over {MAX_BYTES:,} bytes: too large for a file of music"
            )
        return data


def _entry(found: ReadTune | MusicError) -> dict[str, Any]:
    if isinstance(found, MusicError):
        return {"kind": found.kind, "message": str(found)}
    return {"name": found.name, "notices": dict(found.notices), "score": found.score.to_json()}


def relate(pieces: Iterable[Tune]) -> None:
    """Let pieces on one melody share a family."""
    pieces = list(pieces)
    heads = families([piece.lines for piece in pieces])
    for piece, head in zip(pieces, heads, strict=True):
        piece.family = pieces[head].digest
