"""What levels share: an alphabet whose other characters are spelled in bytes, and a vocabulary of pieces above it.

A character outside the alphabet is written as its UTF-8 bytes, each as two hexadecimal digits. Sixteen tokens do
for that, where one for every byte would make the output layer of a small alphabet several times as wide. A piece
outside the vocabulary is written character by character. So nothing is ever lost, and a token's text does not depend
on the tokens around it.
"""

import codecs
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import IdCounter, Ids, Level

_FIRST_DIGIT = 2
FIRST_CHARACTER = _FIRST_DIGIT + 16
_UNKNOWN = Level.START  # a text never holds the start token, so its id can mark what a table lacks

ALWAYS_KEPT = 256  # an alphabet up to this size is kept whole
RARE = 1e-5  # beyond it, a character that is less of the text than this is spelled: too seldom to be learned
_MAX_COUNTED = 1 << 21  # different pieces counted at once: bounds the memory


def alphabet_of(counts: Mapping[str, int], vocabulary_size: int) -> str:
    """Return the characters to keep, the most frequent first.

    Args:
        counts: how often each character is in the text.
        vocabulary_size: how many ids there may be in all.
    """
    rare = RARE * sum(counts.values())
    kept = [c for place, c in enumerate(most_common(counts)) if place < ALWAYS_KEPT or counts[c] >= rare]
    return "".join(kept[: max(0, vocabulary_size - FIRST_CHARACTER)])


def checked(alphabet: Any, pieces: Any) -> tuple[str, list[str]]:
    """Return an alphabet and pieces that somebody else may have written.

    Raises:
        TypeError or ValueError: they are none.
    """
    if len(set(alphabet)) < len(alphabet) or len(set(pieces)) < len(pieces) or not all(pieces):
        raise ValueError("its vocabulary holds a token twice, or an empty one")
    "".join([alphabet, *pieces]).encode()  # what is no text cannot be
    return alphabet, list(pieces)


def vocabulary_of(counts: Counter[str], vocabulary_size: int, min_count: int) -> tuple[str, list[str]]:
    """Return the alphabet and, as far as there is room, the most frequent pieces of several characters.

    Args:
        counts: how often each piece is in the text.
        vocabulary_size: how many ids there may be in all.
        min_count: how often a piece must come.
    """
    characters: Counter[str] = Counter()
    for piece, times in counts.items():
        for character in piece:
            characters[character] += times
    alphabet = alphabet_of(characters, vocabulary_size)
    frequent = [piece for piece in most_common(counts) if len(piece) > 1 and counts[piece] >= min_count]
    return alphabet, frequent[: max(0, vocabulary_size - FIRST_CHARACTER - len(alphabet))]


def most_common(counts: Mapping[str, int]) -> list[str]:
    """Return the keys by falling count, equal ones in their own order, so that the result depends on counts alone."""
    return sorted(counts, key=lambda key: (-counts[key], key))


