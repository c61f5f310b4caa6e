"""Files of text: bytes, packed or not, decoded in chunks so that their size does not matter."""

import codecs
import hashlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from io import BufferedReader
from pathlib import PurePath

from seqgen.corpus.archives import Opener
from seqgen.corpus.documents import Document, Survey
from seqgen.corpus.reading import UnfitError
from seqgen.errors import UsageError
from seqgen.levels.base import normalise_text

CHUNK_BYTES = 1 << 19  # fits the cache with its ids beside it
_HEAD_BYTES = 8192  # in which a binary file shows a zero, as git has it
_BYTE_ORDER_MARK = "\ufeff"
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextFile(Document):
    """A file of text.

    Args:
        name: what errors and reports call it; its suffix tells the format.
        open_bytes: opens it anew, unpacked.
        encoding: of the text; what begins with the mark of UTF-16 is that.
        is_alone: whether the user named this very file.

    Attributes:
        newlines_changed: whether the last reading met other newlines than line feeds.
    """

    def __init__(self, name: str, open_bytes: Opener, encoding: str = "utf-8", *, is_alone: bool = True) -> None:
        self.name = name
        self.is_alone = is_alone
        self.encoding = codecs.lookup(encoding).name
        self.newlines_changed = False
        self.open_bytes = open_bytes

    @contextmanager
    def _opened(self) -> Iterator[BufferedReader]:
        """Lend the bytes.

        Raises:
            UnfitError: they cannot be read.
        """
        try:
            with self.open_bytes() as file:
                yield file
        except OSError as error:
            raise UnfitError("unreadable file", f"{self.name} cannot be read: {error.strerror}") from error

    def head(self) -> bytes:
        """Return the first bytes."""
        with self._opened() as file:
            return file.read(_HEAD_BYTES)

    @cached_property
    def survey(self) -> Survey:
        """What one reading tells; the file is read once for it."""
        content = hashlib.sha256()
        characters = 0
        for chunk in self.chunks():
            content.update(chunk.encode("utf-8"))
            characters += len(chunk)
        return Survey(characters, content.digest()[:16])

    def chunks(self) -> Iterator[str]:
        """Yield the decoded text.

        Raises:
            UnfitError: the file cannot be read, or is not text in this encoding.
        """
        with self._opened() as file:
            encoding = self._encoding_of(file)
            decoder = incremental_decoder(encoding)
            newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
            has_zeros = _has_zeros(encoding)
            consumed, waiting, is_begun = 0, 0, False
            try:
                for data in _blocks(file):
                    waiting = len(decoder.getstate()[0])
                    text = newlines.decode(data)
                    if not has_zeros:
                        self._refuse_zero(data, consumed)
                    if encoding != "utf-8":
                        text = normalise_text(text)  # strict UTF-8 has no lone surrogates
                    yield text if is_begun else text.removeprefix(_BYTE_ORDER_MARK)
                    is_begun = is_begun or bool(text)
                    consumed += len(data)
                waiting = len(decoder.getstate()[0])
                yield newlines.decode(b"", final=True)
            except UnicodeError as error:
                offset = consumed - waiting + getattr(error, "start", 0)
                raise UnfitError(
                    f"file in another encoding than {encoding}",
                    f"{self.name} is not {encoding} text (byte offset {offset}): convert it, or name what it is to "
                    "seqgen train, as in --encoding latin-1",
                ) from error
            self.newlines_changed = newlines.newlines not in (None, "\n")

    def _encoding_of(self, file: BufferedReader) -> str:
        """Return the encoding asked for, or the one that the file's first bytes name."""
        is_marked = file.peek(2).startswith(_UTF_16_MARKS)
        return "utf-16" if self.encoding == "utf-8" and is_marked else self.encoding

    def _refuse_zero(self, data: bytes, consumed: int) -> None:
        """Refuse what tells a binary file, or another encoding."""
        if b"\0" not in data:
            return
        if {".tar", ".tgz"}.intersection(PurePath(self.name).suffixes):
            raise UnfitError("tar archive", f"{self.name} is a tar archive: unpack it, or make it a .zip")
        raise UnfitError(
            "binary file",
            f"{self.name} is not {self.encoding} text (a zero character after byte offset {consumed}): it is a "
            "binary file, or text to be read with --encoding utf-16",
        )


def _blocks(file: BufferedReader) -> Iterator[bytes]:
    """Yield the bytes of a file; those of a long one are read while the ones before are worked on."""
    data = file.read(CHUNK_BYTES)
    if len(data) < CHUNK_BYTES:
        yield data
        return
    with ThreadPoolExecutor(1) as reader:
        while data:
            following = reader.submit(file.read, CHUNK_BYTES)
            yield data
            data = following.result()


def is_binary(head: bytes, encoding: str) -> bool:
    """Tell whether the first bytes of a file are no text: a zero is in them that the encoding does not need."""
    return b"\0" in head and not (_has_zeros(encoding) or head.startswith(_UTF_16_MARKS))


def _has_zeros(encoding: str) -> bool:
    """Tell whether zeros are ordinary in this encoding, as in UTF-16."""
    return b"\0" in " ".encode(encoding)


def incremental_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """Return a strict decoder.

    Raises:
        UsageError: there is no such text encoding.
    """
    try:
        " ".encode(encoding)  # refuses codecs that are none of text, as base64
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--encoding {encoding} is unknown; utf-8, utf-16, latin-1 and cp1252 are common ones"
        ) from error
    return codecs.getincrementaldecoder(encoding)()
