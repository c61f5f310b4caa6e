"""An alphabet; characters outside it are spelled as bytes.

A character outside the alphabet is encoded as its UTF-8 bytes, each as two hexadecimal digits. This needs sixteen
tokens; one token per byte would make the output layer of a small alphabet several times as wide. Nothing is lost, and
the text of a token does not depend on the tokens around it.
"""

import codecs
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import IdCounter, Ids, Level, utf8_sizes
from seqgen.texts import Texts

_FIRST_DIGIT = 2
FIRST_CHARACTER = _FIRST_DIGIT + 16
UNKNOWN = Level.START  # a text never contains the start token, so its id can mark unknown entries

ALWAYS_KEPT = 256  # an alphabet up to this size is kept completely
RARE = 1e-5  # beyond that, characters with a smaller share of the text are spelled: they are too rare to learn


def alphabet_of(counts: Mapping[str, int], vocabulary_size: int) -> str:
    """Return the characters of the alphabet, the most frequent first.

    Args:
        counts: number of each character in the text.
        vocabulary_size: maximum number of ids in total.
    """
    rare = RARE * sum(counts.values())
    kept = [c for place, c in enumerate(most_common(counts)) if place < ALWAYS_KEPT or counts[c] >= rare]
    return "".join(kept[: max(0, vocabulary_size - FIRST_CHARACTER)])


def most_common(counts: Mapping[str, int]) -> list[str]:
    """Return the keys by decreasing count, and by key for equal counts, so that the result depends on counts only."""
    return sorted(sorted(counts), key=counts.__getitem__, reverse=True)


class Spelling:
    """Ids of an alphabet from 18; ids 2 to 17 are the hexadecimal digits of bytes.

    Args:
        alphabet: characters without repetition.
        dtype: the integer type of ids.
    """

    def __init__(self, alphabet: str, dtype: np.dtype[Any]) -> None:
        self.alphabet = alphabet
        self.dtype = dtype

    @cached_property
    def _table(self) -> NDArray[Any]:
        """The id of every code point."""
        table = np.full(sys.maxunicode + 1, UNKNOWN, dtype=self.dtype)
        table[_code_points(self.alphabet)] = np.arange(FIRST_CHARACTER, FIRST_CHARACTER + len(self.alphabet))
        return table

    @cached_property
    def _ascii_table(self) -> bytes | None:
        """The table of the first 256 code points for `bytes.translate`, if ids are bytes."""
        return self._table[:256].tobytes() if self.dtype.itemsize == 1 else None

    def encode(self, text: str) -> Ids:
        """Return the ids of a normalised text, shape (tokens,), by the fastest lookup for its characters."""
        if self._ascii_table and text.isascii():
            translated = text.encode("ascii").translate(self._ascii_table)
            if UNKNOWN not in translated:
                return np.frombuffer(translated, dtype=self.dtype)
        code_units = np.frombuffer(text.encode("utf-16-le"), dtype=np.uint16)
        code_points = code_units if len(code_units) == len(text) else _code_points(text)
        ids: Ids = self._table.take(code_points, mode="clip")  # clips nothing; the default mode would halve the speed
        known = ids != UNKNOWN
        return ids if known.all() else self._spell(code_points.astype(np.uint32), ids, known)

    def encode_all(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of several texts, concatenated, and the number of ids of each."""
        ids, sizes = self.encode(texts.joined_text), texts.sizes
        if len(ids) == sizes.sum():
            return ids, sizes
        code_points = _code_points(texts.joined_text)
        digits = 2 * utf8_sizes(texts.joined_text)
        lengths = np.where(self._table[code_points] == UNKNOWN, digits, 1)
        return ids, np.add.reduceat(lengths, np.cumsum(sizes) - sizes)

    def _spell(self, code_points: NDArray[np.uint32], ids: Ids, known: NDArray[np.bool_]) -> Ids:
        """Return the ids with each unknown character replaced by the digits of its bytes."""
        unknown = code_points[~known]
        spelling = np.frombuffer(unknown.tobytes().decode("utf-32-le").encode("utf-8"), dtype=np.uint8)
        lengths = np.ones(len(ids), dtype=np.int64)
        lengths[~known] = 2 * (1 + (unknown >= 0x80).astype(np.int64) + (unknown >= 0x800) + (unknown >= 0x10000))
        is_character = np.repeat(known, lengths)
        spelled = np.empty(len(is_character), dtype=self.dtype)
        spelled[is_character] = ids[known]
        spelled[~is_character] = np.stack((spelling >> 4, spelling & 15), axis=1).ravel() + _FIRST_DIGIT
        return spelled


def count_characters(texts: Iterable[str]) -> Counter[str]:
    """Return the number of each character, approximate in a large text."""
    ascii_counter, counts = IdCounter(256), np.zeros(sys.maxunicode + 1, dtype=np.int64)
    for text in _joined(texts):
        if text.isascii():
            ascii_counter.add(np.frombuffer(text.encode("ascii"), dtype=np.uint8))
            continue
        code_units = np.frombuffer(text.encode("utf-16-le"), dtype=np.uint16)
        if len(code_units) == len(text):
            counts[: 1 << 16] += np.bincount(code_units, minlength=1 << 16)
        else:
            code_points, times = np.unique(_code_points(text), return_counts=True)
            counts[code_points] += times
    counts[:256] += ascii_counter.counts
    return Counter({chr(code_point): int(counts[code_point]) for code_point in np.flatnonzero(counts)})


def _joined(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts joined into longer ones, because documents may have only a few characters."""
    collected: list[str] = []
    size = 0
    for text in texts:
        collected.append(text)
        size += len(text)
        if size >= 1 << 18:
            yield "".join(collected)
            collected, size = [], 0
    yield "".join(collected)


def hexadecimal(texts: Iterable[str]) -> list[str]:
    """Return the text of each token as in `TextLevel.hexadecimal`; `texts` are those of the ids from 18."""
    return ["", "", *"0123456789abcdef", *(text.encode("utf-8").hex() for text in texts)]


class SpellingDecoder:
    """Decodes every token to bytes; an unpaired digit becomes a byte that is invalid in UTF-8.

    Args:
        texts: of the ids from 18.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._bytes = [text.encode("utf-8") for text in texts]
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._high: int | None = None

    def feed(self, ids: Iterable[int]) -> str:
        """Return the text that is final."""
        collected = bytearray()
        for token in ids:
            digit = token - _FIRST_DIGIT
            if 0 <= digit < 16:
                if self._high is None:
                    self._high = digit
                else:
                    collected.append(16 * self._high + digit)
                    self._high = None
                continue
            if self._high is not None:
                collected += b"\xff"
                self._high = None
            if token >= FIRST_CHARACTER:
                collected += self._bytes[token - FIRST_CHARACTER]
        return self._utf8.decode(bytes(collected))

    def finish(self) -> str:
        """Return what was kept back."""
        rest = b"" if self._high is None else b"\xff"
        self._high = None
        return self._utf8.decode(rest, final=True)


def _code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text without lone surrogates, shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
