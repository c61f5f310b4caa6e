"""Wraps long lines between words in the editor, and shows the ghost at the end of the text."""

import re
from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples, fragment_list_to_text
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.utils import get_cwidth

_WORD = re.compile(r"\S+\s*|\s+")


class WordWrap(Processor):
    """Fills lines with spaces, so that no word is divided; the ghost follows the last line.

    Args:
        ghost: returns the text of the ghost.
    """

    def __init__(self, ghost: Callable[[], str]) -> None:
        self._ghost = ghost

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return a line as it is displayed."""
        line = transformation_input
        fragments = explode_text_fragments(line.fragments)
        if line.lineno == line.document.line_count - 1:
            fragments = explode_text_fragments([*fragments, ("class:ghost", self._ghost())])
        padding = _padding(fragment_list_to_text(fragments), line.width)
        if not padding:
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        for place, fragment in enumerate(fragments):
            shown += [("", " " * padding.get(place, 0)), fragment]
        return Transformation(shown, _displayed(padding), _source(padding))


def _padding(text: str, width: int) -> dict[int, int]:
    """Return the number of spaces to insert before words, by the place of their first character."""
    found, column = {}, 0
    for match in _WORD.finditer(text):
        length = get_cwidth(match[0].rstrip())
        if column and column + length >= width > length:  # the last column is for the space after a word
            found[match.start()] = width - column
            column = 0
        column = (column + get_cwidth(match[0])) % width
    return found


def _displayed(padding: dict[int, int]) -> Callable[[int], int]:
    return lambda place: place + sum(size for before, size in padding.items() if before <= place)


def _source(padding: dict[int, int]) -> Callable[[int], int]:
    def source(place: int) -> int:
        for before, size in padding.items():
            if place < before + size:
                return min(place, before)
            place -= size
        return place

    return source
