"""How pictures are drawn whose texts may come from anywhere."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_MAX_LENGTH = 50  # characters


@contextmanager
def any_font() -> Iterator[None]:
    """Draw a box for each character that the font lacks, without a warning; usable as a decorator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


def literal(text: str) -> str:
    """Return a title or label for matplotlib to draw as it is: no formula between dollars, none hidden by its `_`.

    The middle of a long one is left out, so that it fits into the picture.
    """
    if len(text) > _MAX_LENGTH:
        half = _MAX_LENGTH // 2
        text = f"{text[:half]}...{text[-half:]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
