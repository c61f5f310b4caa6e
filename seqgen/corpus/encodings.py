"""Text encodings: how the encoding of a file is detected, and how the file is decoded."""

import codecs
import io
import re
import threading
from contextlib import suppress

from seqgen.errors import UsageError
from seqgen.levels.base import normalise_text

REPLACEMENT = "\ufffd"
_MARK = "\ufeff"
_MARKS = (  # UTF-32 first: its little-endian mark begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_OF_DOMAINS = {"idna", "punycode"}  # encodings of names, not of files
_MIN_VALID = 4  # valid characters per invalid sequence in UTF-8 with a few errors
_MIN_GAIN = 2  # in confidence, for an encoding that is rarely used today
ISO_2022 = b"\x1b$"  # begins the characters of East Asian text in seven bits, which look like ASCII
_CONTROLS = re.compile("[\x80-\x9f]")
_MIXED_WORD = re.compile("[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]")  # Latin and Greek letters, for example


def canonical(encoding: str) -> str:
    """Return the name that Python has for a text encoding.

    Raises:
        UsageError: there is no such text encoding.
    """
    try:
        " ".encode(encoding)  # rejects codecs that do not encode text, such as base64
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if not name or name in _OF_DOMAINS:
        raise UsageError(
            f"--encoding {encoding} is not a known text encoding; common ones are utf-8, utf-16, cp1252, shift_jis and "
            "gb18030"
        )
    return "utf-8" if name == "utf-8-sig" else name


def effective(encoding: str, head: bytes) -> str:
    """Return the encoding of a file: that of its byte-order mark, otherwise the given one, with a byte order.

    Args:
        encoding: the canonical name of the given encoding.
        head: the file's first bytes.
    """
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked or encoding not in ("utf-16", "utf-32"):
        return marked or encoding
    return f"{encoding}-be" if suggested(head) == f"{encoding}-be" else f"{encoding}-le"


def width(encoding: str) -> int:
    """Return the number of bytes of a NUL character; if it is not 1, single zero bytes are valid."""
    return {"utf-16": 2, "utf-32": 4}.get(encoding[:6], 1)


def suggested(sample: bytes) -> str | None:
    """Return the encoding that the bytes of a file suggest; None if they do not look like text."""
    text = sample.decode("utf-8", "replace")
    num_invalid = text.count(REPLACEMENT)
    num_valid = sum(not c.isascii() for c in text) - num_invalid
    is_ascii = sample.isascii() and b"\0" not in sample and ISO_2022 not in sample
    return "utf-8" if is_ascii or num_valid > _MIN_VALID * num_invalid else _detected(sample)


def _detected(sample: bytes) -> str | None:
    import chardet  # slow to import, and few corpora need it

    today, ever = (
        chardet.detect(sample, encoding_era=era, no_match_encoding="ascii")
        for era in (chardet.EncodingEra.MODERN_WEB, chardet.EncodingEra.ALL)
    )
    found = ever if ever["confidence"] > _MIN_GAIN * today["confidence"] else today
    if found["encoding"] is None:
        return None
    encoding = codecs.lookup(found["encoding"]).name
    if encoding == "ascii":  # with a NUL in it, or no match
        return "utf-8" if sample.isascii() else None
    text = sample.decode(encoding, "ignore")
    with suppress(UnicodeDecodeError):
        if sample.decode("cp1252") == text or _MIXED_WORD.search(text):
            return "cp1252"
    return None if encoding.startswith("iso8859") and _CONTROLS.search(text) else encoding


def decoded(data: bytes) -> str:
    """Return the text of a small file in UTF-8, or in the encoding of its byte-order mark.

    Raises:
        UnicodeDecodeError: it is not valid in that encoding.
    """
    return data.decode(effective("utf-8", data)).removeprefix(_MARK)


_COUNTING = "seqgen.replace"  # the error handler of `--encoding-errors replace`
_replaced = threading.local()  # counts for the error handler, which has no access to the decoder


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Read invalid bytes as U+FFFD and count them."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    _replaced.num_bytes += error.end - error.start
    return REPLACEMENT, error.end


codecs.register_error(_COUNTING, _replace)


class ByteDecoder:
    """Decodes a file incrementally, without its byte-order mark and, by default, with a line feed for every newline.

    Args:
        encoding: as returned by `effective`.
        errors: strict, or replace to read invalid bytes as U+FFFD.
        translates_newlines: whether carriage returns become line feeds.

    Attributes:
        encoding: the argument.
        num_replaced: the number of invalid bytes.
        has_controls: whether text in ISO 8859 has control characters from U+0080 to U+009F.
    """

    def __init__(self, encoding: str, errors: str, *, translates_newlines: bool = True) -> None:
        decoder = codecs.getincrementaldecoder(encoding)(_COUNTING if errors == "replace" else "strict")
        self.encoding = encoding
        self.num_replaced = 0
        self.has_controls = False
        self._newlines = io.IncrementalNewlineDecoder(decoder, translate=translates_newlines)
        self._translates_newlines = translates_newlines
        self._is_begun = False
        self._utf_8 = codecs.getincrementaldecoder("utf-8")() if width(encoding) == 1 else None
        self._is_ascii = True

    @property
    def pending(self) -> bytes:
        """The first bytes of an incomplete character."""
        return self._newlines.getstate()[0]

    @property
    def newlines_changed(self) -> bool:
        """Whether there were newlines other than line feeds."""
        return self._newlines.newlines not in (None, "\n")

    @property
    def is_utf_8(self) -> bool:
        """Whether the bytes are UTF-8 and more than ASCII, although they were decoded as something else."""
        return self.encoding != "utf-8" and self._utf_8 is not None and not self._is_ascii

    def feed(self, data: bytes, *, is_last: bool = False) -> str:
        """Return the text of the next bytes.

        Raises:
            UnicodeDecodeError: some are invalid; its `start` counts from the first pending byte.
        """
        _replaced.num_bytes = 0
        text = self._newlines.decode(data, is_last)
        self.num_replaced += _replaced.num_bytes
        if self.encoding != "utf-8":
            if self._translates_newlines:
                text = normalise_text(text)  # UTF-8 has no lone surrogates
            if self.encoding.startswith("iso8859") and not self.has_controls:
                self.has_controls = _CONTROLS.search(text) is not None
            self._compare_with_utf_8(data, is_last=is_last)
        if text and not self._is_begun:
            self._is_begun = True
            return text.removeprefix(_MARK)
        return text

    def _compare_with_utf_8(self, data: bytes, *, is_last: bool) -> None:
        if self._utf_8 is not None:
            try:
                self._is_ascii = self._utf_8.decode(data, is_last).isascii() and self._is_ascii
            except UnicodeDecodeError:
                self._utf_8 = None
