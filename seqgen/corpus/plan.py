"""A corpus read through once: what goes where, before anything is encoded."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from pathlib import Path
from typing import Any, Self

from seqgen.config import CorpusConfig
from seqgen.corpus.crew import Crew
from seqgen.corpus.documents import Document, cut
from seqgen.corpus.reading import Reading, UnfitError, counted
from seqgen.corpus.records import RecordFile, suffix_of, with_records
from seqgen.corpus.sources import find_texts
from seqgen.corpus.split import FILES, PASSAGES, TRAIN, VALID, Split, Tally
from seqgen.corpus.texts import TextFile
from seqgen.corpus.tunes import MusicFile, relate
from seqgen.errors import CorpusError
from seqgen.levels.base import Content, Level
from seqgen.options import flag

_FAR = 1.2  # times the share asked for: a difference to mention
_VERSION = 4  # of the way from texts to ids


@dataclass(frozen=True)
class Texts:
    """All texts of some sources; iterating cuts them into documents, anew each time.

    Attributes:
        sources: as the user named them.
        texts: the files, each of which can be read.
        config: what a document is.
        reading: what was read and passed over.
        tally: what was counted.
    """

    sources: tuple[str, ...]
    texts: tuple[Document, ...]
    config: CorpusConfig
    reading: Reading
    tally: Tally

    @classmethod
    def read(cls, sources: Iterable[str], config: CorpusConfig, cache: Path | None = None) -> Self:
        """Read every text through once, and leave out those of many that cannot be.

        Args:
            sources: as the user named them.
            config: what a document is.
            cache: where music that was read slowly is kept, if anywhere.

        Raises:
            CorpusError: a source is missing or unreadable, or there is nothing in it to learn from.
        """
        sources, reading, tally = tuple(sources), Reading(), Tally(config.valid_fraction)
        found = _fit(find_texts(sources, config, reading, cache), reading)
        relate(piece for text in found if isinstance(text, MusicFile) for piece in text.pieces)
        texts = []
        for file in found:
            try:
                text = file if isinstance(file, MusicFile) else with_records(file, config, reading)
                for document in _documents(text, config, reading):
                    tally.add(document)
                texts.append(text)
            except UnfitError as error:
                reading.pass_over(error, is_alone=file.is_alone)
        if not tally.size:
            raise CorpusError(f"{', '.join(sources)}: there is nothing in it to learn from{reading.skipped_aside}")
        read = cls(sources, tuple(texts), config, reading, tally)
        read._report()
        return read

    def __iter__(self) -> Iterator[Document]:
        unheard = Reading()
        for text in self.texts:
            yield from _documents(text, self.config, unheard)

    def share(self, crew: Crew) -> Self:
        """Return the texts that this one of a crew reads; those of all, one after the other, are the whole."""
        sizes = [text.size for text in self.texts]
        beginnings = accumulate(sizes, initial=0)
        own = [begin * crew.size // sum(sizes) == crew.rank for begin, _ in zip(beginnings, sizes, strict=False)]
        return replace(self, texts=tuple(compress(self.texts, own)))

    @property
    def is_music(self) -> bool:
        """Whether they are music; there is never both."""
        return any(isinstance(text, MusicFile) for text in self.texts)

    @property
    def has_passages(self) -> bool:
        """Whether documents are lines, paragraphs or records, not whole texts."""
        return self.config.document != "file" or self.has_records

    @property
    def has_records(self) -> bool:
        """Whether there are tables or JSON records."""
        return any(isinstance(text, RecordFile) for text in self.texts)

    @property
    def content(self) -> list[list[str]]:
        """What the documents depend on, beside the config."""
        return [[suffix_of(text), text.digest.hex()] for text in self.texts]

    def _report(self) -> None:
        if self.is_music:
            pieces = counted(self.tally.documents, "piece")
            different = f" ({self.tally.num_different:,} different)" if self.tally.num_different else ""
            bars = counted(self.tally.size, "bar")
            self.reading.say(f"read {counted(len(self.texts), 'file')} of music, {pieces}{different}, {bars}")
            return
        unit = self.config.document if self.config.document != "file" else "document"
        documents = f", {counted(self.tally.documents, unit)}" if self.has_passages else ""
        self.reading.say(f"read {counted(len(self.texts), 'text')}{documents}, {counted(self.tally.size, 'character')}")
        for text in self.texts:
            file = text.file if isinstance(text, RecordFile) else text
            if isinstance(file, TextFile):
                file.report(self.reading, is_table=isinstance(text, RecordFile))
        ways = [name for name in ("field", "header", "delimiter") if getattr(self.config, name) is not None]
        if ways and not self.has_records:
            self.reading.say(f"{flag(ways[0])} has no effect: no file is a table (.csv, .tsv) or JSON (.json, .jsonl)")


@dataclass(frozen=True)
class Plan:
    """What trains and what validates.

    Attributes:
        config: the options, with the level that was found to fit.
        corpus: the texts.
        valid: the texts that validate, if they were given.
        split: how the corpus is divided, if they were not.
        level: the vocabulary, where it is not to be made from the training part.
    """

    config: CorpusConfig
    corpus: Texts
    valid: Texts | None
    split: Split | None
    level: Level | None = None

    @classmethod
    def of(cls, config: CorpusConfig, cache: Path | None = None, level: Level | None = None) -> Self:
        """Read the sources and find a split.

        Args:
            config: the sources, and what is wanted of them.
            cache: where music that was read slowly is kept, if anywhere.
            level: the vocabulary; None makes one from the training part.

        Raises:
            CorpusError: a source is missing or unreadable, or there is too little text for two parts.
        """
        corpus = Texts.read(config.corpus, config, cache)
        suited = "note" if corpus.is_music else "character"
        config = replace(config, level=suited if config.level == "auto" else config.level)
        valid = Texts.read([config.valid], config, cache) if config.valid is not None else None
        split = None if valid else corpus.tally.split(PASSAGES if corpus.has_passages else FILES)
        plan = cls(config, corpus, valid, split, level)
        plan._refuse_too_little()
        if valid and valid.content == corpus.content:
            corpus.reading.say("--valid is the same text as --corpus: its loss says nothing about text that is new")
        return plan

    @property
    def fingerprint(self) -> str:
        """A digest of content and settings; equal fingerprints mean equal ids."""
        config = self.config
        settings: list[Any] = [config.level, config.vocabulary_size, config.ngram, config.document, config.field]
        settings.append(config.encoding)
        # Options that are left alone do not change what it was before they existed.
        settings += [config.encoding_errors] if config.encoding_errors != "strict" else []
        settings += [config.header, config.delimiter] if (config.header, config.delimiter) != (None, None) else []
        if self.corpus.is_music:
            settings += [config.grid, config.velocity, config.transpose == "key"]
        split = self.split.settings if self.split else None
        content = [_VERSION, settings, split, self.corpus.content, self.valid and self.valid.content]
        content += [self.level.to_json()] if self.level else []
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def share(self, crew: Crew) -> Self:
        """Return the plan of the files that this one of a crew reads."""
        return replace(self, corpus=self.corpus.share(crew), valid=self.valid and self.valid.share(crew))

    def documents(self) -> Iterator[tuple[str, Document]]:
        """Yield every document, or excerpt of one, with the name of its part."""
        for document in self.corpus:
            yield from self.split.divide(document) if self.split else [(TRAIN, document)]
        for document in self.valid or ():
            yield VALID, document

    @property
    def size(self) -> int:
        """How many characters or bars all documents have."""
        return self.corpus.tally.size + (self.valid.tally.size if self.valid else 0)

    @property
    def num_documents(self) -> int:
        """How many documents there are."""
        return self.corpus.tally.documents + (self.valid.tally.documents if self.valid else 0)

    @property
    def division(self) -> list[str]:
        """What a user should know about the parts."""
        split, tally, asked = self.split, self.corpus.tally, self.config.valid_fraction
        if split is None:
            return []
        unit = self.config.document if self.config.document != "file" else "document"
        kind = "piece" if self.corpus.is_music else unit
        if split.threshold is None:
            single = f"a single {kind}" if tally.documents == 1 else f"{tally.documents:,} {kind}s that are all alike"
            remedy = " (--document line or paragraph divides a text into documents)" if kind == "document" else ""
            return [
                f"the corpus is {single}, cut for validation at {1 - asked:.0%}: the model cannot learn where a {kind} "
                f"ends{remedy}"
            ]
        if split.cut:
            is_one = len(split.cut) == 1
            longest = f"longest {kind} is" if is_one else f"{len(split.cut)} longest {kind}s are"
            return [f"the {longest} cut for validation at {1 - split.valid_fraction:.1%}; the other {kind}s stay whole"]
        if split.share > _FAR * asked:
            return [
                f"{split.share:.0%} of the text validates, since no choice of whole {kind}s comes nearer to {asked:.0%}"
            ]
        return []

    @property
    def summary(self) -> list[str]:
        """What a user should hear about the reading."""
        return self.corpus.reading.summary + (self.valid.reading.summary if self.valid else [])

    @property
    def details(self) -> list[str]:
        """What was passed over, by name."""
        return self.corpus.reading.details + (self.valid.reading.details if self.valid else [])

    def _refuse_too_little(self) -> None:
        if self.valid:
            return
        name = ", ".join(self.corpus.sources)
        if self.corpus.tally.size < 2:
            raise CorpusError(
                f"{name}: a single {'bar' if self.corpus.is_music else 'character'} is too little to learn from"
            )
        filled: set[str] = set()
        for part, document in self.documents():
            filled |= {part} if document.size else set()
            if len(filled) == 2:
                return
        raise CorpusError(
            f"{name}: --valid-fraction {self.config.valid_fraction:g} of so little leaves nothing to "
            f"{'validate on' if TRAIN in filled else 'learn from'}; give more, or --valid"
        )


@dataclass(frozen=True)
class TrainingTexts:
    """The training part of a plan, as chunks of each document; can be iterated over again."""

    plan: Plan

    def __iter__(self) -> Iterator[Iterator[Content]]:
        return (document.chunks() for part, document in self.plan.documents() if part == TRAIN)


def read_music(config: CorpusConfig, cache: Path, crew: Crew) -> bool:
    """Read the music of a corpus into the cache, each of a crew its share of the files.

    Returns:
        Whether it is music.

    Raises:
        CorpusError: a source is missing or unreadable.
    """
    sources = [*config.corpus, *([config.valid] if config.valid is not None else [])]
    music = [text for text in find_texts(sources, config, Reading(), cache) if isinstance(text, MusicFile)]
    for file in music[crew.rank :: crew.size]:
        with suppress(UnfitError):  # told when the corpus is read
            file.keep()
    crew.wait()
    return bool(music)


def _fit(texts: Iterable[Document], reading: Reading) -> list[Document]:
    """Return the texts that can be read and are not empty; the others are told to `reading`."""
    fit = []
    for text in texts:
        try:
            if isinstance(text, MusicFile):
                text.report(reading)
            elif not text.size:
                reading.skip("empty file", text.name)
            if text.size:
                fit.append(text)
        except UnfitError as error:
            reading.pass_over(error, is_alone=text.is_alone)
    return fit


def _documents(text: Document, config: CorpusConfig, reading: Reading) -> Iterator[Document]:
    if isinstance(text, MusicFile):
        yield from text.pieces
        return
    for whole in text.records(reading) if isinstance(text, RecordFile) else [text]:
        yield from cut(whole, config.document, reading)
