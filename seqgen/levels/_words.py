"""Words of texts: divided by a pattern, counted, and encoded; each different piece of a large text is divided once."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.compiled import HAS_COMPILER, compiled
from seqgen.levels._piece_table import PieceTable, kinds_of_bytes
from seqgen.levels._pieces import Pieces, without_rarest
from seqgen.levels.base import Documents, Ids
from seqgen.texts import Texts

MARKS = "".join(mark for mark in map(chr, range(0x300, 0x10000)) if unicodedata.category(mark)[0] == "M")
# Longer words are divided: no vocabulary would contain them, and less text is kept back.
_LONGEST_WORD = 40
_PLAIN = re.compile(rf" ?(?:[\w{MARKS}]{{1,{_LONGEST_WORD}}}(?:['\u2019]\w{{1,20}})?|[^\w\s])| {{1,40}}(?= )|\s")
_TOKENISED = re.compile(r" ?(?:\S{1,60}|\n)|\s")
_REACH = 64  # characters on which the end of a word may depend
_LONGEST = 1 << 16  # characters that are kept back

_ASCII_SPACES = [char for char in map(chr, range(128)) if char.isspace() and char not in " \n"]
_ASCII_MARKS = [char for char in map(chr, range(33, 127)) if not char.isalnum() and char not in "_'"]

_LINE_START = re.compile(r"(?<=\n)(?=[^\n])")
_MIN_BYTES = 1 << 15  # for which machine code is worth loading


class Division(NamedTuple):
    """How texts are divided into words.

    Attributes:
        is_tokenised: whether single spaces separate all words.
        is_indented: whether the first word of a line has a space before it.
    """

    is_tokenised: bool
    is_indented: bool

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches a word at every place."""
        return _TOKENISED if self.is_tokenised else _PLAIN

    def words(self, text: str, *, begins_line: bool = True) -> list[str]:
        """Return the words of a text."""
        return self.pattern.findall(indented(text, begins_line=begins_line) if self.is_indented else text)

    def table(self) -> PieceTable:
        """Return an empty table of pieces, none of which ends within a word."""
        singles = _ASCII_SPACES if self.is_tokenised else _ASCII_SPACES + _ASCII_MARKS
        return PieceTable(kinds_of_bytes(singles), is_indented=self.is_indented)

    def words_of(self, table: PieceTable, first: int = 0) -> tuple[list[str], NDArray[np.int64]]:
        """Return the words of the pieces whose number is at least `first`, and the number of words of each."""
        find, words, sizes = self.pattern.findall, list[str](), list[int]()
        for piece, is_followed in table.texts(first):
            size = len(words)
            word = piece[piece[0] == " " :]
            # Most are certainly a single word, which these tests show faster than the pattern.
            if (word.isalnum() or (word.isidentifier() and word.isascii())) and len(word) <= _LONGEST_WORD:
                words.append(piece)
            elif is_followed:
                words += find(piece + " ")[:-1]
            else:
                words += find(piece)
            sizes.append(len(words) - size)
        return words, np.array(sizes, dtype=np.int64)


def indented(text: str, *, begins_line: bool) -> str:
    """Return the text with a space before every line that is not empty."""
    is_first = begins_line and bool(text) and not text.startswith("\n")
    return " " * is_first + _LINE_START.sub(" ", text)


class Part(NamedTuple):
    """The next part of a document.

    Attributes:
        text: a text that ends where a word ends.
        begins_line: whether it begins a line.
        words: the words after it.
    """

    text: str
    begins_line: bool
    words: Sequence[str] = ()


class WordCutter:
    """Divides a document that comes in chunks into parts that end where a word ends.

    Args:
        division: of texts into words.
    """

    def __init__(self, division: Division) -> None:
        self._division = division
        self._waiting = ""
        self._begins_line = True

    def feed(self, text: str) -> Part:
        """Return the part that no further text can change."""
        self._waiting += text
        end = _last_cut(self._waiting)
        if end or len(self._waiting) < _LONGEST:
            return self._part(end)
        words = self._division.words(self._waiting, begins_line=self._begins_line)
        certain, size = len(words), 0
        while certain and size + len(words[certain - 1]) < _REACH:
            certain -= 1
            size += len(words[certain])
        begins_line, self._begins_line = self._begins_line, False
        self._waiting = "".join(words[certain:])
        return Part("", begins_line, words[:certain])

    def finish(self) -> Part:
        """Return the rest."""
        return self._part(len(self._waiting))

    def cut(self, chunks: Iterable[str]) -> Iterable[Part]:
        """Yield the parts of a whole document."""
        yield from map(self.feed, chunks)
        yield self.finish()

    def _part(self, end: int) -> Part:
        part = Part(self._waiting[:end], self._begins_line)
        self._waiting = self._waiting[end:]
        if part.text:
            self._begins_line = part.text.endswith("\n")
        return part


