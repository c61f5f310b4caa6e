"""The word level: a token is a word or a punctuation mark with the single space before it, or other white space.

Rare words are spelled, so that encoding is lossless. A pre-tokenised corpus such as Penn Treebank, in which single
spaces separate all words, is divided at the spaces only, and `<unk>` is a word like any other: its perplexity per word
is the one reported in the literature, with the newline as `<eos>`.

The first word of a line has no space before it. It is encoded as if it had one, so that it is the same token as
elsewhere.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.levels._pieces import PieceEncoder, Pieces, checked, total_of, vocabulary_of
from seqgen.levels._spelling import FIRST_CHARACTER, Spelling, SpellingDecoder, hexadecimal
from seqgen.levels._words import MARKS, Division, WordCutter, WordIds, count_words, indented, is_small
from seqgen.levels.base import Decoder, Documents, Encoder, Gather, Ids, TextLevel, single
from seqgen.texts import Texts, framed, num_words

# Minimum count of a word in the vocabulary. Words that occur once teach the model to spell; otherwise each character of
# an unknown word costs 16 nats.
_MIN_COUNT = 2
_PLAIN_SIZE = 20_000  # by default; with more, the output layer takes most of the time
_TOKENISED_SIZE = 1 << 16  # rare words are `<unk>` already, so all that fit two bytes are kept

_PROBE_SIZE = 1 << 20  # characters that determine the kind of text
_NOT_SINGLE = re.compile(r"[^\S\n ]|  ")
_ATTACHED = re.compile(rf"[\w{MARKS}][^\w\s>{MARKS}](?=\s)")  # `<unk>` is a word
_MAX_ATTACHED = 0.05  # per word: some abbreviations end in a mark

_LINE = re.compile(r"(?:\A|(?<=\n))[^\n]")
_INDENTED_LINE_START = re.compile(r"(?<=\n) ")


class WordLevel(TextLevel):
    """Ids from 18: an alphabet for spelling, then the words.

    Args:
        alphabet: characters for spelling rare words.
        words: the words of the vocabulary, including the space before them.
        is_tokenised: whether single spaces separate all words.
        is_indented: whether the first word of a line is encoded with a space before it.
    """

    name: ClassVar[str] = "word"

    def __init__(self, alphabet: str, words: Sequence[str], *, is_tokenised: bool, is_indented: bool) -> None:
        self.alphabet = alphabet
        self.words = words
        self.is_tokenised = is_tokenised
        self.is_indented = is_indented

    @classmethod
    def fit(cls, documents: Documents, config: CorpusConfig, gather: Gather = single) -> Self:
        """Return the level with the most frequent words of the training text."""
        beginning = "".join(gather(_beginning(documents)))
        division = Division(_is_tokenised(beginning), _is_flush(beginning))
        counted = count_words(documents, division)
        counts = total_of(gather(counted.counts))
        default_size = _TOKENISED_SIZE if division.is_tokenised else _PLAIN_SIZE
        alphabet, words = vocabulary_of(counts, config.vocabulary_size or default_size, _MIN_COUNT)
        level = cls(alphabet, words, **division._asdict())
        level._word_ids.reuse(counted)
        return level

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: start, end, sixteen digits, the alphabet and the words."""
        return FIRST_CHARACTER + len(self.alphabet) + len(self.words)

    @property
    def _division(self) -> Division:
        return Division(self.is_tokenised, self.is_indented)

    @cached_property
    def _word_ids(self) -> WordIds:
        return WordIds(self._division, Pieces(Spelling(self.alphabet, self.dtype), self.words))

    def encoder(self) -> Encoder[str]:
        """Return an encoder; a word is final when its end is known."""
        return PieceEncoder(self._word_ids.encode, WordCutter(self._division))

    def documents(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of whole documents between their edges, and the number of ids of each."""
        return super().documents(texts) if is_small(texts) else framed(*self._word_ids.encode_all(texts), self.edges)

    def decoder(self) -> Decoder:
        """Return a decoder that removes the added spaces at the beginnings of lines."""
        decoder = SpellingDecoder((*self.alphabet, *self.words))
        return _LineDecoder(decoder) if self.is_indented else decoder

    @cached_property
    def hexadecimal(self) -> Sequence[str]:
        """The text of each token."""
        return hexadecimal((*self.alphabet, *self.words))

    def laid_out(self, text: str) -> str:
        """Return the text with a space before every non-empty line, if the level is indented."""
        return indented(text, begins_line=True) if self.is_indented else text

    def laid_out_sizes(self, text: str) -> NDArray[np.int64]:
        """Return the sizes with those of the added spaces."""
        sizes = super().laid_out_sizes(text)
        if self.is_indented:
            sizes[[match.start() for match in _LINE.finditer(text)]] += 1
        return sizes

    def extent(self, text: str, before: str | None = None) -> dict[str, float]:
        """Return the size of a normalised text; newlines count as words, as in the literature."""
        is_continued = bool(before and before[-1:].strip() and text[:1].strip())  # a word that was counted before
        return {**super().extent(text), "words": num_words(text) + text.count("\n") - is_continued}

    def extent_of(self, texts: Texts) -> dict[str, float]:
        """Return the size of whole documents, see `extent`."""
        num_newlines = int(np.count_nonzero(texts.joined == ord("\n")))
        return {**super().extent_of(texts), "words": num_words(texts.separated_by(" ")) + num_newlines}

    def to_json(self) -> dict[str, Any]:
        """Return the alphabet and the words."""
        return {
            "level": self.name,
            "alphabet": self.alphabet,
            "words": list(self.words),
            "is_tokenised": self.is_tokenised,
            "is_indented": self.is_indented,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with these words.

        Raises:
            TypeError or ValueError: they are invalid; a checkpoint may be damaged or malicious.
        """
        alphabet, words = checked(content["alphabet"], content["words"])
        kind = {name: bool(content[name]) for name in ("is_tokenised", "is_indented")}
        return cls(alphabet, words, **kind)


class _LineDecoder:
    """Removes one space from the beginning of every line."""

    def __init__(self, decoder: SpellingDecoder) -> None:
        self._decoder = decoder
        self._is_line_start = True

    def feed(self, ids: Iterable[int]) -> str:
        return self._without_indents(self._decoder.feed(ids))

    def finish(self) -> str:
        return self._without_indents(self._decoder.finish())

    def _without_indents(self, text: str) -> str:
        if not text:
            return ""
        flush = text[1:] if self._is_line_start and text.startswith(" ") else text
        self._is_line_start = text.endswith("\n")
        return _INDENTED_LINE_START.sub("", flush)


def _beginning(documents: Documents) -> str:
    """Return the first characters of all documents together, with a newline after each document."""
    collected, size = [], 0
    for document in documents:
        if isinstance(document, Texts):
            num_texts = 1 + int(np.searchsorted(size + np.cumsum(document.sizes + 1), _PROBE_SIZE))
            text = document.select(np.arange(min(num_texts, len(document)))).separated_by("\n")
            chunks: Iterable[str] = (text[:-1], "\n")
        else:
            chunks = chain(document, "\n")
        for chunk in chunks:
            collected.append(chunk)
            size += len(chunk)
            if size >= _PROBE_SIZE:
                return "".join(collected)
    return "".join(collected)


def _is_tokenised(text: str) -> bool:
    """Return whether words and punctuation marks are separated by single spaces."""
    return not _NOT_SINGLE.search(text) and len(_ATTACHED.findall(text)) <= _MAX_ATTACHED * len(text.split())


def _is_flush(text: str) -> bool:
    """Return whether most lines begin without a space."""
    num_lines = sum(map(bool, text.split("\n")))
    return 2 * (text.count("\n ") + text.startswith(" ")) < num_lines
