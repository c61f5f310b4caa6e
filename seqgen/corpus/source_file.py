"""Files of a source: `RawFile` as they are found, `SourceFile` once it is known what they hold."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import PurePath
from typing import Any

from seqgen.config import CorpusConfig
from seqgen.corpus.archives import Opener, without_packing
from seqgen.corpus.documents import Document
from seqgen.corpus.passages import Passages
from seqgen.corpus.reading import ReadingLog, unreadable
from seqgen.corpus.statistics import Statistics

HEAD_BYTES = 8192  # a binary file has a zero byte among them, as git assumes


@dataclass(frozen=True)
class RawFile:
    """The bytes of a file, or of a member of an archive.

    Attributes:
        name: the name in errors and reports; its suffix shows the format.
        open_bytes: opens the file, unpacked.
        is_alone: whether the user named this very file, so that a fault in it is an error.
        encoding: the encoding of its text if it is known; None for that of the options.
    """

    name: str
    open_bytes: Opener
    is_alone: bool = True
    encoding: str | None = None

    @property
    def unpacked_name(self) -> str:
        """The name without the suffix of its compression."""
        return without_packing(self.name)

    @property
    def suffix(self) -> str:
        """The suffix that shows the format, in lower case."""
        return PurePath(self.unpacked_name).suffix.lower()

    @contextmanager
    def opened(self) -> Iterator[BufferedReader]:
        """Open the file in a `with` statement.

        Raises:
            UnusableFileError: the file cannot be read.
        """
        try:
            with self.open_bytes() as file:
                yield file
        except OSError as error:
            raise unreadable(self.name, error) from error

    def head(self) -> bytes:
        """Return the first bytes."""
        with self.opened() as file:
            return file.read(HEAD_BYTES)


class Kind(ABC):
    """What all files of a corpus hold: text or music.

    Attributes:
        level: the level that `--level auto` chooses.
        unit: what sizes count, in the singular.
        document: what a document is called, in the singular, if nothing smaller than a file is asked for.
        is_held_in_memory: whether documents stay in memory once they are read.
    """

    level: str
    unit: str
    document: str
    is_held_in_memory: bool

    def settings(self, config: CorpusConfig) -> list[Any]:  # noqa: ARG002  # none by default
        """Return the values of those options that change the token ids of this kind only."""
        return []

    @abstractmethod
    def summary(self, num_files: int, statistics: Statistics, unit: str | None) -> str:
        """Return a sentence on what was read; the unit is what files were cut into, None for whole files."""

    def relate(self, files: "Sequence[SourceFile]") -> None:  # noqa: B027  # nothing to do by default
        """Give near-duplicates among the documents of all files the same family; by default, do nothing."""


class SourceFile(ABC):
    """A file that holds one or more documents.

    Args:
        raw: its bytes.

    Attributes:
        kind: what it holds.
        has_records: whether its documents are records of a table or of JSON.
        given_kind: what its texts are given: text, or a kind of signal.
    """

    kind: Kind
    has_records: bool = False
    given_kind: str = "text"

    def __init__(self, raw: RawFile) -> None:
        self.raw = raw
        self.name = raw.name

    @property
    def is_alone(self) -> bool:
        """Whether the user named this very file, so that a fault in it is an error."""
        return self.raw.is_alone

    @property
    @abstractmethod
    def size(self) -> int:
        """The length of the content, in characters or bars; 0 if there is nothing to learn from.

        Raises:
            UnusableFileError: the file cannot be read.
        """

    @property
    @abstractmethod
    def digest(self) -> bytes:
        """A hash of the content, 16 bytes long."""

    @abstractmethod
    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[Any]]:
        """Yield the documents, read anew at each call.

        Args:
            unit: what text is cut into: file, line or paragraph.
            log: counts what is skipped.

        Raises:
            UnusableFileError: the file cannot be read, or nothing in it can be used.
        """

    def blocks(self, unit: str, log: ReadingLog) -> Iterator[Document[Any] | Passages]:
        """Yield the same documents as `documents`, short ones in blocks."""
        return self.documents(unit, log)

    def report(self, log: ReadingLog) -> None:  # noqa: B027  # nothing to do by default
        """Note what a user should know about the file once it has been read."""

    def parse_ahead(self) -> None:  # noqa: B027  # nothing to do by default
        """Parse the file into a cache if that takes long, for the process that reads it later.

        Raises:
            UnusableFileError: the file cannot be read.
        """
