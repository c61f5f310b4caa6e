"""The interface of levels: text or music to token ids and back, without loss."""

import codecs
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.music.score import Score
from seqgen.texts import Texts

Content = TypeVar("Content", str, Score, bytes)  # of a document; all have a length and can be sliced
_Content_contra = TypeVar("_Content_contra", str, Score, bytes, contravariant=True)
Ids = NDArray[np.integer[Any]]
# Each document as chunks of normalised text; several may come together.
Documents = Iterable[Iterable[str] | Texts]
# Returns the JSON values of all shares of a corpus, given the own one, as all machines do together.
Gather = Callable[[Any], list[Any]]

PADDING = -1  # marks positions without a target

_COUNTED_AT_ONCE = 1 << 20
_SURROGATE = re.compile("[\ud800-\udfff]")


def single(own: Any) -> list[Any]:
    """Return the values of all shares of a corpus that has only one."""
    return [own]


def normalise_text(text: str) -> str:
    """Return the text with line feeds as newlines and U+FFFD for lone surrogates, which are not characters."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


class Encoder(Protocol[_Content_contra]):
    """Encodes normalised content incrementally; the ids do not depend on how a text is divided into chunks."""

    def feed(self, content: _Content_contra, /) -> Ids:
        """Return the ids that are final; those that further content could change are kept back."""

    def finish(self) -> Ids:
        """Return the ids that were kept back."""


class Decoder(Protocol):
    """Decodes ids incrementally."""

    def feed(self, ids: Iterable[int]) -> str:
        """Return the text that is final; an incomplete character is kept back."""

    def finish(self) -> str:
        """Return what was kept back, with U+FFFD for an incomplete character."""


class Coding(ABC, Generic[Content]):
    """Encodes content as rows, one per position: a token id, or a vector of numbers."""

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, documents: Iterable[Iterable[Content]], config: CorpusConfig) -> Self:
        """Return a coding for the training part.

        Args:
            documents: each as chunks of normalised content, or several texts as `Texts`; can be iterated over several
                times.
            config: its `vocabulary_size` is the maximum number of tokens; None lets the level choose.
        """

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a row: () for a token id, (features,) for a vector."""
        return ()

    @property
    @abstractmethod
    def edges(self) -> tuple[Ids, Ids]:
        """The rows before and after those of a document."""

    @abstractmethod
    def encoder(self) -> Encoder[Content]:
        """Return an encoder at the beginning of a document."""

    def document(self, content: Content) -> Ids:
        """Return the rows of a whole document, from its normalised content, between the edges."""
        encoder, (begin, end) = self.encoder(), self.edges
        return np.concatenate([begin, encoder.feed(content), encoder.finish(), end])

    def documents(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the rows of whole documents between their edges, and the number of rows of each."""
        contents: Iterable[Any] = texts
        each = [self.document(content) for content in contents]
        return np.concatenate(each), np.array([len(rows) for rows in each])

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `from_json`; `level` is the name of the coding."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the coding that `to_json` described."""

    @abstractmethod
    def extent(self, content: Content, before: Content | None = None) -> dict[str, float]:
        """Return how much content adds to its document, in units that are comparable between codings.

        Args:
            content: the content to measure.
            before: the previous chunk of the document, whose last word may continue in the content.
        """

    def extent_of(self, texts: Texts) -> dict[str, float]:
        """Return how much whole documents hold together."""
        contents: Iterable[Any] = texts
        extents = [self.extent(content) for content in contents]
        return {unit: sum(extent[unit] for extent in extents) for unit in extents[0]}


class Level(Coding[Content]):
    """A vocabulary with its encoding of content as tokens.

    Ids 0 and 1 are the start and the end of a document; they have no content.
    """

    START: ClassVar[int] = 0
    END: ClassVar[int] = 1

    @property
    @abstractmethod
    def vocabulary_size(self) -> int:
        """The number of ids."""

    @property
    def num_factors(self) -> int:
        """The number of ids of factors, which follow those of the tokens, see `LanguageModel`."""
        return 0

    @property
    def edges(self) -> tuple[Ids, Ids]:
        """The start and the end token."""
        return np.array([self.START], dtype=self.dtype), np.array([self.END], dtype=self.dtype)

    def variants(self, config: CorpusConfig) -> NDArray[np.int64] | None:  # noqa: ARG002  # some levels use it
        """Return the augmentations of training documents.

        Returns:
            The id that replaces each id in each variant, shape (variants, vocabulary + num_factors); None without
            augmentation.
        """
        return None

    def may_vary(self, ids: Ids, config: CorpusConfig) -> NDArray[np.bool_]:
        """Return which variants of a training document may be used, given its ids with START; shape (variants,)."""
        raise NotImplementedError  # a level with variants has it

    def compile(self) -> None:
        """Compile what `may_vary` uses, so that the time of a run does not include it."""

    def extended(self, documents: Iterable[Iterable[Content]]) -> Self:  # noqa: ARG002  # some levels use it
        """Return a level that has further tokens for what this one lacks, after all others; this one if it cannot.

        Args:
            documents: the training part, see `fit`.
        """
        return self

    def adapted(self, config: CorpusConfig) -> Self:  # noqa: ARG002  # some levels use it
        """Return the level for training with these options, which the recipe has chosen for the prepared corpus."""
        return self

    def inputs(self, ids: Ids) -> Ids:
        """Return what the network reads: the tokens of a document, or of its beginning, with START.

        Returns:
            Shape (tokens,), or (tokens, 1 + factors) if there are factors.
        """
        return ids

    def adapt(self, ids: Ids) -> Ids:
        """Return the ids of a document of the prepared corpus as this adapted level encodes them, with START."""
        return ids

    @abstractmethod
    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return what each token adds to the content, as readable text; empty for START and END."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest unsigned type that holds every id."""
        return np.min_scalar_type(self.vocabulary_size - 1)


class TextLevel(Level[str]):
    """A level of text."""

    @classmethod
    @abstractmethod
    def fit(cls, documents: Documents, config: CorpusConfig, gather: Gather = single) -> Self:
        """Return a level for the training part, see `Coding.fit`.

        Args:
            documents: those of this share of the corpus.
            config: its `vocabulary_size` is the maximum number of tokens; None lets the level choose.
            gather: returns what was counted in all shares; all machines get the same level.
        """

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return a decoder at the beginning of a document."""

    @property
    @abstractmethod
    def hexadecimal(self) -> Sequence[str]:
        """The text of each token, as hexadecimal digits of its UTF-8 bytes; empty for START and END.

        A token with an odd number of digits has exactly one: two such tokens make a byte.
        """

    def laid_out(self, text: str) -> str:
        """Return a normalised text as its tokens spell it, before the decoder changes it."""
        return text

    def laid_out_sizes(self, text: str) -> NDArray[np.int64]:
        """Return how many UTF-8 bytes each character of a text takes in `laid_out`, shape (characters,)."""
        return utf8_sizes(text)

    def token_ends(self, ids: Ids, text: str) -> NDArray[np.int64]:
        """Return how many characters of a text each of its tokens has completed.

        Args:
            ids: the tokens of the text, without START, shape (tokens,).
            text: the text that was encoded.

        Returns:
            Shape (tokens,); -1 for a token that ends within a character.
        """
        starts = 2 * np.append(0, np.cumsum(self.laid_out_sizes(text)))
        ends = np.cumsum(np.array(list(map(len, self.hexadecimal)))[ids])
        places = np.minimum(np.searchsorted(starts, ends), len(text))
        return np.where(starts[places] == ends, places, -1)

    def settled(self, text: str) -> int:
        """Return how many characters have the same tokens whatever text follows: those before the last word."""
        end = len(text.rstrip("\n"))
        word = 1 + max(text.rfind(" ", 0, end), text.rfind("\n", 0, end))
        return len(text[:word].rstrip(" "))

    def spelled_out(self, ids: Sequence[int] | Ids) -> Counter[str]:
        """Count the characters outside the vocabulary, which are spelled in several tokens.

        Args:
            ids: of consecutive documents; none may end within a character.
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
        """Return the result of `decode(encode(text))`."""
        return normalise_text(text)

    def encode(self, text: str) -> Ids:
        """Return the ids of the normalised text, shape (tokens,), in the smallest sufficient integer type."""
        encoder = self.encoder()
        return np.concatenate([encoder.feed(self.normalise(text)), encoder.finish()])

    def decode(self, ids: Sequence[int] | Ids) -> str:
        """Return the text of the ids."""
        decoder = self.decoder()
        return decoder.feed(map(int, ids)) + decoder.finish()

    def shown(self, rows: Ids) -> str:
        """Return a document for display: its text."""
        return self.decode(rows)

    def spelled(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token; a character in several tokens belongs to the last one."""
        decoder = self.decoder()
        texts = [decoder.feed([token]) for token in ids]
        return [*texts[:-1], texts[-1] + decoder.finish()] if texts else []

    def extent_of(self, texts: Texts) -> dict[str, float]:
        """Return how much whole documents hold together."""
        return {"characters": int(texts.sizes.sum()), "bytes": len(texts.joined)}

    def extent(self, text: str, before: str | None = None) -> dict[str, float]:  # noqa: ARG002  # the word level uses it
        """Return the size of a normalised text in units that are comparable between levels."""
        return {"characters": len(text), "bytes": len(text) if text.isascii() else len(text.encode("utf-8"))}


def utf8_sizes(text: str) -> NDArray[np.int64]:
    """Return the number of UTF-8 bytes of each character, shape (characters,)."""
    if text.isascii():
        return np.ones(len(text), dtype=np.int64)
    code_points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    return 1 + (code_points >= 0x80).astype(np.int64) + (code_points >= 0x800) + (code_points >= 0x10000)


def _is_part(digits: str) -> bool:
    """Return whether hexadecimal digits are half a byte, or one byte of a character of several bytes."""
    return len(digits) == 1 or (len(digits) == 2 and digits >= "80")


class IdCounter:
    """Counts ids.

    Single-byte ids are counted exactly in the first blocks, and then in every eighth block; the other blocks are only
    searched for new ids, which takes half the time. Frequencies are therefore approximate, but a count of 0 is exact.
    The counts do not depend on how many ids are added at a time.

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

    @property
    def target_counts(self) -> NDArray[np.int64]:
        """How often each id is a target: START begins every document and is never one."""
        counts = self.counts.copy()
        counts[: Level.START + 1] = 0
        return counts

    def _add_bytes(self, ids: Ids, block: int) -> None:
        if block < self._EXACT or block % self._EVERY == 0:
            self.counts += _count_bytes(ids)[: len(self.counts)]
            self._seen = np.flatnonzero(self.counts).astype(np.uint8).tobytes()
        elif new := bytes(set(ids.tobytes().translate(None, self._seen))):
            self.counts[list(new)] = 1
            self._seen += new


def _count_bytes(values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the number of each byte, shape (256,); long arrays are counted in pairs, which takes half the time."""
    if len(values) < 1 << 16:
        return np.bincount(values, minlength=256)
    even = len(values) & ~1
    pairs = np.bincount(values[:even].view(np.uint16), minlength=1 << 16).reshape(256, 256)
    counts: NDArray[np.int64] = pairs.sum(0) + pairs.sum(1)
    counts[values[even:]] += 1
    return counts
