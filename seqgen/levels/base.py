"""What every level can do: turn text into token ids and back, exactly."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]

_SURROGATE = re.compile("[\ud800-\udfff]")


def normalise_text(text: str) -> str:
    """Return the text with a line feed for every newline and U+FFFD for what is no character (a lone surrogate)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", text)


class Decoder(Protocol):
    """Turns ids into text as they come."""

    def feed(self, ids: Iterable[int]) -> str:
        """Return the text that is certain by now; half a character waits."""

    def finish(self) -> str:
        """Return what waited, replaced by U+FFFD where it is not whole."""


class Level(ABC):
    """A vocabulary with its way to cut a text into tokens.

    Ids 0 and 1 are the start and the end of a document; they stand for no text.
    """

    name: ClassVar[str]
    START: ClassVar[int] = 0
    END: ClassVar[int] = 1

    @classmethod
    @abstractmethod
    def fit(cls, chunks: Iterable[str]) -> Self:
        """Return the level whose vocabulary suits the training text, read in chunks."""

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """How many ids there are."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """Return the ids of the normalised text, shape (tokens,), in the smallest integer type that fits."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return a decoder at the beginning of a document."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs, as plain JSON values; `level` is the level's name."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level that `to_json` described."""

    def normalise(self, text: str) -> str:
        """Return what `decode(encode(text))` gives back."""
        return normalise_text(text)

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """Return the text that the ids stand for."""
        decoder = self.decoder()
        return decoder.feed(map(int, ids)) + decoder.finish()

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned type that holds every id."""
        return np.min_scalar_type(self.vocabulary_size - 1)
