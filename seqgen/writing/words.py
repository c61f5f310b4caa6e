"""The words of a suggestion: what a key accepts at a time."""

import re
import unicodedata

_MARKS = "".join(mark for mark in map(chr, range(0x300, 0x10000)) if unicodedata.category(mark)[0] == "M")
_LETTERS = rf"\w'\u2019{_MARKS}"
_WORD = re.compile(rf"\s*(?:[{_LETTERS}]+|[^{_LETTERS}\s])")
_LETTER = re.compile(f"[{_LETTERS}]")


def begins_inside_word(text: str) -> bool:
    """Return whether a text begins with a character that belongs to the word before it."""
    return _LETTER.match(text) is not None


def first_word(text: str) -> str:
    """Return the first word or punctuation mark with the white space before it; empty if the text has neither."""
    match = _WORD.match(text)
    return match[0] if match else ""


def is_whole(word: str, text: str) -> bool:
    """Return whether the first word of a text remains the same whatever text follows."""
    return bool(word) and (len(word) < len(text) or not begins_inside_word(word[-1]))


def without_last_word(text: str) -> str:
    """Return a text without its last word, which may be incomplete, unless it has only one."""
    ends = [match.end() for match in _WORD.finditer(text)]
    return text[: ends[-2]] if len(ends) > 1 else text
