"""What `--prime` and `--stop` stand for: a text, a file, standard input; a newline that is written as an escape."""

import re
import sys
from pathlib import Path

from seqgen.errors import CorpusError, UsageError

STANDARD_INPUT = "-"
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def text_prime(argument: str, *, is_passage: bool) -> str:
    """Return the text that `--prime` means for a model of text.

    Args:
        argument: a text; @ and the name of a file; - for standard input; or @@ for a text that begins with @.
        is_passage: whether the model writes lines or paragraphs: the newline at the end of a file then ends the file,
            not the prime.

    Raises:
        CorpusError: the file cannot be read.
    """
    if argument == STANDARD_INPUT:
        text = read_standard_input()
    elif argument.startswith("@@"):
        return argument[1:]
    elif argument.startswith("@") and argument != "@":
        text = _text_of(Path(argument[1:]))
    else:
        return argument
    return re.sub(r"\r?\n\Z|\r\Z", "", text) if is_passage else text


def read_standard_input() -> str:
    """Return the text of standard input.

    Raises:
        CorpusError: it is not UTF-8.
    """
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"the prime from standard input is not UTF-8 text (byte offset {error.start})") from error


def unescaped(text: str) -> str:
    """Return a text of `--stop` with its escapes replaced.

    Raises:
        UsageError: a backslash begins none.
    """

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise UsageError(
                f"--stop {text}: {match[0]} is no escape; there are \\n (newline), \\t (tab) and \\\\ (backslash), so "
                f"write \\\\ for a backslash"
            )
        return _ESCAPES[match[1]]

    return re.sub(r"(?s)\\(.|\Z)", replaced, text)


def _text_of(path: Path) -> str:
    from seqgen.music.read import MUSIC

    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(
            f"the prime {path} cannot be read: {error.strerror}; write @@{path} for a text that begins with @"
        ) from error
    except UnicodeDecodeError as error:
        if path.suffix.lower() in MUSIC:
            raise UsageError(f"--prime @{path}: this model writes text, and {path} is music") from error
        raise CorpusError(
            f"the prime {path} is not UTF-8 text (byte offset {error.start}), which this model writes: convert it"
        ) from error
