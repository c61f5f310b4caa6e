"""Files of text: bytes, packed or not, decoded in chunks so that their size does not matter."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from io import BufferedReader

from seqgen.corpus.archives import Opener, without_packing
from seqgen.corpus.documents import Document
from seqgen.corpus.encodings import ISO_2022, Decoder, canonical, effective, suggested, width
from seqgen.corpus.formats import is_markup, recognized
from seqgen.corpus.reading import Reading, UnfitError, unreadable

CHUNK_BYTES = 1 << 19  # fits the cache with its ids beside it
_HEAD_BYTES = 8192  # in which a binary file shows a zero, as git has it
_SAMPLE_BYTES = 4096  # that suggest an encoding
_MIN_BYTES = 16  # without a zero, that are UTF-8 by no accident


class TextFile(Document):
    """A file of text.

    Args:
        name: what errors and reports call it; its suffix tells the format.
        open_bytes: opens it anew, unpacked.
        encoding: of the text; the byte-order mark of a file comes first.
        errors: strict, or replace to read invalid bytes as U+FFFD.
        is_alone: whether the user named this very file.
    """

    def __init__(
        self,
        name: str,
        open_bytes: Opener,
        encoding: str = "utf-8",
        errors: str = "strict",
        *,
        is_alone: bool = True,
    ) -> None:
        self.name = name
        self.is_alone = is_alone
        self.open_bytes = open_bytes
        self._encoding = canonical(encoding)
        self._errors = errors
        self._decoder: Decoder | None = None  # of the last reading
        self._is_markup = False

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
            raise unreadable(self.name, error) from error

    def head(self) -> bytes:
        """Return the first bytes."""
        with self._opened() as file:
            return file.read(_HEAD_BYTES)

    def check(self) -> None:
        """Refuse a file whose first bytes show that it is not text in its encoding.

        Raises:
            UnfitError: they do; the sentence says what the file is instead, as far as that is known.
        """
        head = self.head()
        name = without_packing(self.name)
        if found := recognized(head, name):
            raise UnfitError(found.kind, f"{self.name} is not plain text ({found.kind}): {found.remedy}")
        encoding = effective(self._encoding, head)
        if (place := _find_nul(head, encoding)) >= 0:
            raise self._with_nul(encoding, place)
        if _is_meant_otherwise(head, encoding):
            raise self._invalid(encoding, 0)
        self._is_markup = is_markup(Decoder(encoding, "replace").feed(head), name)

    @property
    def size(self) -> int:
        """The number of characters."""
        return self._size_and_digest[0]

    @property
    def digest(self) -> bytes:
        """A hash of the text."""
        return self._size_and_digest[1]

    @cached_property
    def _size_and_digest(self) -> tuple[int, bytes]:
        content = hashlib.sha256()
        characters = 0
        for chunk in self.chunks():
            content.update(chunk.encode("utf-8"))
            characters += len(chunk)
        return characters, content.digest()[:16]

    def chunks(self) -> Iterator[str]:
        """Yield the decoded text.

        Raises:
            UnfitError: the file cannot be read, or is not text in its encoding.
        """
        with self._opened() as file:
            encoding = effective(self._encoding, file.peek(_HEAD_BYTES)[:_HEAD_BYTES])
            decoder = Decoder(encoding, self._errors)
            begin = 0  # offset of the first byte that the decoder has not turned into text
            try:
                for data in _blocks(file):
                    pending = decoder.pending
                    text = decoder.feed(data)
                    if "\0" in text:
                        raise self._with_nul(encoding, begin + _find_nul(pending + data, encoding))
                    if text:
                        yield text
                    begin += len(pending) + len(data) - len(decoder.pending)
                if text := decoder.feed(b"", is_last=True):
                    yield text
            except UnicodeDecodeError as error:
                raise self._invalid(encoding, begin + error.start) from error
            self._decoder = decoder

    def report(self, reading: Reading, *, is_table: bool = False) -> None:
        """Say what a user should know about the text that was read; rows of a table may end in any newline."""
        if self._is_markup:
            reading.say(
                "HTML or XML is learned with its tags; to learn the text alone, extract it first, as with pandoc "
                "--to plain FILE --output FILE.txt",
                self.name,
            )
        if self._decoder is None:
            return
        encoding = self._decoder.encoding
        if self._decoder.newlines_changed and not is_table:
            reading.say("Windows or old Mac newlines read as \\n", self.name)
        if self._decoder.num_replaced:
            reading.notice(f"invalid byte in {encoding} text read as U+FFFD", self._decoder.num_replaced)
        if self._decoder.is_utf_8:
            reading.say(f"read as {encoding} (--encoding), although it is valid UTF-8", self.name)
        elif self._decoder.has_controls:
            reading.say(
                f"control characters (U+0080 to U+009F) when read as {encoding}; --encoding cp1252 may fit better",
                self.name,
            )

    def _with_nul(self, encoding: str, offset: int) -> UnfitError:
        """Return the error for a NUL character, which a binary file has, or text in another encoding."""
        where, sample = self._place(offset, encoding)
        is_plain = width(encoding) == 1
        other = suggested(sample) if is_plain else encoding
        if other is None:
            return UnfitError("binary file", f"{self.name} is not {encoding} text but a binary file (NUL at {where})")
        if "\0" not in sample.decode(other, "ignore"):
            return self._invalid(encoding, offset)
        remedy = ", as with tr -d '\\000' < FILE > FILE.txt" if is_plain else ""
        return UnfitError(
            "file with a NUL character",
            f"{self.name} has a NUL character at {where}, which is not text: remove it first{remedy}",
        )

    def _invalid(self, encoding: str, offset: int) -> UnfitError:
        """Return the error for bytes that are invalid in the encoding, or meant in another one."""
        where, sample = self._place(offset, encoding)
        refusal = f"{self.name} is not {encoding} text ({where})"
        replacing = "--encoding-errors replace reads invalid bytes as U+FFFD"
        other = suggested(sample)
        if other == encoding:
            kind = f"file with invalid {encoding} (see --encoding-errors)"
            remedy = f", though most of it is: {replacing}"
        elif other:
            kind = f"file in {other}, not {encoding} (see --encoding)"
            remedy = f": it looks like {other}, so try --encoding {other}"
        else:
            kind = f"file in another encoding than {encoding}"
            remedy = f": name its encoding with --encoding; {replacing}"
        return UnfitError(kind, refusal + remedy)

    def _place(self, offset: int, encoding: str) -> tuple[str, bytes]:
        """Return a place in the file in words, and the bytes around it."""
        decoder, line, left, before = Decoder(encoding, "replace"), 1, offset, b""
        with self._opened() as file:
            while left and (data := file.read(min(left, CHUNK_BYTES))):
                left -= len(data)
                line += decoder.feed(data, is_last=not left).count("\n")
                before = (before + data)[-_SAMPLE_BYTES:]
            sample = before + file.read(_SAMPLE_BYTES)
        return f"line {line:,}, byte offset {offset:,}", sample


def _is_meant_otherwise(head: bytes, encoding: str) -> bool:
    """Tell whether bytes that are valid in an encoding are in fact text in another one."""
    if width(encoding) > 1:  # almost any bytes are valid
        return b"\0" not in head and len(head) >= _MIN_BYTES and suggested(head) == "utf-8"
    is_stateful = encoding.startswith("iso2022")
    return ISO_2022 in head and not is_stateful and (suggested(head) or "").startswith("iso2022")


def _find_nul(data: bytes, encoding: str) -> int:
    """Return where the first NUL character begins, or -1."""
    size = width(encoding)
    place = data.find(bytes(size))
    while place % size and place >= 0:
        place = data.find(bytes(size), place + 1)
    return place


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