class Spelling:
    """An alphabet's ids from 18; ids 2 to 17 are the digits 0 to f of bytes.

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
        table = np.full(sys.maxunicode + 1, _UNKNOWN, dtype=self.dtype)
        table[_code_points(self.alphabet)] = np.arange(FIRST_CHARACTER, FIRST_CHARACTER + len(self.alphabet))
        return table

    @cached_property
    def _ascii_table(self) -> bytes | None:
        """The table of the first 256 code points for `bytes.translate`, where ids are bytes."""
        return self._table[:256].tobytes() if self.dtype.itemsize == 1 else None

    def encode(self, text: str) -> Ids:
        """Return the ids of a normalised text, shape (tokens,), by the fastest look-up that its characters allow."""
        if self._ascii_table and text.isascii():
            translated = text.encode("ascii").translate(self._ascii_table)
            if _UNKNOWN not in translated:
                return np.frombuffer(translated, dtype=self.dtype)
        code_units = np.frombuffer(text.encode("utf-16-le"), dtype=np.uint16)
        code_points = code_units if len(code_units) == len(text) else _code_points(text)
        ids: Ids = self._table.take(code_points, mode="clip")  # nothing is clipped; the check would halve the speed
        known = ids != _UNKNOWN
        return ids if known.all() else self._spell(code_points.astype(np.uint32), ids, known)

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


class Pieces:
    """A vocabulary of strings, whose ids follow those of an alphabet.

    Args:
        spelling: writes what is not in the vocabulary.
        pieces: the strings, without repetition.
    """

    def __init__(self, spelling: Spelling, pieces: Sequence[str]) -> None:
        self._spelling = spelling
        self._ids = {text: index for index, text in enumerate((*spelling.alphabet, *pieces), FIRST_CHARACTER)}

    def encode(self, pieces: Sequence[str]) -> Ids:
        """Return the ids of the pieces one after the other, shape (tokens,)."""
        known = map(self._ids.get, pieces, repeat(_UNKNOWN))
        ids = np.fromiter(known, dtype=self._spelling.dtype, count=len(pieces))
        if ids.all():
            return ids
        spelled = (self._spelling.encode(pieces[place]) for place in np.flatnonzero(ids == _UNKNOWN).tolist())
        each = [next(spelled) if token == _UNKNOWN else (token,) for token in ids.tolist()]
        return np.fromiter(chain.from_iterable(each), dtype=self._spelling.dtype)


class Cutter:
    """Cuts a text that comes in chunks into pieces, the same ones however it is chunked.

    Args:
        pattern: matches at every place; what it matches depends on no more than `reach` characters from there on.
        reach: a piece that begins so many characters before the end of what is known is certain.
    """

    def __init__(self, pattern: re.Pattern[str], reach: int) -> None:
        self._pattern = pattern
        self._reach = reach
        self._waiting = ""

    def feed(self, text: str) -> list[str]:
        """Return the pieces that no further text can change."""
        pieces = self._pattern.findall(self._waiting + text)
        certain, characters = len(pieces), 0
        while certain and characters + len(pieces[certain - 1]) < self._reach:
            certain -= 1
            characters += len(pieces[certain])
        self._waiting = "".join(pieces[certain:])
        return pieces[:certain]

    def finish(self) -> list[str]:
        """Return the rest."""
        pieces, self._waiting = self._pattern.findall(self._waiting), ""
        return pieces

    def cut(self, chunks: Iterable[str]) -> Iterator[list[str]]:
        """Yield the pieces of a whole document."""
        yield from map(self.feed, chunks)
        yield self.finish()


class PieceEncoder:
    """Encodes a document piece by piece.

    Args:
        ids_of: returns the ids of pieces, one after the other.
        cutter: at the beginning of a document.
    """

    def __init__(self, ids_of: Callable[[list[str]], Ids], cutter: Cutter) -> None:
        self._ids_of = ids_of
        self._cutter = cutter

    def feed(self, text: str) -> Ids:
        """Return the ids of the pieces that no further text can change."""
        return self._ids_of(self._cutter.feed(text))

    def finish(self) -> Ids:
        """Return the ids of the rest."""
        return self._ids_of(self._cutter.finish())


def count_characters(texts: Iterable[str]) -> Counter[str]:
    """Return about how often each character comes, exactly in a text that is not large."""
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
    """Yield the texts in fewer, longer ones, as documents may be a few characters long."""
    collected: list[str] = []
    size = 0
    for text in texts:
        collected.append(text)
        size += len(text)
        if size >= 1 << 18:
            yield "".join(collected)
            collected, size = [], 0
    yield "".join(collected)


def count_pieces(lists: Iterable[list[str]]) -> Counter[str]:
    """Return how often each piece comes; where there are too many kinds to count, the rarest are dropped on the way."""
    counts: Counter[str] = Counter()
    for pieces in lists:
        counts.update(pieces)
        threshold = 1
        while len(counts) > _MAX_COUNTED:
            counts = Counter({piece: count for piece, count in counts.items() if count > threshold})
            threshold *= 2
    return counts


def hexadecimal(texts: Iterable[str]) -> list[str]:
    """Return what each token writes, see `TextLevel.hexadecimal`; `texts` are what the ids from 18 on stand for."""
    return ["", "", *"0123456789abcdef", *(text.encode("utf-8").hex() for text in texts)]


class SpellingDecoder:
    """Turns every token into bytes; a digit without its partner becomes a byte that UTF-8 never has.

    Args:
        texts: what the ids from 18 on stand for.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._bytes = [text.encode("utf-8") for text in texts]
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._high: int | None = None

    def feed(self, ids: Iterable[int]) -> str:
        """Return the text that is certain by now."""
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
        """Return what waited."""
        rest = b"" if self._high is None else b"\xff"
        self._high = None
        return self._utf8.decode(rest, final=True)


def _code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text without lone surrogates, shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
