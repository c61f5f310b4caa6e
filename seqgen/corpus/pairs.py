"""Pairs of files: two parallel files, or files of one folder with different suffixes.

`--given` is a suffix if it starts with a dot, otherwise a file if there is one of this name, otherwise a column.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from seqgen.config import CorpusConfig
from seqgen.corpus.counterpart import counterpart
from seqgen.corpus.documents import MAX_CHARACTERS, Document, Pair, filled, lines_of
from seqgen.corpus.folders import mode_of
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.signals import TEXT_KIND, SignalDocument, kind_of_suffix, read_limited
from seqgen.corpus.source_file import RawFile, SourceFile
from seqgen.corpus.sources import find_files
from seqgen.corpus.text_file import TEXT, TextFile
from seqgen.errors import CorpusError, SignalError
from seqgen.levels.base import normalise_text
from seqgen.wording import counted

_REMEDY = "pairs are held in memory, so divide it"
_SUFFIX = re.compile(r"\.[^./\\]+")  # `./train.en` is a file


def is_column(given: str) -> bool:
    """Return whether a value of `--given` is a column."""
    return not (_is_suffix(given) or _is_file(given))


def with_given_of(source: str, config: CorpusConfig) -> CorpusConfig:
    """Return the options for a source other than `--corpus`: a given file is replaced by the one of that source.

    For `--corpus train.de --given train.en`, `valid.de` is given `valid.en`; for `--corpus de/train.txt --given
    en/train.txt`, `de/valid.txt` is given `en/valid.txt`.

    Raises:
        CorpusError: there is no such file.
    """
    given = config.given
    if given is None or _is_suffix(given) or len(config.corpus) != 1:
        return config
    corpus = config.corpus[0]
    expected = counterpart(source, corpus, given)
    if (Path(given).suffix or Path(given).name != given) and expected is not None and _is_file(expected):
        return replace(config, given=expected)
    if _is_file(given):
        problem = "is not named like it" if expected is None else f"has no file {expected}"
        raise CorpusError(
            f"{corpus} is given {given}, but {source} {problem}: name the files alike; to evaluate, --given names any "
            "other file or column"
        )
    return config


def paired(source: str, given: str, config: CorpusConfig, log: ReadingLog) -> list[SourceFile]:
    """Return the pairs of files that a source and a file or suffix name.

    Args:
        source: as the user named it.
        given: a file with a line for each line of the source, or the suffix of files beside those of the source.
        config: the options of the corpus.
        log: takes notes on what is read, and counts files that have no partner.

    Raises:
        CorpusError: there are no such files, or they are not text.
    """
    files = find_files(source, config, log)
    if _is_suffix(given):
        return _beside_each_other(source, given, files, config, log)
    if len(files) != 1 or len(config.corpus) > 1:
        raise CorpusError(
            f"--given {given} is a file with a line for each line of a single file of --corpus, got "
            f"{', '.join(config.corpus)}"
        )
    if os.path.abspath(given) == os.path.abspath(files[0].name):  # noqa: PTH100  # Path.resolve follows links
        raise CorpusError(f"--given {given} is the file of --corpus: name the file with what its lines are given")
    others = find_files(given, config, log)
    if len(others) != 1:
        raise CorpusError(f"--given {given} holds {len(others)} files: name a single file of text")
    log.note(f"text from its lines, given the lines of {given}", files[0].name)
    return [ParallelFile(*(_checked(raw, config, translates_newlines=False) for raw in (files[0], others[0])))]


class TwoFiles(SourceFile):
    """A file whose texts are given those of another file.

    Args:
        text: the file of what is written.
        given: the file of what it is given.
    """

    kind = TEXT

    def __init__(self, text: TextFile, given: TextFile) -> None:
        super().__init__(text.raw)
        self._sides = text, given

    @property
    def size(self) -> int:
        """The number of characters to write."""
        return self._sides[0].size

    @property
    def digest(self) -> bytes:
        """A hash of both files."""
        return hashlib.sha256(b"".join(side.digest for side in self._sides)).digest()[:16]

    def report(self, log: ReadingLog) -> None:
        """Note how the files were decoded."""
        for side in self._sides:
            side.report_encoding(log)


class ParallelFile(TwoFiles):
    """Two files of lines: each line of the first is given the line of the second with the same number.

    Only a line feed ends a line; a carriage return before it is dropped.
    """

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:  # noqa: ARG002  # pairs are never cut
        """Yield the pairs of lines; those with an empty side are skipped.

        Raises:
            CorpusError: the files have different numbers of lines.
        """
        for number, lines in enumerate(zip_longest(*map(_lines, self._sides)), start=1):
            if None in lines:
                raise self._unequal()
            text, given = (normalise_text(line.removesuffix("\r")) for line in lines)
            yield from filled(Pair(self.name, text, given, number), f"{self.name}, line {number}", log)

    def _unequal(self) -> CorpusError:
        text, given = (f"{counted(sum(1 for _ in _lines(side)), 'line')}" for side in self._sides)
        return CorpusError(
            f"{self.name} has {text} and {self._sides[1].name} {given}: parallel files have the same number of lines, "
            "which only line feeds end"
        )


class FilePair(TwoFiles):
    """Two files, each of which is a text; the newlines at their ends are dropped."""

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:  # noqa: ARG002  # pairs are never cut
        """Yield the pair, unless one of the files is empty.

        Raises:
            CorpusError: a file is too long to be held in memory.
        """
        text, given = (_whole(side).rstrip("\n") for side in self._sides)
        yield from filled(Pair(self.name, text, given), self.name, log)


class SignalFile(SourceFile):
    """A file with a text, and one beside it with the signal that it is given.

    Args:
        text: the file of what is written.
        given: the file of the signal.
        kind: of the signal.
    """

    kind = TEXT

    def __init__(self, text: TextFile, given: RawFile, kind: str) -> None:
        super().__init__(text.raw)
        self.given_kind = kind
        self._text = text
        self._given = given

    @property
    def size(self) -> int:
        """The number of characters to write."""
        return self._text.size

    @cached_property
    def digest(self) -> bytes:
        """A hash of both files; of the text only if the signal cannot be read and the pair is skipped."""
        total = hashlib.sha256(self._text.digest)
        with suppress(SignalError):
            total.update(self._read())
        return total.digest()[:16]

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:  # noqa: ARG002  # pairs are never cut
        """Yield the pair, unless the text is empty or the signal cannot be read."""
        given = SignalDocument(self._given.name, self.given_kind, self._read)
        yield from filled(Pair(self.name, _whole(self._text).rstrip("\n"), given), self._given.name, log)

    def report(self, log: ReadingLog) -> None:
        """Note how the text was decoded."""
        self._text.report_encoding(log)

    def _read(self) -> bytes:
        with self._given.opened() as file:
            return read_limited(file)


def _beside_each_other(
    source: str, suffix: str, files: Iterable[RawFile], config: CorpusConfig, log: ReadingLog
) -> list[SourceFile]:
    """Return each file that has one with the suffix beside it."""
    found = {raw.unpacked_name: raw for raw in files}
    pairs: list[SourceFile] = []
    for raw in found.values():
        if raw.suffix == suffix.lower():
            continue
        given = _beside(raw, suffix, found, config, log)
        if given is None:
            log.skip(f"file without one with the suffix {suffix} beside it", raw.name)
            continue
        kind = kind_of_suffix(suffix)
        try:
            text = _checked(raw, config)
            is_text = kind == TEXT_KIND
            pairs.append(FilePair(text, _checked(given, config)) if is_text else SignalFile(text, given, kind))
        except UnusableFileError as error:
            log.skip_or_raise(error, is_alone=raw.is_alone)
    if not pairs:
        raise CorpusError(
            f"{source} holds no file with one beside it that has the suffix {suffix} (--given), as in a.txt and "
            f"a{suffix}{log.skipped_in_parentheses}"
        )
    log.note(f"text from files, given those with the suffix {suffix} beside them", source)
    return pairs


def _beside(
    raw: RawFile, suffix: str, found: Mapping[str, RawFile], config: CorpusConfig, log: ReadingLog
) -> RawFile | None:
    path = Path(raw.unpacked_name)
    for name in (str(path.with_suffix(suffix)), str(path.with_suffix("").with_suffix(suffix))):  # or of a.gt.txt
        if name in found:
            return found[name]
        if _is_file(name):
            files = find_files(name, config, log)
            if len(files) != 1:
                raise CorpusError(
                    f"{name} holds {len(files)} files, but {raw.name} is given a single one with the suffix {suffix} "
                    "(--given): unpack it"
                )
            return files[0]
    return None


def _checked(raw: RawFile, config: CorpusConfig, *, translates_newlines: bool = True) -> TextFile:
    file = TextFile(raw, config.encoding, config.encoding_errors, translates_newlines=translates_newlines)
    file.check()
    return file


def _lines(file: TextFile) -> Iterator[str]:
    return lines_of(file, _REMEDY)


def _whole(file: TextFile) -> str:
    chunks, size = [], 0
    for chunk in file.chunks():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_CHARACTERS:
            raise CorpusError(f"{file.name} has more than {MAX_CHARACTERS:,} characters: {_REMEDY}")
    return "".join(chunks)


def _is_suffix(given: str) -> bool:
    return _SUFFIX.fullmatch(given) is not None


def _is_file(name: str) -> bool:
    return stat.S_ISREG(mode_of(Path(name)))
