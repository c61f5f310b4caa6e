"""The decomposed level: characters of the canonical decomposition (Unicode NFD), composed again when decoded.

A letter with an accent is the letter and the accent, and a Hangul syllable consists of its two or three letters, so
that what letters have in common is learned once. The text that comes back is the composed one (NFC).
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.levels.base import Decoder, Documents, Encoder, Gather, Ids, TextLevel, single
from seqgen.levels.character import CharacterLevel
from seqgen.texts import Texts, singly

_JOINING_LETTERS = range(0x1160, 0x1200)  # vowels and final consonants of Hangul, which continue a syllable


class DecomposedLevel(CharacterLevel):
    """Ids of the characters of the decomposed text, see `CharacterLevel`."""

    name: ClassVar[str] = "decomposed"

    @classmethod
    def fit(cls, documents: Documents, config: CorpusConfig, gather: Gather = single) -> Self:
        """Return the level with the characters of the decomposed training text, see `CharacterLevel.fit`."""
        return super().fit(_DecomposedDocuments(documents), config, gather)

    def extended(self, documents: Documents) -> Self:
        """Return the level with the other characters of the decomposed documents at the end of the alphabet."""
        return super().extended(_DecomposedDocuments(documents))

    def normalise(self, text: str) -> str:
        """Return the composed text."""
        return unicodedata.normalize("NFC", super().normalise(text))

    def laid_out(self, text: str) -> str:
        """Return the decomposed text."""
        return unicodedata.normalize("NFD", text)

    def laid_out_sizes(self, text: str) -> NDArray[np.int64]:
        """Return the sizes of the decomposed characters."""
        return np.array([len(self.laid_out(character).encode()) for character in text], dtype=np.int64)

    def settled(self, text: str) -> int:
        """Return where the last character begins that marks or letters could still join."""
        return super().settled(text[: _last_base(text)])

    def encoder(self) -> Encoder[str]:
        """Return an encoder; a character is final when nothing can join it any more."""
        return _DecomposingEncoder(super().encoder())

    def documents(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of whole documents between their edges, and the number of ids of each."""
        return TextLevel.documents(self, texts)  # one by one: marks must not join the text before

    def decoder(self) -> Decoder:
        """Return a decoder that keeps a character back as long as something can join it."""
        return _ComposingDecoder(super().decoder())

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, decomposed."""
        return CharacterLevel(self.alphabet, self.ngram, self.groups).spelled(ids)


class _Normaliser:
    """Normalises a text that comes in chunks, as if it came at once.

    Args:
        form: of Unicode: composed (NFC) or decomposed (NFD).
    """

    def __init__(self, form: Literal["NFC", "NFD"]) -> None:
        self._form = form
        self._waiting = ""

    def feed(self, text: str) -> str:
        text = self._waiting + text
        end = _last_base(text)
        self._waiting = text[end:]
        return unicodedata.normalize(self._form, text[:end])

    def finish(self) -> str:
        return unicodedata.normalize(self._form, self._waiting)


def _last_base(text: str) -> int:
    """Return the index of the last base character, which combining characters may follow, or 0 without one."""
    place = max(0, len(text) - 1)
    while place > 0 and _joins(text[place]):
        place -= 1
    return place


def _joins(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or ord(character) in _JOINING_LETTERS


class _DecomposedDocuments:
    """Documents whose chunks are decomposed; can be iterated over several times."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def __iter__(self) -> Iterator[Iterator[str]]:
        return map(_decomposed, singly(self._documents))


def _decomposed(chunks: Iterable[str]) -> Iterator[str]:
    normaliser = _Normaliser("NFD")
    yield from map(normaliser.feed, chunks)
    yield normaliser.finish()


class _DecomposingEncoder:
    def __init__(self, encoder: Encoder[str]) -> None:
        self._encoder = encoder
        self._normaliser = _Normaliser("NFD")

    def feed(self, text: str) -> Ids:
        return self._encoder.feed(self._normaliser.feed(text))

    def finish(self) -> Ids:
        return np.concatenate([self._encoder.feed(self._normaliser.finish()), self._encoder.finish()])


class _ComposingDecoder:
    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._normaliser = _Normaliser("NFC")

    def feed(self, ids: Iterable[int]) -> str:
        return self._normaliser.feed(self._decoder.feed(ids))

    def finish(self) -> str:
        return self._normaliser.feed(self._decoder.finish()) + self._normaliser.finish()
