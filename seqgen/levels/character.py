"""The character level: a token is a Unicode code point; what the vocabulary lacks is spelled out in bytes.

A character outside the vocabulary is written as its UTF-8 bytes, each as two hexadecimal digits. Sixteen tokens do
for that, where one for every byte would make the output layer of a small alphabet several times as wide.
"""

import codecs
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.levels.base import Decoder, Ids, Level

_FIRST_DIGIT = 2
_FIRST_CHARACTER = _FIRST_DIGIT + 16
_UNKNOWN = Level.START  # a text never holds the start token, so its id can mark what the table lacks


class CharacterLevel(Level):
    """Code points in order from id 18; ids 2 to 17 are the digits 0 to f of bytes.

    Args:
        alphabet: the characters of the vocabulary, without repetition.
    """

    name: ClassVar[str] = "character"

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet

    @classmethod
    def fit(cls, chunks: Iterable[str]) -> Self:
        """Return the level with every character of the training text."""
        seen = np.zeros(sys.maxunicode + 1, dtype=bool)
        for chunk in chunks:
            seen[_code_points(chunk)] = True
        return cls("".join(map(chr, np.flatnonzero(seen))))

    @property
    def vocabulary_size(self) -> int:
        """Start, end, sixteen digits and the alphabet."""
        return _FIRST_CHARACTER + len(self.alphabet)

    @cached_property
    def _table(self) -> NDArray[Any]:
        table = np.full(sys.maxunicode + 1, _UNKNOWN, dtype=self.dtype)
        table[_code_points(self.alphabet)] = np.arange(_FIRST_CHARACTER, self.vocabulary_size)
        return table

    def encode(self, text: str) -> Ids:
        """Return the ids of the normalised text, by array look-up."""
        code_points = _code_points(self.normalise(text))
        ids: Ids = self._table[code_points]
        known = ids != _UNKNOWN
        return ids if known.all() else self._spell(code_points, ids, known)

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

    def decoder(self) -> Decoder:
        """Return a decoder that holds back a character until all its bytes are there."""
        return _CharacterDecoder(self.alphabet)

    def to_json(self) -> dict[str, Any]:
        """Return the alphabet."""
        return {"level": self.name, "alphabet": self.alphabet}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with this alphabet."""
        return cls(content["alphabet"])


class _CharacterDecoder:
    """Turns every token into bytes; a digit without its partner becomes a byte that UTF-8 never has."""

    def __init__(self, alphabet: str) -> None:
        self._bytes = [character.encode("utf-8") for character in alphabet]
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._high: int | None = None

    def feed(self, ids: Iterable[int]) -> str:
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
            if token >= _FIRST_CHARACTER:
                collected += self._bytes[token - _FIRST_CHARACTER]
        return self._utf8.decode(bytes(collected))

    def finish(self) -> str:
        rest = b"" if self._high is None else b"\xff"
        self._high = None
        return self._utf8.decode(rest, final=True)


def _code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text without lone surrogates, shape (characters,)."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
