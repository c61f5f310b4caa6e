"""What every level can do: turn text or music into token ids and back, exactly."""

import codecs
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig

Content = Any  # of a document: a str, or a Score; both have a length and can be cut
Ids = NDArray[np.integer[Any]]

PADDING = -1  # stands where no id is to be predicted

_COUNTED_AT_ONCE = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")


def normalise_text(text: str) -> str:
    """Return the text with a line feed for every newline and U+FFFD for what is no character (a lone surrogate)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


class Encoder(Protocol):
    """Turns normalised content into ids as it comes, the same ones however a text is cut."""

    def feed(self, content: Content, /) -> Ids:
        """Return the ids that are certain by now; what more content could change waits."""

    def finish(self) -> Ids:
        """Return the ids of what waited."""


class Decoder(Protocol):
    """Turns ids into text as they come."""

    def feed(self, ids: Iterable[int]) -> str:
        """Return the text that is certain by now; half a character waits."""

    def finish(self) -> str:
        """Return what waited, replaced by U+FFFD where it is not whole."""


class Level(ABC):
    """A vocabulary with its way to turn content into tokens.

    Ids 0 and 1 are the start and the end of a document; they stand for no content.
    """

    name: ClassVar[str]
    START: ClassVar[int] = 0
    END: ClassVar[int] = 1

    @classmethod
    @abstractmethod
    def fit(cls, documents: Iterable[Iterable[Content]], config: CorpusConfig) -> Self:
        """Return the level whose vocabulary suits the training part.

        Args:
            documents: each as chunks of normalised content; may be iterated over again.
            config: its `vocabulary_size` is the most tokens that the level may have; None leaves it to the level.
        """

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """How many ids there are."""

    @abstractmethod
    def encoder(self) -> Encoder:
        """Return an encoder at the beginning of a document."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` needs, as plain JSON values; `level` is the level's name."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level that `to_json` described."""

    @abstractmethod
    def extent(self, content: Content, before: Content | None = None) -> dict[str, float]:
        """Return how much a content adds to its document, in the units in which levels can be compared.

        Args:
            content: what is measured.
            before: the chunk before it in its document, whose last word may go on in the content.
        """

    def variants(self, config: CorpusConfig) -> NDArray[np.int64] | None:  # noqa: ARG002  # some level needs it
        """Return in which ways a training document may be changed and still be one of its kind.

        Returns:
            Which id each id becomes in each of them, shape (variants, vocabulary); None where there is no such way.
        """
        return None

    @abstractmethod
    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return what each token adds to the content, as text for a reader; nothing for START and END."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned type that holds every id."""
        return np.min_scalar_type(self.vocabulary_size - 1)


class TextLevel(Level):
    """A level of text."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return a decoder at the beginning of a document."""

    @property
    @abstractmethod
    def hexadecimal(self) -> Sequence[str]:
        """What each token writes, as the hexadecimal digits of UTF-8; START and END write nothing.

        A token of an odd number of digits has just one: two such tokens are a byte.
        """

    def laid_out(self, text: str) -> str:
        """Return a normalised text as the tokens write it, before the decoder changes it."""
        return text

    def settled(self, text: str) -> int:
        """Return how many characters of a text have the same tokens whatever follows: all before the last word."""
        end = len(text.rstrip("\n"))
        word = 1 + max(text.rfind(" ", 0, end), text.rfind("\n", 0, end))
        return len(text[:word].rstrip(" "))

    def spelled_out(self, ids: Sequence[int] | Ids) -> Counter[str]:
        """Count the characters that the vocabulary lacks, so that they are written in several tokens.

        Args:
            ids: of documents, one after the other; none may end within a character.
        """
        decoder, counts, waiting = codecs.getincrementaldecoder("utf-8")("replace"), Counter[str](), ""
        is_part = np.array([_is_part(digits) for digits in self.hexadecimal])
        for start in range(0, len(ids), _COUNTED_AT_ONCE):
            some = np.asarray(ids[start : start + _COUNTED_AT_ONCE], dtype=np.int64)
            waiting += "".join(self.hexadecimal[token] for token in some[is_part[some]])
            whole = len(waiting) & ~1
            counts.update(decoder.decode(bytes.fromhex(waiting[:whole])))
            waiting = waiting[whole:]
        return counts

    def normalise(self, text: str) -> str:
        """Return what `decode(encode(text))` gives back."""
        return normalise_text(text)

    def encode(self, text: str) -> Ids:
        """Return the ids of the normalised text, shape (tokens,), in the smallest integer type that fits."""
        encoder = self.encoder()
        return np.concatenate([encoder.feed(self.normalise(text)), encoder.finish()])

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """Return the text that the ids stand for."""
        decoder = self.decoder()
        return decoder.feed(map(int, ids)) + decoder.finish()

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token; of a character in several tokens with its last one."""
        decoder = self.decoder()
        texts = [decoder.feed([token]) for token in ids]
        return [*texts[:-1], texts[-1] + decoder.finish()] if texts else []

    def extent(self, text: str, before: str | None = None) -> dict[str, float]:  # noqa: ARG002  # words need it
        """Return how much a normalised text is, in the units in which levels can be compared."""
        return {"characters": len(text), "bytes": len(text) if text.isascii() else len(text.encode("utf-8"))}


def _is_part(digits: str) -> bool:
    """Tell whether hexadecimal digits are half a byte or a byte of a character of several."""
    return len(digits) == 1 or (len(digits) == 2 and digits >= "80")


class IdCounter:
    """How often each id comes.

    Bytes are counted exactly in the first blocks, then in every eighth; the others are only looked through for ids
    that have not come before, in half the time. So a share is never far off, and what is 0 has never come. Where blocks
    begin does not depend on how many ids are added at a time.

    Attributes:
        counts: shape (size,).
    """

    BLOCK = 1 << 20
    _EXACT, _EVERY = 16, 8  # blocks

    def __init__(self, size: int) -> None:
        self.counts = np.zeros(size, dtype=np.int64)
        self._seen = b""
        self._num_bytes = 0

    def add(self, ids: Ids) -> None:
        """Count ids."""
        if ids.dtype != np.uint8:
            self.counts += np.bincount(ids, minlength=len(self.counts))
            return
        while len(ids):
            block, place = divmod(self._num_bytes, self.BLOCK)
            self._add_bytes(ids[: self.BLOCK - place], block)
            self._num_bytes += min(len(ids), self.BLOCK - place)
            ids = ids[self.BLOCK - place :]

    def _add_bytes(self, ids: Ids, block: int) -> None:
        if block < self._EXACT or block % self._EVERY == 0:
            self.counts += _count_bytes(ids)[: len(self.counts)]
            self._seen = np.flatnonzero(self.counts).astype(np.uint8).tobytes()
        elif new := bytes(set(ids.tobytes().translate(None, self._seen))):
            self.counts[list(new)] = 1
            self._seen += new


def _count_bytes(values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how often each byte comes, shape (256,); many are counted in pairs, which takes half the time."""
    if len(values) < 1 << 16:
        return np.bincount(values, minlength=256)
    even = len(values) & ~1
    pairs = np.bincount(values[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    counts: NDArray[np.int64] = pairs.sum(0) + pairs.sum(1)
    counts[values[even:]] += 1
    return counts
