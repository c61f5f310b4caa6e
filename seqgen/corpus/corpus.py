"""A corpus: all documents of some sources."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from pathlib import Path
from typing import Any, Self

from seqgen.config import CorpusConfig
from seqgen.corpus.crew import ALONE, Crew
from seqgen.corpus.documents import Document
from seqgen.corpus.kinds import source_files
from seqgen.corpus.passage_cache import PassageCache
from seqgen.corpus.passages import Passages, singly
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.shares import WHOLE, ShareFile, Shares, attempted
from seqgen.corpus.source_file import Kind, SourceFile
from seqgen.corpus.sources import is_stream
from seqgen.corpus.statistics import Statistics
from seqgen.errors import CorpusError
from seqgen.options import flag

_OF_TABLES = ("field", "header", "delimiter")  # options


@dataclass(frozen=True)
class Corpus:
    """All documents of some sources on this machine; each iteration reads them anew.

    Attributes:
        sources: as the user named them.
        files: the files that can be used, all of one kind.
        config: what a document is.
        log: what a user should know about the reading.
        statistics: what was counted.
        cache: passages that need not be read again.
        shares: this corpus and those of other machines, of which it is a share.
        contents: that of each share, see `content`; None if there is only one.
        total: the statistics of all shares.
    """

    sources: tuple[str, ...]
    files: tuple[SourceFile, ...]
    config: CorpusConfig
    log: ReadingLog
    statistics: Statistics
    cache: PassageCache
    shares: Shares
    contents: list[list[list[str]]] | None
    total: Statistics

    @classmethod
    def read(
        cls, sources: Iterable[str], config: CorpusConfig, cache: Path | None = None, processes: Crew = ALONE
    ) -> Self:
        """Read every document once, to count them and to find files that cannot be used.

        Args:
            sources: as the user named them.
            config: what a document is.
            cache: a folder for music that takes long to parse; None for no cache.
            processes: those of all machines, if each has only its share of the corpus.

        Raises:
            CorpusError: a source does not exist or cannot be read, there is nothing to learn from, or two machines have
                the same file.
        """
        is_divided = processes.machines > 1
        corpus = attempted(processes, lambda: cls._read(tuple(sources), config, cache, is_divided=is_divided))
        if is_divided:
            corpus = corpus._as_share(processes)
        corpus._report()
        return corpus

    @classmethod
    def _read(cls, sources: tuple[str, ...], config: CorpusConfig, cache: Path | None, *, is_divided: bool) -> Self:
        """Read the documents on this machine, which may be a share of those of several."""
        log, statistics, passages = ReadingLog(), Statistics(config.valid_fraction), PassageCache()
        found = source_files(sources, config, log, cache)
        if is_divided:
            _check_share(sources, found)
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
        return cls(sources, tuple(files), config, log, statistics, passages, WHOLE, None, statistics)

    def _as_share(self, processes: Crew) -> Self:
        """Return this corpus as the share of this machine."""
        by_machine = processes.exchange(self.share_files)
        shares = Shares.of(processes, [[ShareFile(*file) for file in files] for files in by_machine])
        total = Statistics.of_all(self.config.valid_fraction, shares.gathered(self.statistics.to_json()))
        return replace(self, shares=shares, contents=shares.gathered(self.content), total=total)

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
    def share_files(self) -> list[ShareFile]:
        """The files with their names."""
        return [ShareFile(file.name, file.raw.suffix, file.digest.hex()) for file in self.files]

    @property
    def content(self) -> list[list[str]]:
        """What the documents depend on, besides the options."""
        return [[file.suffix, file.digest] for file in self.share_files]

    @property
    def whole_content(self) -> list[Any]:
        """What the documents of all shares depend on, besides the options."""
        return self.content if self.contents is None else self.contents

    def _report(self) -> None:
        unit = self.unit if self.has_passages else None
        num_files = len(self.files) if self.contents is None else sum(map(len, self.contents))
        summary = self.kind.summary(num_files, self.total, unit)
        self.log.note(summary if self.contents is None else f"{summary}, on {len(self.contents)} machines")
        for file in self.files:
            file.report(self.log)
        given = [name for name in _OF_TABLES if getattr(self.config, name) is not None]
        if given and not self.has_records:
            self.log.note(f"{flag(given[0])} has no effect: no file is a table (.csv, .tsv) or JSON (.json, .jsonl)")


def _check_share(sources: Sequence[str], files: Sequence[SourceFile]) -> None:
    """Check that files can be a share of a corpus.

    Raises:
        CorpusError: they hold music, or can be read only once.
    """
    if files[0].kind.is_held_in_memory:
        raise CorpusError(
            f"{', '.join(sources)} holds music, but --corpus-share is for text: copy all files to all machines, and "
            "omit the option"
        )
    for source in filter(is_stream, sources):
        raise CorpusError(
            f"--corpus-share reads files more than once, but {source} can be read only once: save it as a file"
        )


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
