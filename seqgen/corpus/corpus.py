"""A corpus: all documents of some sources."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from pathlib import Path
from typing import Any, Self

from seqgen.config import CorpusConfig
from seqgen.corpus.crew import Crew
from seqgen.corpus.documents import Document
from seqgen.corpus.kinds import source_files
from seqgen.corpus.passage_cache import PassageCache
from seqgen.corpus.passages import Passages, singly
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import Kind, SourceFile
from seqgen.corpus.statistics import Statistics
from seqgen.errors import CorpusError
from seqgen.options import flag

_OF_TABLES = ("field", "header", "delimiter")  # options


@dataclass(frozen=True)
class Corpus:
    """All documents of some sources; each iteration reads them anew.

    Attributes:
        sources: as the user named them.
        files: the files that can be used, all of one kind.
        config: what a document is.
        log: what a user should know about the reading.
        statistics: what was counted.
        cache: passages that need not be read again.
    """

    sources: tuple[str, ...]
    files: tuple[SourceFile, ...]
    config: CorpusConfig
    log: ReadingLog
    statistics: Statistics
    cache: PassageCache

    @classmethod
    def read(cls, sources: Iterable[str], config: CorpusConfig, cache: Path | None = None) -> Self:
        """Read every document once, to count them and to find files that cannot be used.

        Args:
            sources: as the user named them.
            config: what a document is.
            cache: a folder for music that takes long to parse; None for no cache.

        Raises:
            CorpusError: a source does not exist or cannot be read, or there is nothing to learn from.
        """
        sources, log, statistics = tuple(sources), ReadingLog(), Statistics(config.valid_fraction)
        passages = PassageCache()
        found = source_files(sources, config, log, cache)
        for kind in {file.kind for file in found}:
            kind.relate(found)
        files = []
        for file in found:
            try:
                for block in passages.kept(file, file.blocks(config.document, log)):
                    if isinstance(block, Passages):
                        statistics.add_all(block)
                    else:
                        statistics.add(block)
                if file.size:
                    files.append(file)
            except UnusableFileError as error:
                log.skip_or_raise(error, is_alone=file.is_alone)
        if not statistics.size:
            raise CorpusError(f"{', '.join(sources)}: there is nothing to learn from{log.skipped_in_parentheses}")
        corpus = cls(sources, tuple(files), config, log, statistics, passages)
        corpus._report()
        return corpus

    def __iter__(self) -> Iterator[Document[Any]]:
        return singly(self.blocks())

    def blocks(self) -> Iterator[Document[Any] | Passages]:
        """Yield all documents, short ones in blocks; those that are not kept in memory are read anew at each call."""
        log = ReadingLog()  # the messages are those of the first reading
        for file in self.files:
            yield from self.cache.of(file) or file.blocks(self.config.document, log)

    def share(self, crew: Crew) -> Self:
        """Return the files that this process of a crew reads; those of all processes, in order, are the corpus."""
        sizes = [file.size for file in self.files]
        starts = accumulate(sizes, initial=0)
        own = [start * crew.size // sum(sizes) == crew.rank for start, _ in zip(starts, sizes, strict=False)]
        files = tuple(compress(self.files, own))
        return replace(self, files=files, cache=self.cache.only(files))

    @property
    def kind(self) -> Kind:
        """What the files hold."""
        return self.files[0].kind

    @property
    def has_records(self) -> bool:
        """Whether there are tables or JSON records."""
        return any(file.has_records for file in self.files)

    @property
    def has_passages(self) -> bool:
        """Whether documents are lines, paragraphs, records or pairs."""
        return self.config.document != "file" or self.has_records or self.has_given

    @property
    def has_given(self) -> bool:
        """Whether documents are pairs."""
        return self.config.given is not None

    @property
    def given_kind(self) -> str:
        """What the texts are given: text, or a kind of signal.

        Raises:
            CorpusError: it differs between files.
        """
        kinds = {file.given_kind: file for file in self.files}
        if len(kinds) > 1:
            examples = ", ".join(f"{kind} in {file.name}" for kind, file in kinds.items())
            raise CorpusError(f"all texts must be given the same kind of thing, got {examples}")
        return next(iter(kinds))

    @property
    def unit(self) -> str:
        """What a document is called, in the singular."""
        if self.has_given:
            return "pair"
        return self.config.document if self.config.document != "file" else self.kind.document

    @property
    def content(self) -> list[list[str]]:
        """What the documents depend on, besides the options."""
        return [[file.raw.suffix, file.digest.hex()] for file in self.files]

    def _report(self) -> None:
        self.log.note(self.kind.summary(len(self.files), self.statistics, self.unit if self.has_passages else None))
        for file in self.files:
            file.report(self.log)
        given = [name for name in _OF_TABLES if getattr(self.config, name) is not None]
        if given and not self.has_records:
            self.log.note(f"{flag(given[0])} has no effect: no file is a table (.csv, .tsv) or JSON (.json, .jsonl)")


def parse_ahead(config: CorpusConfig, cache: Path, crew: Crew) -> bool:
    """Parse what takes long into the cache, each process of a crew its share of the files.

    Returns:
        Whether the documents are held in memory after that, so that one process alone prepares them.

    Raises:
        CorpusError: a source does not exist or cannot be read.
    """
    if config.given is not None:  # text is never parsed ahead
        crew.wait()
        return False
    sources = (*config.corpus, *([config.valid] if config.valid is not None else []))
    files = source_files(sources, config, ReadingLog(), cache)
    for file in files[crew.rank :: crew.size]:
        with suppress(UnusableFileError):  # reported when the corpus is read
            file.parse_ahead()
    crew.wait()
    return any(file.kind.is_held_in_memory for file in files)
