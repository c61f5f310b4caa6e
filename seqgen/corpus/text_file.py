"""Files of text: bytes, compressed or not, decoded in chunks so that their size does not matter."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from io import BufferedReader

from seqgen.corpus.documents import Document
from seqgen.corpus.encodings import ISO_2022, ByteDecoder, canonical, effective, suggested, width
from seqgen.corpus.formats import is_markup, recognized
from seqgen.corpus.passages import Passages, cut, singly
from seqgen.corpus.reading import ReadingLog, UnusableFileError
from seqgen.corpus.source_file import HEAD_BYTES, Kind, RawFile, SourceFile
from seqgen.corpus.statistics import Statistics
from seqgen.wording import counted

CHUNK_BYTES = 1 << 19  # fits the cache together with its ids
_SAMPLE_BYTES = 4096  # that suggest an encoding
_MIN_BYTES = 16  # without a zero byte, that are not valid UTF-8 by accident


class Text(Kind):
    """Text, whose sizes are in characters."""

    level = "character"
    unit = "character"
    document = "document"
    is_held_in_memory = False

    def summary(self, num_files: int, statistics: Statistics, unit: str | None) -> str:
        """Return a sentence on what was read."""
        documents = f", {counted(statistics.num_documents, unit)}" if unit else ""
        return f"read {counted(num_files, 'text')}{documents}, {counted(statistics.size, self.unit)}"


TEXT = Text()


class TextFile(SourceFile, Document[str]):
    """A file of text, which is also the document that it is as a whole.

    Args:
        raw: its bytes.
        encoding: of the text; the byte-order mark of a file takes precedence.
        errors: strict, or replace to read invalid bytes as U+FFFD.
        translates_newlines: whether carriage returns become line feeds.
    """

    kind = TEXT
    line = 1

    def __init__(
        self, raw: RawFile, encoding: str = "utf-8", errors: str = "strict", *, translates_newlines: bool = True
    ) -> None:
        super().__init__(raw)
        self._encoding = canonical(raw.encoding or encoding)
        self._errors = errors
        self._translates_newlines = translates_newlines
        self._decoder: ByteDecoder | None = None  # of the last reading
        self._is_markup = False

    def check(self) -> None:
        """Check that the first bytes look like text in the file's encoding.

        Raises:
            UnusableFileError: they do not; the message says what the file is instead, as far as that is known.
        """
        head = self.raw.head()
        name = self.raw.unpacked_name
        if found := recognized(head, name):
            raise UnusableFileError(found.kind, f"{self.name} is not plain text ({found.kind}): {found.remedy}")
        encoding = effective(self._encoding, head)
        if (place := _find_nul(head, encoding)) >= 0:
            raise self._with_nul(encoding, place)
        if _is_meant_otherwise(head, encoding):
            raise self._invalid(encoding, 0)
        self._is_markup = is_markup(ByteDecoder(encoding, "replace").feed(head), name)

    def documents(self, unit: str, log: ReadingLog) -> Iterator[Document[str]]:
        """Yield the whole text, or its lines or paragraphs; an empty file is skipped."""
        return singly(self.blocks(unit, log))

    def blocks(self, unit: str, log: ReadingLog) -> Iterator[Document[str] | Passages]:
        """Yield the same documents, short ones in blocks."""
        if not self.size:
            log.skip("empty file", self.name)
        else:
            yield from cut(self, unit, log)

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
            content.update(chunk.encode("utf-8", "surrogatepass"))  # some encodings have lone surrogates
            characters += len(chunk)
        return characters, content.digest()[:16]

    def chunks(self) -> Iterator[str]:
        """Yield the decoded text.

        Raises:
            UnusableFileError: the file cannot be read, or is not text in its encoding.
        """
        with self.raw.opened() as file:
            encoding = effective(self._encoding, file.peek(HEAD_BYTES)[:HEAD_BYTES])
            decoder = ByteDecoder(encoding, self._errors, translates_newlines=self._translates_newlines)
            begin = 0  # offset of the first byte that is not decoded yet
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

    def report(self, log: ReadingLog) -> None:
        """Note how the text was decoded, and that it is markup."""
        self.report_encoding(log)
        if self._decoder is not None and self._decoder.newlines_changed:
            log.note("Windows or old Mac newlines read as \\n", self.name)

    def report_encoding(self, log: ReadingLog) -> None:
        """Note what matters in tables as well, whose rows may end in any newline."""
        if self._is_markup:
            log.note(
                "the tags of HTML or XML are learned, too; to learn only the text, extract it first, for example with "
                "pandoc --to plain FILE --output FILE.txt",
                self.name,
            )
        if self._decoder is None:
            return
        encoding = self._decoder.encoding
        if self._decoder.num_replaced:
            log.count(f"invalid byte in {encoding} text read as U+FFFD", self._decoder.num_replaced)
        if self._decoder.is_utf_8:
            log.note(f"read as {encoding} (--encoding), although it is valid UTF-8", self.name)
        elif self._decoder.has_controls:
            log.note(
                f"control characters (U+0080 to U+009F) when read as {encoding}; --encoding cp1252 may fit better",
                self.name,
            )

    def _with_nul(self, encoding: str, offset: int) -> UnusableFileError:
        """Return the error for a NUL character: the file is binary, or text in another encoding."""
        where, sample = self._place(offset, encoding)
        is_plain = width(encoding) == 1
        other = suggested(sample) if is_plain else encoding
        if other is None:
            return UnusableFileError(
                "binary file", f"{self.name} is not {encoding} text but a binary file (NUL at {where})"
            )
        if "\0" not in sample.decode(other, "ignore"):
            return self._invalid(encoding, offset)
        remedy = ", for example with tr -d '\\000' < FILE > FILE.txt" if is_plain else ""
        return UnusableFileError(
            "file with a NUL character",
            f"{self.name} has a NUL character at {where}, which is not text: remove it first{remedy}",
        )

    def _invalid(self, encoding: str, offset: int) -> UnusableFileError:
        """Return the error for bytes that are invalid in the encoding, or that are text in another one."""
        where, sample = self._place(offset, encoding)
        reason = f"{self.name} is not {encoding} text ({where})"
        replacing = "--encoding-errors replace reads invalid bytes as U+FFFD"
        other = suggested(sample)
        if other == encoding:
            kind = f"file with invalid {encoding} (see --encoding-errors)"
            remedy = f", though most of it is: {replacing}"
        elif other:
            kind = f"file in {other}, not {encoding} (see --encoding)"
            remedy = f": it looks like {other}, so try --encoding {other}"
        else:
            kind = f"file whose encoding is not {encoding}"
            remedy = f": name its encoding with --encoding; {replacing}"
        return UnusableFileError(kind, reason + remedy)

    def _place(self, offset: int, encoding: str) -> tuple[str, bytes]:
        """Return a phrase for the place of a byte in the file, and the bytes around it."""
        decoder, line, left, before = ByteDecoder(encoding, "replace"), 1, offset, b""
        with self.raw.opened() as file:
            while left and (data := file.read(min(left, CHUNK_BYTES))):
                left -= len(data)
                line += decoder.feed(data, is_last=not left).count("\n")
                before = (before + data)[-_SAMPLE_BYTES:]
            sample = before + file.read(_SAMPLE_BYTES)
        return f"line {line:,}, byte offset {offset:,}", sample


def _is_meant_otherwise(head: bytes, encoding: str) -> bool:
    """Return whether bytes that are valid in an encoding are probably text in another one."""
    if width(encoding) > 1:  # almost any bytes are valid
        return b"\0" not in head and len(head) >= _MIN_BYTES and suggested(head) == "utf-8"
    is_stateful = encoding.startswith("iso2022")
    return ISO_2022 in head and not is_stateful and (suggested(head) or "").startswith("iso2022")


def _find_nul(data: bytes, encoding: str) -> int:
    """Return the offset of the first NUL character, or -1."""
    size = width(encoding)
    place = data.find(bytes(size))
    while place % size and place >= 0:
        place = data.find(bytes(size), place + 1)
    return place


def _blocks(file: BufferedReader) -> Iterator[bytes]:
    """Yield the bytes of a file; in a long file a thread reads the next block meanwhile."""
    data = file.read(CHUNK_BYTES)
    if len(data) < CHUNK_BYTES:
        yield data
        return
    with ThreadPoolExecutor(1) as reader:
        while data:
            following = reader.submit(file.read, CHUNK_BYTES)
            yield data
            data = following.result()
