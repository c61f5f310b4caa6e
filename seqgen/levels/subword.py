"""The subword level: tokens are subword pieces found by sentencepiece, with bytes as a fallback.

Kudo & Richardson, 2018, SentencePiece; the pieces are those of a unigram language model (Kudo, 2018). Each line of a
text is encoded separately; spaces, tabs and newlines are preserved.
"""

import base64
import codecs
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqgen.config import CorpusConfig
from seqgen.errors import CorpusError
from seqgen.levels._pieces import Cutter, PieceEncoder
from seqgen.levels.base import Decoder, Documents, Encoder, Gather, Ids, TextLevel, single
from seqgen.texts import Texts, framed, singly

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

_SPACE = "\u2581"  # represents the space in the pieces of sentencepiece
_NOT_IN_TRAINING = re.compile("[\u2585\0]+")  # sentencepiece skips blocks that contain one of these
_NOT_IN_PIECES = re.compile(f"([{_SPACE}\0])")  # characters that sentencepiece would not preserve
# A line with its newlines, or a part of a long line that ends before a space if possible.
_LINE = re.compile(r"[^\n]{0,1000}\n{1,16}|[^\n]{1,1000}(?![^\n ])|[^\n]{1,1000}")
_REACH = 1024

_SMALLEST, _LARGEST = 400, 16_000  # bounds of the default size
# Times as many pieces for sentences that are given something, which are short. 164,000 sentences: BLEU 39.5 with 4,500
# pieces, 39.3 with 9,000; in another comparison 36.2 with 2,450, 37.0 with 6,000.
_OF_PAIRS = 2
_ALWAYS = 256 + 3 + 1  # bytes; start, end and the unknown piece; the space
_BLOCK = 2_000  # characters
_SAMPLE = 5_000_000  # characters of the training sample, spread over the whole text
_COVERAGE = 0.9998  # share of characters covered by pieces; others are encoded as bytes


