"""A corpus divided into documents that train and documents that validate, before anything is encoded."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from seqgen.config import CorpusConfig
from seqgen.corpus.closed_set import first_texts, num_closed_tokens
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.crew import ALONE, Crew
from seqgen.corpus.documents import Document
from seqgen.corpus.pairs import is_column, with_given_of
from seqgen.corpus.passages import Passages, singly
from seqgen.corpus.sentences import are_sentences
from seqgen.corpus.shares import Shares, check_options
from seqgen.corpus.signals import TEXT_KIND, kind_of
from seqgen.corpus.split import FILES, PAIRS, PARTS, PASSAGES, TRAIN, VALID, Split, WholeDocuments, choose_split
from seqgen.corpus.text_file import TextFile
from seqgen.encoders import SIGNALS, signal_class
from seqgen.encoders.base import SignalCoding
from seqgen.errors import CorpusError
from seqgen.levels.base import Coding, Level
from seqgen.levels.decomposed import DecomposedLevel
from seqgen.levels.word import WordLevel
from seqgen.options import flag

_NOTABLE = 1.2  # times the share asked for, is worth a note
_SMALL = 1 << 16  # characters of a file that is read together with others
_GROUPED, _MAX_GROUPED = 1 << 19, 1 << 10  # characters and files that are read together
_VERSION = 4  # of the conversion from texts to ids


@dataclass(frozen=True)
class SplitCorpus:
    """What trains and what validates.

    Attributes:
        config: the options, with the level that was chosen.
        corpus: the documents of `--corpus`.
        valid: the documents of `--valid`; None without that option.
        split: how the corpus is divided; None if `valid` is given.
        level: the vocabulary; None if it is to be made from the training part.
        given_coding: that of what the documents are given; None for texts likewise, and for documents without.
    """

    config: CorpusConfig
    corpus: Corpus
    valid: Corpus | None
    split: Split | None
    level: Level[Any] | None = None
    given_coding: Coding[Any] | None = None

    @classmethod
    def read(
        cls,
        config: CorpusConfig,
        cache: Path | None = None,
        level: Level[Any] | None = None,
        given_coding: Coding[Any] | None = None,
        processes: Crew = ALONE,
    ) -> Self:
        """Read the sources and choose a split.

        Args:
            config: the sources and how they are read.
            cache: a folder for music that takes long to parse; None for no cache.
            level: the vocabulary; None makes one from the training part.
            given_coding: the same for what documents are given.
            processes: those of all machines, if each has only its share of the corpus.

        Raises:
            CorpusError: a source does not exist or cannot be read, or there is too little text for two parts.
            UsageError: the machines have different options.
        """
        check_options(processes, {**vars(config), "corpus": None, "valid": config.valid is not None})
        corpus = Corpus.read(config.corpus, config, cache, processes)
        requested = config
        config = replace(config, level=corpus.kind.level if config.level == "auto" else config.level)
        valid = None
        if config.valid is not None:
            valid = Corpus.read([config.valid], with_given_of(config.valid, config), cache, processes)
        split = None if valid else choose_split(corpus.total, _whole(corpus))
        divided = cls(config, corpus, valid, split, level, given_coding)
        divided._check_size()
        if corpus.has_given:
            divided = divided._with_levels(requested)
        if valid and valid.content == corpus.content:
            corpus.log.note("--valid is the same text as --corpus: its loss says nothing about new text")
        return divided

    def _with_levels(self, requested: CorpusConfig) -> Self:
        """Return the pairs with the levels that `auto` chooses."""
        config, given_coding = self.config, self.given_coding
        given_kind = self.corpus.given_kind
        if self.valid is not None and self.valid.given_kind != given_kind:
            raise CorpusError(
                f"the texts of --corpus are given {given_kind}, those of --valid {self.valid.given_kind}: both must be "
                "given the same kind of thing"
            )
        if self.given_coding is not None and kind_of(self.given_coding) != given_kind:
            raise CorpusError(f"the texts are given {given_kind}, but this model is given {kind_of(self.given_coding)}")
        if requested.given_level not in ("auto", given_kind) and {given_kind, requested.given_level} & {*SIGNALS}:
            raise CorpusError(
                f"--given-level {requested.given_level} does not suit what is given, which is {given_kind}: omit it"
            )
        if given_kind != TEXT_KIND:
            config = replace(config, given_level=given_kind)
            given_coding = given_coding or signal_class(given_kind).fit(TrainingDocuments(self, of_given=True), config)
        if requested.level == "auto" and requested.ngram == 1 and self.level is None:
            is_in_order = isinstance(given_coding, SignalCoding) and bool(given_coding.subsamplings)
            config = replace(config, level=self._suitable_level("level", is_in_order=is_in_order))
        if given_kind == TEXT_KIND and requested.given_level == "auto":
            name = given_coding.name if given_coding else self._suitable_level("given_level", of_given=True)
            config = replace(config, given_level=name)
        return replace(self, config=config, given_coding=given_coding)

    def _suitable_level(self, option: str, *, of_given: bool = False, is_in_order: bool = False) -> str:
        """Return the level for the texts, or for what they are given, and report why.

        Args:
            option: that chooses the level.
            of_given: whether what is given is encoded.
            is_in_order: whether what is given is in the order of the characters, so that sentences need no subwords.
        """
        documents = [[text] for text in first_texts(TrainingDocuments(self, of_given=of_given))]  # read only once
        side = "what is given" if of_given else "the text to write"
        if number := num_closed_tokens(documents):
            level, reason = WordLevel.name, f"consists of {number} different tokens between spaces"
        elif not is_in_order and are_sentences(documents):
            level, reason = "subword", "consists of sentences"
        elif of_given and any(unicodedata.normalize("NFD", text) != text for [text] in documents):
            level, reason = DecomposedLevel.name, "has accents or Hangul syllables"
        else:
            return self.corpus.kind.level
        self.corpus.log.note(f"{side} {reason}: {flag(option)} {level}")
        return level

    @property
    def fingerprint(self) -> str:
        """A digest of content and settings, which include the coding of signals; equal ones mean equal ids."""
        config = self.config
        settings: list[Any] = [config.level, config.vocabulary_size, config.ngram, config.document, config.field]
        settings.append(config.encoding)
        # Options with default values leave the fingerprint as it was before they existed.
        settings += [config.encoding_errors] if config.encoding_errors != "strict" else []
        settings += [config.header, config.delimiter] if (config.header, config.delimiter) != (None, None) else []
        settings += self.corpus.kind.settings(config)
        if config.given is not None:
            settings += ["given coding", config.given if is_column(config.given) else None, config.given_level]
        split = self.split.settings if self.split else None
        content = [_VERSION, settings, split, self.corpus.whole_content, self.valid and self.valid.whole_content]
        content += [level.to_json() for level in (self.level, self.given_coding) if level]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def shares(self) -> Shares:
        """The shares of the corpus, one of which these documents are."""
        return self.corpus.shares

    def extended(self) -> Self:
        """Return the corpus with a vocabulary that has further tokens for the training part, see `Level.extended`."""
        level = self.level and self.level.extended(TrainingDocuments(self))
        return replace(self, level=level)

    def share(self, crew: Crew) -> Self:
        """Return the files that this process of a crew reads."""
        return replace(self, corpus=self.corpus.share(crew), valid=self.valid and self.valid.share(crew))

    def documents(self) -> Iterator[tuple[str, Document[Any]]]:
        """Yield every document, or excerpt of one, with the name of its part, in the order of each part."""
        for part, block in self._divided():
            yield from ((part, document) for document in singly([block]))

    def blocks(self) -> Iterator[tuple[str, Document[Any] | Passages]]:
        """Yield the same as `documents`, short ones in blocks; their order is that of `documents` within a part."""
        small: dict[str, list[TextFile]] = {TRAIN: [], VALID: []}
        for part, block in self._divided():
            files, file = small[part], block if isinstance(block, TextFile) and block.size <= _SMALL else None
            if file is not None:
                files.append(file)
            is_enough = len(files) == _MAX_GROUPED or sum(each.size for each in files) >= _GROUPED
            if files and (file is None or is_enough):
                yield part, _together(files)
                files.clear()
            if file is None:
                yield part, block
        yield from ((part, _together(files)) for part, files in small.items() if files)

    def _divided(self) -> Iterator[tuple[str, Document[Any] | Passages]]:
        for block in self.corpus.blocks():
            if self.split is None:
                yield TRAIN, block
            elif isinstance(block, Passages):
                yield from self.split.divide_all(block)
            else:
                yield from self.split.divide(block)
        if self.valid:
            yield from ((VALID, block) for block in self.valid.blocks())

    @property
    def size(self) -> int:
        """The total size of all documents, in characters or bars."""
        return self.corpus.statistics.size + (self.valid.statistics.size if self.valid else 0)

    @property
    def given_size(self) -> int:
        """The total size of what the documents are given, in characters, or in bytes of signals."""
        return self.corpus.statistics.given_size + (self.valid.statistics.given_size if self.valid else 0)

    @property
    def num_documents(self) -> int:
        """The number of documents."""
        return self.corpus.statistics.num_documents + (self.valid.statistics.num_documents if self.valid else 0)

    @property
    def summary(self) -> list[str]:
        """What a user should know about the reading and the split."""
        notes = self.corpus.log.summary + (self.valid.log.summary if self.valid else [])
        return notes + ([note] if (note := self._split_note()) else [])

    @property
    def details(self) -> list[str]:
        """The names of what was skipped."""
        return self.corpus.log.details + (self.valid.log.details if self.valid else [])

    def _split_note(self) -> str | None:
        """Return a note on the split if it is not what a user would expect."""
        split, asked, unit = self.split, self.config.valid_fraction, self.corpus.unit
        if split is None:
            return None
        if split.threshold is None:
            number = self.corpus.total.num_documents
            single = f"a single {unit}" if number == 1 else f"{number:,} identical {unit}s"
            remedy = " (--document line or paragraph divides a text into documents)" if unit == "document" else ""
            return (
                f"the corpus is {single}, cut for validation at {1 - asked:.0%}: the model cannot learn where a {unit} "
                f"ends{remedy}"
            )
        if split.cut:
            longest = f"longest {unit} is" if len(split.cut) == 1 else f"{len(split.cut)} longest {unit}s are"
            return f"the {longest} cut for validation at {1 - split.valid_fraction:.1%}; the other {unit}s stay whole"
        if split.share > _NOTABLE * asked:
            return f"{split.share:.0%} of the text validates: no choice of whole {unit}s is closer to {asked:.0%}"
        return None

    def _check_size(self) -> None:
        """Check that both parts have something in them.

        Raises:
            CorpusError: one is empty.
        """
        if self.valid:
            return
        name = ", ".join(self.corpus.sources)
        if self.corpus.total.size < 2:
            raise CorpusError(f"{name}: a single {self.corpus.kind.unit} is too little to learn from")
        if self.corpus.has_given and self.split and self.split.threshold is None:
            raise CorpusError(
                f"{name}: all pairs are given the same text, which cannot be divided: at least two different ones are "
                "needed, or --valid"
            )
        filled = self.shares.gathered(sorted(self._filled()))
        missing = {*PARTS} - set().union(*filled)
        if missing:
            raise CorpusError(
                f"{name}: with --valid-fraction {self.config.valid_fraction:g} nothing is left to "
                f"{'validate on' if VALID in missing else 'train on'}: give more {self.corpus.kind.unit}s, or --valid"
            )
        for machine, parts in zip(self.shares.machines, filled, strict=True):
            if TRAIN not in parts:
                unit = self.corpus.unit
                raise CorpusError(f"machine {machine}: its share has no {unit} that trains: give it more {unit}s")

    def _filled(self) -> set[str]:
        """Return the parts that have documents on this machine."""
        filled: set[str] = set()
        for part, block in self._divided():
            filled |= {part} if isinstance(block, Passages) or block.size else set()
            if len(filled) == len(PARTS):
                break
        return filled


def _together(files: Sequence[TextFile]) -> Passages:
    return Passages.of(files[0].name, ["".join(file.chunks()) for file in files])


def _whole(corpus: Corpus) -> WholeDocuments:
    """Return when the documents of a corpus stay whole."""
    if corpus.has_given:
        return PAIRS
    return PASSAGES if corpus.has_passages else FILES


class TrainingDocuments:
    """The training part as `Coding.fit` reads it, which can be iterated over several times.

    Args:
        corpus: the documents.
        of_given: whether to iterate over what the documents are given instead.
    """

    def __init__(self, corpus: SplitCorpus, *, of_given: bool = False) -> None:
        self._corpus = corpus
        self._of_given = of_given

    def __iter__(self) -> Iterator[Any]:
        for part, block in self._corpus.blocks():
            if part != TRAIN:
                continue
            if isinstance(block, Passages):
                yield block.texts
            elif not self._of_given:
                yield block.chunks()
            elif block.given is not None:
                yield block.given.chunks()
