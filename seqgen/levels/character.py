"""The character level: a token is a Unicode code point or, with `--ngram n`, n of them.

A text is divided into groups of n characters from its beginning. Groups outside the vocabulary and the remainder at
the end are encoded character by character.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.levels._pieces import Cutter, PieceEncoder, Pieces, checked, count_pieces, total_of, vocabulary_of
from seqgen.levels._spelling import (
    FIRST_CHARACTER,
    Spelling,
    SpellingDecoder,
    alphabet_of,
    count_characters,
    hexadecimal,
)
from seqgen.levels.base import Decoder, Documents, Encoder, Gather, Ids, TextLevel, single
from seqgen.texts import Texts, chunks_of, framed, singly

_DEFAULT_SIZE = 8192  # covers the frequent characters of any script


class CharacterLevel(TextLevel):
    """Ids from 18: the alphabet, then the groups, both with the most frequent first.

    Args:
        alphabet: the characters of the vocabulary, without repetition.
        ngram: number of characters per group; 1 means no groups.
        groups: the groups of the vocabulary, without repetition.
    """

    name: ClassVar[str] = "character"

    def __init__(self, alphabet: str, ngram: int = 1, groups: Sequence[str] = ()) -> None:
        self.alphabet = alphabet
        self.ngram = ngram
        self.groups = groups

    @classmethod
    def fit(cls, documents: Documents, config: CorpusConfig, gather: Gather = single) -> Self:
        """Return the level with the characters of the training text, except rare ones of a large alphabet.

        Groups that occur at least twice are included, the most frequent first.
        """
        size = config.vocabulary_size or _DEFAULT_SIZE
        if config.ngram == 1:
            return cls(alphabet_of(total_of(gather(count_characters(chunks_of(documents)))), size))
        counts = count_pieces(chain.from_iterable(_cutter(config.ngram).cut(chunks) for chunks in singly(documents)))
        alphabet, groups = vocabulary_of(total_of(gather(counts)), size, min_count=2)
        return cls(alphabet, config.ngram, groups)

    def extended(self, documents: Documents) -> Self:
        """Return the level with the other characters of the documents at the end of the alphabet.

        With groups, whose ids follow the alphabet, it is this level.
        """
        if self.ngram > 1:
            return self
        found = alphabet_of(count_characters(chunks_of(documents)), _DEFAULT_SIZE)
        return type(self)(self.alphabet + "".join(character for character in found if character not in self.alphabet))

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: start, end, sixteen digits, the alphabet and the groups."""
        return FIRST_CHARACTER + len(self.alphabet) + len(self.groups)

    @cached_property
    def _spelling(self) -> Spelling:
        return Spelling(self.alphabet, self.dtype)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self._spelling, self.groups)

    def encoder(self) -> Encoder[str]:
        """Return an encoder; a group is final when it is complete."""
        return (
            _CharacterEncoder(self._spelling)
            if self.ngram == 1
            else PieceEncoder(self._pieces.encode, _cutter(self.ngram))
        )

    def documents(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of whole documents between their edges, and the number of ids of each."""
        return super().documents(texts) if self.ngram > 1 else framed(*self._spelling.encode_all(texts), self.edges)

    def decoder(self) -> Decoder:
        """Return a decoder that keeps a character back until all of its bytes are known."""
        return SpellingDecoder((*self.alphabet, *self.groups))

    @cached_property
    def hexadecimal(self) -> Sequence[str]:
        """The text of each token."""
        return hexadecimal((*self.alphabet, *self.groups))

    def settled(self, text: str) -> int:
        """Return where the last incomplete group begins."""
        return len(text) - len(text) % self.ngram

    def to_json(self) -> dict[str, Any]:
        """Return the alphabet and the groups."""
        return {"level": self.name, "alphabet": self.alphabet, "ngram": self.ngram, "groups": list(self.groups)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with this alphabet.

        Raises:
            TypeError or ValueError: it is invalid; a checkpoint may be damaged or malicious.
        """
        ngram = content.get("ngram", 1)
        CorpusConfig(ngram=ngram)  # checks it
        alphabet, groups = checked(content["alphabet"], content.get("groups", ()))
        return cls(alphabet, ngram, groups)


def _cutter(ngram: int) -> Cutter:
    return Cutter(re.compile(f"(?s).{{1,{ngram}}}"), ngram)


class _CharacterEncoder:
    def __init__(self, spelling: Spelling) -> None:
        self.feed = spelling.encode

    def finish(self) -> Ids:
        return self.feed("")