class SubwordLevel(TextLevel):
    """Ids of a sentencepiece model, the first two of which are start and end.

    Args:
        model: the model, serialized.
    """

    name: ClassVar[str] = "subword"

    def __init__(self, model: bytes) -> None:
        self.model = model

    @classmethod
    def fit(cls, documents: Documents, config: CorpusConfig, gather: Gather = single) -> Self:
        """Return the level with pieces from a sample of the training text.

        The vocabulary is smaller than requested if the text yields fewer pieces, and larger if its characters need it.

        Raises:
            CorpusError: the text yields no subwords.
        """
        sample = Sample.of_all([Sample(*values) for values in gather(Sample.of(documents))])
        blocks = sample.blocks
        default_size = math.isqrt(sample.characters) * (1 if config.given is None else _OF_PAIRS)
        size = config.vocabulary_size or min(max(_SMALLEST, default_size), _LARGEST)
        try:
            return cls(_train(blocks, size))
        except RuntimeError as error:
            needed = _ALWAYS + len(set().union(*blocks))
            if not any(map(str.split, blocks)) or size >= needed:
                raise CorpusError(f"this text yields no subwords, use --level character ({error})") from error
            return cls(_train(blocks, needed))

    @cached_property
    def _processor(self) -> "SentencePieceProcessor":
        from sentencepiece import SentencePieceProcessor

        return SentencePieceProcessor(model_proto=self.model)

    @property
    def vocabulary_size(self) -> int:
        """The number of ids: start, end, the unknown piece (never used), 256 bytes and the pieces."""
        return int(self._processor.vocab_size())

    def encoder(self) -> Encoder[str]:
        """Return an encoder; a line is final when it is complete."""
        return PieceEncoder(self._encode_lines, Cutter(_LINE, _REACH))

    def documents(self, texts: Texts) -> tuple[Ids, NDArray[np.int64]]:
        """Return the ids of whole documents between their edges, and the number of ids of each."""
        lines = [_LINE.findall(text) for text in texts]
        num_lines = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines))
        ids, lengths = self._encode_each(list(chain.from_iterable(lines)))
        return framed(ids, np.add.reduceat(lengths, np.cumsum(num_lines) - num_lines), self.edges)

    def _encode_lines(self, lines: list[str]) -> Ids:
        return self._encode_each(lines)[0]

    def _encode_each(self, lines: list[str]) -> tuple[Ids, NDArray[np.int64]]:
        """Return the concatenated ids of lines, and the number of ids of each."""
        if _NOT_IN_PIECES.search("".join(lines)):
            encoded = list(map(self._encode_special, lines))
        else:
            encoded = self._processor.encode(lines, num_threads=1)  # more would cost more than they save
        lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
        return np.fromiter(chain.from_iterable(encoded), dtype=self.dtype, count=lengths.sum()), lengths

    def _encode_special(self, line: str) -> list[int]:
        """Return the ids of a line, with characters that sentencepiece would change as bytes."""
        ids: list[int] = []
        for place, part in enumerate(_NOT_IN_PIECES.split(line)):
            is_special = place % 2 == 1
            ids += [self._byte_ids[byte] for byte in part.encode()] if is_special else self._processor.encode(part)
        return ids

    @cached_property
    def _byte_ids(self) -> list[int]:
        return [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in range(256)]

    @cached_property
    def _texts(self) -> list[bytes]:
        """The bytes of each id."""
        pieces = [self._processor.id_to_piece(token) for token in range(self.vocabulary_size)]
        texts = [piece.replace(_SPACE, " ").encode() for piece in pieces]
        for byte, token in enumerate(self._byte_ids):
            texts[token] = bytes([byte])
        texts[: self._processor.unk_id() + 1] = [b""] * (self._processor.unk_id() + 1)
        return texts

    def decoder(self) -> Decoder:
        """Return a decoder that keeps a character back until all of its bytes are known."""
        return _BytesDecoder(self._texts)

    @cached_property
    def hexadecimal(self) -> Sequence[str]:
        """The text of each token."""
        return [text.hex() for text in self._texts]

    def to_json(self) -> dict[str, Any]:
        """Return the model in base64."""
        return {"level": self.name, "model": base64.b64encode(self.model).decode("ascii")}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the level with this model.

        Raises:
            TypeError or ValueError: it is invalid; a checkpoint may be damaged or malicious.
        """
        model = base64.b64decode(content["model"], validate=True)
        if not model:  # sentencepiece accepts it, and prints an error later
            raise ValueError("its sentencepiece model is empty")
        return cls(model)


class _BytesDecoder:
    def __init__(self, texts: list[bytes]) -> None:
        self._texts = texts
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Iterable[int]) -> str:
        return self._utf8.decode(b"".join(self._texts[token] for token in ids))

    def finish(self) -> str:
        return self._utf8.decode(b"", final=True)


class Sample(NamedTuple):
    """Blocks spread evenly over documents.

    Attributes:
        blocks: every `stride`th of all blocks.
        stride: a power of two.
        characters: the number of characters of all blocks.
    """

    blocks: list[str]
    stride: int
    characters: int

    @classmethod
    def of(cls, documents: Documents) -> Self:
        """Keep all blocks until they are too many; then drop every second one, and double the stride."""
        kept: list[str] = []
        total, size, stride = 0, 0, 1
        for index, block in enumerate(_blocks(documents)):
            total += len(block)
            if index % stride == 0:
                kept.append(block)
                size += len(block)
            if size > _SAMPLE:
                kept = kept[::2]
                size, stride = sum(map(len, kept)), 2 * stride
        return cls(kept, stride, total)

    @classmethod
    def of_all(cls, samples: Sequence[Self]) -> Self:
        """Return a sample of the documents of several samples."""
        stride = max(sample.stride for sample in samples)
        blocks = [block for sample in samples for block in sample.blocks[:: stride // sample.stride]]
        while sum(map(len, blocks)) > _SAMPLE:
            blocks, stride = blocks[::2], 2 * stride
        return cls(blocks, stride, sum(sample.characters for sample in samples))


def _blocks(documents: Documents) -> Iterator[str]:
    for document in singly(documents):
        for chunk in document:
            chunk = _NOT_IN_TRAINING.sub("", chunk)
            yield from (chunk[start : start + _BLOCK] for start in range(0, len(chunk), _BLOCK))


def _train(blocks: list[str], vocabulary_size: int) -> bytes:
    """Return a serialized sentencepiece model."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(blocks),
        model_writer=model,
        model_type="unigram",
        vocab_size=vocabulary_size,
        hard_vocab_limit=False,
        character_coverage=_COVERAGE,
        required_chars=_SPACE,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        bos_id=TextLevel.START,
        eos_id=TextLevel.END,
        unk_id=2,
        pad_id=-1,
        max_sentence_length=4 * _BLOCK,
        minloglevel=2,
    )
    return model.getvalue()
