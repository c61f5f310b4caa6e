"""Interprets the values of `--prime`, `--given` and `--stop`: text, files, standard input, and escapes."""

import re
import sys
from pathlib import Path

from seqgen.errors import CorpusError, UsageError

STANDARD_INPUT = "-"
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def text_prime(argument: str, *, is_passage: bool) -> str:
    """Return the text given with `--prime` to a model of text.

    Args:
        argument: a text; @ and the name of a file; - for standard input; or @@ for a text that begins with @.
        is_passage: whether the model writes lines or paragraphs, so that a final newline of a file is not part of the
            prime.

    Raises:
        CorpusError: the file cannot be read.
    """
    if argument == STANDARD_INPUT:
        text = read_standard_input()
        return _passage(text) if is_passage else text
    return text_argument(argument, "prime", is_passage=is_passage)


def text_argument(argument: str, option: str, *, is_passage: bool) -> str:
    """Return the text given with an option.

    Args:
        argument: a text; @ and the name of a file; or @@ for a text that begins with @.
        option: the name of the option.
        is_passage: whether a final newline of a file is dropped.

    Raises:
        CorpusError: the file cannot be read.
    """
    if argument.startswith("@@"):
        return argument[1:]
    if not argument.startswith("@") or argument == "@":
        return argument
    text = _text_of(Path(argument[1:]), option)
    return _passage(text) if is_passage else text


def read_standard_input() -> str:
    """Return the text of standard input, in UTF-8 or in the encoding of its byte-order mark.

    Raises:
        CorpusError: it is not valid in that encoding.
    """
    from seqgen.corpus.encodings import decoded

    try:
        return decoded(sys.stdin.buffer.read())
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"the prime from standard input is not valid {error.encoding.upper()} (byte offset {error.start})"
        ) from error


def unescaped(text: str) -> str:
    """Return the text given with `--stop`, with escapes replaced.

    Raises:
        UsageError: an escape is unknown.
    """

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise UsageError(
                f"--stop {text}: unknown escape {match[0]}; use \\n for a newline, \\t for a tab, \\\\ for a backslash"
            )
        return _ESCAPES[match[1]]

    return re.sub(r"(?s)\\(.|\Z)", replaced, text)


def _passage(text: str) -> str:
    return re.sub(r"\r?\n\Z|\r\Z", "", text)


def _text_of(path: Path, option: str) -> str:
    """Return the text of a file in UTF-8, or in the encoding of its byte-order mark."""
    from seqgen.corpus.encodings import ByteDecoder, effective
    from seqgen.music.read import MUSIC

    try:
        data = path.read_bytes()
        return ByteDecoder(effective("utf-8", data), "strict").feed(data, is_last=True)
    except OSError as error:
        raise CorpusError(
            f"the {option} {path} cannot be read: {error.strerror}; use @@{path} for a text that starts with @"
        ) from error
    except UnicodeDecodeError as error:
        if path.suffix.lower() in MUSIC:
            raise UsageError(f"--{option} @{path}: this model is for text, and {path} is music") from error
        raise CorpusError(
            f"the {option} {path} is not valid {error.encoding.upper()} (byte offset {error.start}): convert it to "
            "UTF-8"
        ) from error