def _last_cut(text: str) -> int:
    """Return the end of the last line or, if it is further, the last space that follows another character."""
    space = len(text[: text.rfind(" ") + 1].rstrip(" "))
    return max(text.rfind("\n") + 1, space)


class CountedWords(NamedTuple):
    """The words of documents.

    Attributes:
        counts: the number of each; the rarest are missing if there are too many different ones.
        table: the pieces since it was last cleared.
        words: of these pieces, concatenated.
        sizes: the number of words of each piece.
    """

    counts: Counter[str]
    table: PieceTable
    words: Sequence[str]
    sizes: NDArray[np.int64]


def count_words(documents: Documents, division: Division) -> CountedWords:
    """Return the words of documents."""
    counts = _Counts(division)
    for document in documents:
        if isinstance(document, Texts):
            counts.add(document)
            continue
        for part in WordCutter(division).cut(document):
            counts.add(Texts.of([part.text]), begins_line=part.begins_line)
            counts.add_words(part.words)
    return counts.total()


class _Counts:
    def __init__(self, division: Division) -> None:
        self._division = division
        self._table = division.table()
        self._times = np.zeros(0, dtype=np.int64)  # of each piece
        self._counts: Counter[str] = Counter()

    def add(self, texts: Texts, *, begins_line: bool = True) -> None:
        if is_small(texts):
            for text in texts:
                self.add_words(self._division.words(text, begins_line=begins_line))
            return
        numbers, _ = self._table.find(texts, begins_line=begins_line)
        times = np.bincount(numbers, minlength=self._table.size)
        times[: len(self._times)] += self._times
        self._times = times
        if self._table.is_full:
            self.total()
            self._table.clear()
            self._times = self._times[:0]

    def add_words(self, words: Iterable[str]) -> None:
        self._counts.update(words)
        self._counts = without_rarest(self._counts)

    def total(self) -> CountedWords:
        words, sizes = self._division.words_of(self._table)
        counts = self._counts
        for word, times in zip(words, np.repeat(self._times, sizes).tolist(), strict=True):
            counts[word] = counts.get(word, 0) + times
        self._counts = without_rarest(counts)
        return CountedWords(self._counts, self._table, words, sizes)


class WordIds:
    """Encodes words.

    Args:
        division: of texts into words.
        vocabulary: encodes single words.
    """

    def __init__(self, division: Division, vocabulary: Pieces) -> None:
        self._division = division
        self._vocabulary = vocabulary
        self._clear()

    @cached_property
    def _table(self) -> PieceTable:
        return self._division.table()

    def reuse(self, counted: CountedWords) -> None:
        """Encode the pieces of words that were counted, so that they need not be divided again."""
        self._table = counted.table
        self._learn(counted.words, counted.sizes)

    def _clear(self) -> None:
        self._ids = self._vocabulary.encode([])  # of all pieces, concatenated
        self._ends = np.zeros(1, dtype=np.int64)  # of the pieces among them

    def encode(self, part: Part) -> Ids:
        """Return the ids of a part, shape (tokens,)."""
        texts = Texts.of([part.text])
        if is_small(texts):
            words = self._division.words(part.text, begins_line=part.begins_line)
            return self._vocabulary.encode([*words, *part.words])
        return np.append(self.encode_all(texts, begins_line=part.begins_line)[0], self._vocabulary.encode(part.words))

    def encode_all(self, texts: Texts, *, begins_line: bool = True) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of texts, concatenated, and the number of ids of each."""
        numbers, ends = self._table.find(texts, begins_line=begins_line)
        self._learn(*self._division.words_of(self._table, len(self._ends) - 1))
        lengths = np.diff(self._ends)[numbers]
        stops = np.cumsum(lengths)
        ids = np.empty(stops[-1], dtype=self._ids.dtype)
        _gather(numbers, self._ends, self._ids, ids)
        if self._table.is_full:
            self._table.clear()
            self._clear()
        return ids, np.diff(stops[ends - 1], prepend=0)

    def _learn(self, words: Sequence[str], sizes: NDArray[np.int64]) -> None:
        """Encode the words of the pieces that are new in the table."""
        if words:
            ids, lengths = self._vocabulary.encode_all(words, sizes)
            self._ids = np.append(self._ids, ids)
            self._ends = np.append(self._ends, self._ends[-1] + np.cumsum(lengths))


@compiled()
def _gather(numbers: Any, ends: Any, ids: Any, result: Any) -> None:
    """Write the ids of pieces."""
    count = 0
    for number in numbers:
        for place in range(ends[number], ends[number + 1]):
            result[count] = ids[place]
            count += 1


def is_small(texts: Texts) -> bool:
    """Return whether dividing texts with a regular expression is faster, or machine code cannot be compiled."""
    return len(texts.data) < _MIN_BYTES or not HAS_COMPILER
