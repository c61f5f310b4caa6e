"""Properties of a text that units may track: a number for each character."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_CLOSING = {")": "(", "]": "[", "}": "{"}
_QUOTES = {"“": "”", "„": "“", "«": "»", '"': '"'}


def inside_quotes(text: str) -> Values:
    """Return 1 from an opening double quote to the character before the closing one; unpaired ones end a paragraph."""
    values = np.zeros(len(text))
    closing = ""
    ends = _paragraph_ends(text)
    for place, character in enumerate(text):
        if place in ends or (closing and character == closing):
            closing = ""
        elif not closing:
            closing = _QUOTES.get(character, "")
        values[place] = bool(closing)
    return values


def inside_brackets(text: str) -> Values:
    """Return 1 from an opening bracket to the character before the closing one; unpaired ones end with the paragraph.

    A pair may span paragraphs, as in program code.
    """
    changes = np.zeros(len(text) + 1)
    opened: list[int] = []
    unpaired: list[int] = []
    for place, character in enumerate(text):
        if character in _CLOSING.values():
            opened.append(place)
        elif character in _CLOSING:
            wanted = _CLOSING[character]
            matching = next((n for n in reversed(range(len(opened))) if text[opened[n]] == wanted), None)
            if matching is not None:
                changes[opened[matching]] += 1
                changes[place] -= 1
                unpaired += opened[matching + 1 :]
                del opened[matching:]
    ends = np.array(sorted(_paragraph_ends(text) | {len(text)}))
    for place in (*unpaired, *opened):
        changes[place] += 1
        changes[ends[np.searchsorted(ends, place, side="right")]] -= 1
    return (np.cumsum(changes)[:-1] > 0).astype(np.float64)


def position_in_line(text: str) -> Values:
    """Return the number of characters of the line so far; 0 for the newline that ends it."""
    return _in_spans(text, re.finditer(r"[^\n]+", text), lambda length: np.arange(1, length + 1))


def indentation(text: str) -> Values:
    """Return the number of blanks at the beginning of the line so far; 0 for the newline that ends it."""
    values = np.zeros(len(text))
    for match in re.finditer(r"[^\n]+", text):
        blanks = len(match[0]) - len(match[0].lstrip())
        values[match.start() : match.end()] = np.minimum(np.arange(1, len(match[0]) + 1), blanks)
    return values


def position_in_word(text: str) -> Values:
    """Return the number of characters of the word so far; 0 between words."""
    return _in_spans(text, _WORD.finditer(text), lambda length: np.arange(1, length + 1))


def word_length(text: str) -> Values:
    """Return the number of characters of the whole word; 0 between words."""
    return _in_spans(text, _WORD.finditer(text), lambda length: np.full(length, length))


def capital_letter(text: str) -> Values:
    """Return 1 for capital letters."""
    return np.array([character.isupper() for character in text], dtype=np.float64)


PROPERTIES: Mapping[str, Callable[[str], Values]] = {
    "inside quotes": inside_quotes,
    "inside brackets": inside_brackets,
    "position in line": position_in_line,
    "indentation": indentation,
    "position in word": position_in_word,
    "word length": word_length,
    "capital letter": capital_letter,
}


def text_properties(texts: Sequence[str]) -> dict[str, Values]:
    """Return the properties of one document, shape (tokens,): those of the last character that is read with a token.

    Args:
        texts: what each token adds to the text.
    """
    text = "".join(texts)
    last = np.cumsum([len(part) for part in texts]) - 1
    return {
        name: np.where(last >= 0, np.append(function(text), 0.0)[last], 0.0) for name, function in PROPERTIES.items()
    }


def _in_spans(text: str, matches: Iterator[re.Match[str]], values_of: Callable[[int], NDArray[np.int64]]) -> Values:
    values = np.zeros(len(text))
    for match in matches:
        values[match.start() : match.end()] = values_of(match.end() - match.start())
    return values


def _paragraph_ends(text: str) -> set[int]:
    """Return the places of the newlines that end paragraphs."""
    return {match.start() for match in _PARAGRAPH.finditer(text)}
