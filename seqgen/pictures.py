"""Drawing of pictures with arbitrary text."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_MAX_LENGTH = 50  # characters


@contextmanager
def any_font() -> Iterator[None]:
    """Suppress warnings on characters that the font lacks, which are drawn as boxes; usable as a decorator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


def literal(text: str) -> str:
    """Escape a title or label for matplotlib, which treats `$` as a formula and hides labels that start with `_`.

    Long texts are shortened in the middle.
    """
    if len(text) > _MAX_LENGTH:
        half = _MAX_LENGTH // 2
        text = f"{text[:half]}...{text[-half:]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
