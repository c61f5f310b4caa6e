"""A corpus read through once: what goes where, before anything is encoded."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from seqgen.config import CorpusConfig
from seqgen.corpus.documents import Document, cut
from seqgen.corpus.reading import Reading, UnfitError, counted
from seqgen.corpus.records import has_records, records, suffix_of
from seqgen.corpus.sources import find_texts
from seqgen.corpus.split import FILES, PASSAGES, TRAIN, VALID, Piece, Split, Tally
from seqgen.corpus.texts import TextFile
from seqgen.errors import CorpusError

_VERSION = 2  # of the way from texts to ids


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
    def read(cls, sources: Iterable[str], config: CorpusConfig) -> Self:
        """Read every text through once, and leave out those of many that cannot be.

        Raises:
            CorpusError: a source is missing or unreadable, or there is no text in it.
        """
        sources, reading, tally = tuple(sources), Reading(), Tally(config.valid_fraction)
        texts = []
        for text in find_texts(sources, config, reading):
            try:
                if text.survey.characters:
                    for document in _documents(text, config, reading):
                        tally.add(document)
                    texts.append(text)
                else:
                    reading.skip("empty file", text.name)
            except UnfitError as error:
                reading.pass_over(error, is_alone=text.is_alone)
        if not tally.characters:
            raise CorpusError(f"{', '.join(sources)}: there is no text in it{reading.skipped_aside}")
        read = cls(sources, tuple(texts), config, reading, tally)
        read._report()
        return read

    def __iter__(self) -> Iterator[Document]:
        unheard = Reading()
        for text in self.texts:
            yield from _documents(text, self.config, unheard)

    @property
    def has_passages(self) -> bool:
        """Whether documents are lines, paragraphs or records, not whole texts."""
        return self.config.document != "file" or any(has_records(text) for text in self.texts)

    @property
    def content(self) -> list[list[str]]:
        """What the documents depend on, beside the config."""
        return [[suffix_of(text), text.survey.digest.hex()] for text in self.texts]

    def _report(self) -> None:
        unit = self.config.document if self.config.document != "file" else "document"
        documents = f", {counted(self.tally.documents, unit)}" if self.has_passages else ""
        self.reading.say(
            f"read {counted(len(self.texts), 'text')}{documents}, {counted(self.tally.characters, 'character')}"
        )
        for text in self.texts:
            if isinstance(text, TextFile) and text.newlines_changed:
                self.reading.say("Windows or old Mac newlines read as \\n", text.name)


@dataclass(frozen=True)
class Plan:
    """What trains and what validates.

    Attributes:
        config: the options, with the level that was found to fit.
        corpus: the texts.
        valid: the texts that validate, if they were given.
        split: how the corpus is divided, if they were not.
    """

    config: CorpusConfig
    corpus: Texts
    valid: Texts | None
    split: Split | None

    @classmethod
    def of(cls, config: CorpusConfig) -> Self:
        """Read the sources and find a split.

        Raises:
            CorpusError: a source is missing or unreadable, or there is too little text for two parts.
        """
        corpus = Texts.read(config.corpus, config)
        valid = Texts.read([config.valid], config) if config.valid is not None else None
        split = None if valid else corpus.tally.split(PASSAGES if corpus.has_passages else FILES)
        level = "character" if config.level == "auto" else config.level
        plan = cls(replace(config, level=level), corpus, valid, split)
        plan._refuse_too_little()
        if valid and valid.content == corpus.content:
            corpus.reading.say("--valid is the same text as --corpus: its loss says nothing about text that is new")
        return plan

    @property
    def fingerprint(self) -> str:
        """A digest of content and settings; equal fingerprints mean equal ids."""
        config = self.config
        settings = [config.level, config.vocabulary_size, config.ngram, config.document, config.field, config.encoding]
        split = [self.split.threshold, self.split.valid_fraction] if self.split else None
        content = [_VERSION, settings, split, self.corpus.content, self.valid and self.valid.content]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def pieces(self) -> Iterator[tuple[str, Piece]]:
        """Yield part and piece of all documents."""
        for document in self.corpus:
            yield from self.split.pieces(document) if self.split else [(TRAIN, Piece(document))]
        for document in self.valid or ():
            yield VALID, Piece(document)

    @property
    def num_characters(self) -> int:
        """How many characters all documents have."""
        return self.corpus.tally.characters + (self.valid.tally.characters if self.valid else 0)

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
        if self.corpus.tally.characters < 2:
            raise CorpusError(f"{name}: a single character is too little to learn from")
        filled: set[str] = set()
        for part, piece in self.pieces():
            filled |= {part} if piece.has_characters else set()
            if len(filled) == 2:
                return
        raise CorpusError(
            f"{name}: --valid-fraction {self.config.valid_fraction:g} of so little text leaves nothing to "
            f"{'validate on' if TRAIN in filled else 'learn from'}; give more text, or --valid"
        )


@dataclass(frozen=True)
class TrainingTexts:
    """The training part of a plan, as chunks of each document; can be iterated over again."""

    plan: Plan

    def __iter__(self) -> Iterator[Iterator[str]]:
        return (piece.chunks() for part, piece in self.plan.pieces() if part == TRAIN)


def _documents(text: Document, config: CorpusConfig, reading: Reading) -> Iterator[Document]:
    found = records(text, config.field, reading)
    for whole in [text] if found is None else found:
        yield from cut(whole, config.document, reading)
