"""How pictures are drawn whose texts may come from anywhere."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_texts() -> Iterator[None]:
    """Draw texts as they are, between dollars too, and boxes for signs that the font lacks; usable as a decorator."""
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield
